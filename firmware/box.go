// Package firmware is the whole box: configuration in, supervision tree out. It knows
// every part and nobody imports it but the program and the tests of the whole.
//
// tree.go lists everything that runs. arch_test.go is the map of the packages.
//
// Promises:
//   - One program uses a data folder at a time.
//   - A configuration with a fault starts nothing and says where the fault is.
//   - A damaged database is set aside and the box starts; the admin page says so.
//   - Serve ends in order: the door closes, rooms are saved, the disk is last.
package firmware

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/network"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/update"
)

// Parts are what a box is given beside its configuration. The zero value of each works
// but for Pages.
type Parts struct {
	Board hal.Board
	Log   *slog.Logger    // nil: silence
	Tail  func() []string // the last lines of the log, for the admin page
	Pages fs.FS           // the built pages
	// Listen opens the door's listeners; nil is the network. Tests give one in memory.
	Listen func(addr string) (net.Listener, error)
	// Sealed leaves out all that speaks to the machine beyond the door and the disk: no
	// control socket, no mDNS. For tests on a fake clock.
	Sealed bool
	// Program is what does heavy work as `work NAME`; empty: this program.
	Program string
	// Stderr is where the processes of this box write their log; nil: nowhere.
	Stderr io.Writer
	// Door is the first process of the appliance that this program runs on; nil: there is none.
	Door *door.Client
	// Release is the system that this program came with; empty on anything but an appliance.
	Release Release
	// Sticks finds bundles on USB sticks; nil: there are no sticks.
	Sticks func() ([]update.Stick, error)
	// Features are there beside those of the tree. For tests that make a room crash.
	Features []room.Kind
}

// Box is one box. It is used once: New, Serve, and Close if Serve was not called.
type Box struct {
	cfg    Config
	parts  Parts
	folder *Folder
	began  time.Time

	registry *prometheus.Registry
	reports  *supervise.Reports
	health   *health.Health
	history  *health.History
	journal  *journal.Journal
	roster   *roster.Roster
	library  *library.Library
	letters  *jobs.Jobs
	rooms    *room.Rooms
	sessions *session.Hub
	gateway  *gateway.Gateway
	ledger   *cloud.Ledger
	cloud    *cloud.Cloud
	defs     map[event.Kind]event.Def // of the box's own streams
	root     *supervise.Supervisor

	updater   *update.Updater // nil, as the one below: this machine has one system only
	near      *neighbours
	nodes     *media.Switch // nil, as the two below: this box carries no media
	processes *supervise.Supervisor
	exchange  *exchange

	ready chan struct{}
	once  sync.Once // closes ready
}

// New takes the data folder, opens what is in it and builds the parts. Nothing runs
// before Serve.
func New(cfg Config, parts Parts) (*Box, error) {
	b, err := open(cfg, parts)
	if err != nil {
		return nil, err
	}
	if err := b.build(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// open is a box with its databases and nothing else.
func open(cfg Config, parts Parts) (*Box, error) {
	if cfg.Data == "" {
		return nil, errs.Field("firmware", "data", "missing", 0, "the data folder is not named")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if parts.Log == nil {
		parts.Log = slog.New(slog.DiscardHandler)
	}
	if parts.Tail == nil {
		parts.Tail = func() []string { return nil }
	}
	folder, err := OpenFolder(cfg.Data)
	if err != nil {
		return nil, err
	}
	b := &Box{cfg: cfg, parts: parts, folder: folder, began: time.Now(), ready: make(chan struct{})}
	if err := b.open(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// open opens the databases.
func (b *Box) open() error {
	b.registry = prometheus.NewRegistry()
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	b.health = health.New(b.registry)
	b.reports = supervise.NewReports(b.log("supervise"), b.registry)
	if err := os.MkdirAll(b.folder.Name("tls"), 0o700); err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	var err error
	if b.journal, err = journal.Open(b.cfg.journal(), b.log("journal"), b.registry); err != nil {
		return err
	}
	if b.roster, err = roster.Open(b.cfg.roster(), b.log("roster")); err != nil {
		return err
	}
	if err := b.openLibrary(); err != nil {
		return err
	}
	if b.parts.Door != nil {
		b.suggestName()
	}
	b.found("library", b.library.Found())
	b.found("journal", b.journal.Found())
	b.found("roster", b.roster.Found())
	if f := checkClock(time.Now()); f.Level != health.OK {
		b.health.Set("clock", f.Level, "clock_not_set", f.What+": "+f.Mend)
	}
	return nil
}

// openLibrary opens the library with the secret that the roster keeps: a backup has both.
func (b *Box) openLibrary() error {
	secret, err := b.roster.Secret()
	if err != nil {
		return err
	}
	at := libraryAt(b.folder.Name(libraryFile))
	at.Secret = secret
	b.library, err = library.Open(at, b.log("library"))
	return err
}

// suggestName gives an appliance that nobody has claimed the name that its settings have for
// it, or the one made of its own number, which is the machine's host name.
func (b *Box) suggestName() {
	made, err := os.Hostname()
	if err == nil {
		own := b.cfg.Box.WithDefaults()
		err = b.roster.Suggest(own.Called(b.parts.Board.Serial, made), own.Lang)
	}
	if err != nil {
		b.log("firmware").Warn("the box has no name yet", "err", err) // who claims it gives it one
	}
}

// found tells people what opening a database met.
func (b *Box) found(name string, f journal.Found) {
	switch {
	case f.SetAside != "":
		b.health.Set(name, health.Warn, "set_aside",
			"the database was damaged and set aside as "+filepath.Base(f.SetAside)+"; a fresh one was begun: "+f.Reason)
	case f.Reason != "":
		b.health.Set(name, health.Warn, "damaged", "the database has damage that it survives: "+f.Reason)
	default:
		b.health.Set(name, health.OK, "", "")
	}
}

// build makes the services, lower ranks first.
func (b *Box) build() error {
	clock := newClock()
	b.roster.Clocked(func() int64 { return clock.Now().Wall })
	b.history = health.NewHistory(clock, b.registry)
	b.letters = jobs.New(b.journal, clock, b.log("jobs"), b.registry, b.kinds()...)
	b.buildMedia()
	b.rooms = room.New(b.cfg.Room, room.Deps{
		Journal: b.journal, Clock: clock, Bury: b.bury, Observe: b.reports.Add, Log: b.log("room"), Metrics: b.registry,
	}, append(features(b.callExchange()), b.parts.Features...)...)
	b.sessions = session.New(b.cfg.Session, session.Deps{
		Rooms: b.rooms, Exists: b.roster.Exists, Observe: b.reports.Add, Log: b.log("session"), Metrics: b.registry,
	})
	if err := b.buildCloud(clock); err != nil {
		return err
	}
	if err := b.buildUpdate(); err != nil {
		return err
	}
	deps := gateway.Deps{
		Roster: b.roster, Rooms: b.rooms, Sessions: b.sessions, Health: b.health, History: b.history, Clock: clock,
		Jobs: b.letters, Reports: b.reports, Library: b.library, Cloud: b.cloud,
		Tree: b.Tree, LogTail: b.parts.Tail, Backup: b.Backup, Export: b.privacy().export, Intake: b.readList, Pages: b.parts.Pages, Metrics: b.registry,
		WHIP: b.whipNode(), Media: b.mediaAdmin(), Log: b.log("gateway"), Version: b.cfg.Version, Data: b.folder.Name("tls"), Results: b.folder.Name(resultsDir),
		Capsule: b.capsule, Recordings: b.folder.Name(recordsDir), Listen: b.parts.Listen,
	}
	if b.updater != nil {
		deps.Update = b.updater
	}
	if b.parts.Door != nil {
		deps.Machine = newMachine(b.parts.Door)
		deps.Captive = network.NewCaptive(b.cfg.Network.WithDefaults().Domain).Handler
	}
	b.gateway = gateway.New(b.cfg.Gateway, deps)
	b.root = supervise.New(b.tree())
	return nil
}

// log is the logger of one package.
func (b *Box) log(pkg string) *slog.Logger { return b.parts.Log.With("pkg", pkg) }

func random() uint64 {
	var n [8]byte
	rand.Read(n[:]) //nolint:errcheck // never fails since Go 1.24
	return binary.LittleEndian.Uint64(n[:])
}

// bury hands a dead letter of a room to the list that people see.
func (b *Box) bury(l room.Letter) {
	b.letters.Bury(jobs.Letter{
		Room: l.Room, Kind: l.Kind, By: l.By, Role: l.Role, Cmd: l.ID, Seq: l.Seq, Data: l.Data, Err: l.Err, Stack: string(l.Stack),
	})
}

// Serve runs the box until ctx ends, and then closes it. An error means that it could not
// start or gave up; nil is an end in order.
func (b *Box) Serve(ctx context.Context) error {
	if b.parts.Board.LED != nil {
		_ = b.parts.Board.LED.Set(hal.Booting) // the light is a comfort
	}
	err := b.root.Serve(ctx)
	return errors.Join(err, b.Close())
}

// started is the last child of the tree: all above it is ready.
func (b *Box) started(_ context.Context, ready func()) error {
	b.once.Do(func() { close(b.ready) })
	ready()
	return nil
}

// Ready is closed when people can connect.
func (b *Box) Ready() <-chan struct{} { return b.ready }

// Tree is everything that runs, as it is now.
func (b *Box) Tree() supervise.Status { return b.root.Tree() }

// Close closes the databases and leaves the folder to others.
func (b *Box) Close() error {
	var faults []error
	if b.journal != nil {
		faults = append(faults, b.journal.Close())
	}
	if b.roster != nil {
		faults = append(faults, b.roster.Close())
	}
	if b.library != nil {
		faults = append(faults, b.library.Close())
	}
	if b.cloud != nil {
		faults = append(faults, b.cloud.Close())
	}
	return errors.Join(append(faults, b.folder.Close())...)
}

// Backup writes a whole backup while the box runs, and notes that there is one.
func (b *Box) Backup(w io.Writer) error {
	box, err := b.roster.Box()
	if err != nil {
		return err
	}
	m := Manifest{Version: b.cfg.Version, Box: box.ID, Made: time.Now().UTC()}
	if err := writeBackup(w, b.folder, m, databases(b)); err != nil {
		return err
	}
	if err := writeSynced(b.folder.Name(backedUp), nil); err != nil {
		b.parts.Log.Warn("the time of the backup was not noted", "err", err)
	}
	return nil
}

func (b *Box) control() *control {
	return &control{folder: b.folder, backup: b.Backup, health: b.health, media: b.mediaStates, updater: b.updater, log: b.log("control")}
}

func (b *Box) face() *face {
	f := &face{board: b.parts.Board, facts: b.Facts, health: b.health, log: b.log("board"), unclaim: b.roster.Unclaim}
	if b.parts.Door != nil {
		f.off = b.parts.Door.Off
	}
	return f
}

func (b *Box) watch() *watch {
	return &watch{data: b.folder.Path, journal: b.journal, health: b.health}
}

// advertise runs discover. The port is known once the gateway listens, which it does by
// the time this starts.
func (b *Box) advertise(ctx context.Context, ready func()) error {
	ready()
	box, err := b.roster.Box()
	if err != nil {
		return err
	}
	return discover.New(b.cfg.Discover, discover.Deps{
		Box: box.ID, Version: b.cfg.Version, Port: b.port(), Log: b.log("discover"),
		Report: func(err error) {
			if err != nil {
				b.health.Set("discover", health.Warn, errs.BodyOf(err).Code, err.Error())
				return
			}
			b.health.Set("discover", health.OK, "", "")
		},
	}).Serve(ctx)
}
