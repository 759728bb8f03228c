// Package firmware is the whole box: configuration in, supervision tree out. It
// knows every part. Only the program and the tests of the whole import it.
//
// tree.go lists everything that runs. arch_test.go is the map of the packages.
//
// Promises:
//   - One program uses a data folder at a time.
//   - A configuration with a fault starts nothing and says where the fault is.
//   - A damaged database is set aside and the box starts. The admin page shows it.
//   - Serve ends in order: the HTTP listeners close, the rooms are saved, the journal closes last.
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
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/claimfile"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/diskwatch"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/firmware/handover"
	"github.com/livelearn/box/firmware/losses"
	"github.com/livelearn/box/firmware/machine"
	"github.com/livelearn/box/firmware/medianode"
	"github.com/livelearn/box/firmware/restore"
	"github.com/livelearn/box/firmware/retention"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/media/signaling"
	"github.com/livelearn/box/services/network"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/seal"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/update"
	"github.com/livelearn/box/services/update/neighbours"
)

// Parts are what a box gets in addition to its configuration. The zero value of each field
// works, except of Pages.
type Parts struct {
	Board   hal.Board
	Log     *slog.Logger    // nil: silence
	LogTail func() []string // the last lines of the log, for the admin page
	Pages   fs.FS           // the built pages
	// Simulated says that the board is simulated. The box then also serves the page of all components.
	Simulated bool
	// Listen opens the listeners of the gateway. Nil opens them in the network. Tests pass one in memory.
	Listen func(addr string) (net.Listener, error)
	// NoMachineIO leaves out all that uses the machine, except the listeners and the disk. There
	// is no control socket and no mDNS. Tests on a fake clock set it.
	NoMachineIO bool
	// Program is started as `PROGRAM task NAME` for heavy work. Empty: this program.
	Program string
	// Stderr is where the processes of this box write their log. Nil: nowhere.
	Stderr io.Writer
	// PID1 is the first process of the appliance that this program runs on. Nil: there is none.
	PID1 *initctl.Client
	// ReportAlive reports to the service manager that the box answers. It is nil if no manager
	// runs the box.
	ReportAlive func(context.Context, initctl.Alive) error
	// Release is the system that this program is part of. It is empty where the box takes no updates.
	Release Release
	// Boot is the partition of an appliance that any computer can read. Nil: there is none.
	Boot *slots.Folder
	// Wifi is the access point of an appliance. Nil: it makes none.
	Wifi func() claimfile.AccessPoint
	// Sticks finds bundles on USB sticks. Nil: there are no sticks.
	Sticks func() ([]update.Stick, error)
	// Estate is what another program of this box left to this one. Nil: it left nothing.
	Estate *handover.Estate
	// Predecessor is that program, if it still decides whether this one serves. Nil: this one decides.
	Predecessor *handover.Predecessor
	// Succession lets another program take the place of this one. Its zero value refuses.
	Succession control.Succession
	// Features are added to those of the tree. Tests add one that makes a room crash.
	Features []room.Kind
}

// Box is one box. It is used once: New, Serve, and Close if Serve was not called.
type Box struct {
	cfg       Config
	parts     Parts
	folder    *datafolder.Folder
	startedAt time.Time

	registry  *prometheus.Registry
	reports   *supervise.Reports
	health    *health.Health
	key       *seal.Key // nil: nothing is sealed
	losses    *losses.Losses
	history   *health.History
	journal   *journal.Journal
	roster    *roster.Roster
	library   *library.Library
	jobs      *jobs.Jobs
	audit     *audit.Log
	rooms     *room.Rooms
	sessions  *session.Hub
	gateway   *gateway.Gateway
	ledger    *cloud.Ledger
	cloud     *cloud.Cloud
	eventDefs map[event.Kind]event.Def // of the box's own streams
	root      *supervise.Supervisor

	networkCheck *networkCheck
	updater      *update.Updater // nil, as the one below: this machine has one system only
	neighbours   *neighbours.Watcher
	nodes        *medianode.Nodes // nil, as the one below: this box carries no media
	signaling    *signaling.Signaling
	mesh         *link.Mesh // nil, as the one below: this box connects to no other
	directory    *directory.Directory
	cluster      *cluster.Cluster

	ready     chan struct{}
	readyOnce sync.Once // closes ready

	stop     context.CancelFunc // ends Serve, which sets it
	restored atomic.Bool        // a restore was committed, and the box restarts

	listeners handover.Listeners
	leaving   atomic.Bool      // the box stops for another program
	estate    *handover.Estate // what it leaves, set before leaving
}

// New locks the data folder, opens its databases and builds the services. Nothing runs
// before Serve.
func New(cfg Config, parts Parts) (*Box, error) {
	b, err := openBox(cfg, parts)
	if err != nil {
		return nil, err
	}
	if err := b.buildServices(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.noteLosses()
	b.newDiskWatch().CheckOwner()
	return b, nil
}

// openBox opens the databases of a box and builds no service.
func openBox(cfg Config, parts Parts) (*Box, error) {
	if cfg.Data == "" {
		return nil, errs.NewField("firmware", "data", "missing", 0, "the data folder is not named")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if parts.Log == nil {
		parts.Log = slog.New(slog.DiscardHandler)
	}
	if parts.LogTail == nil {
		parts.LogTail = func() []string { return nil }
	}
	folder, err := datafolder.Open(cfg.Data)
	if err != nil {
		return nil, err
	}
	b := &Box{cfg: cfg, parts: parts, folder: folder, startedAt: time.Now(), ready: make(chan struct{})}
	if err := b.openDatabases(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// openDatabases opens the databases.
func (b *Box) openDatabases() error {
	b.registry = prometheus.NewRegistry()
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	b.health = health.New(b.registry)
	b.reports = supervise.NewReports(b.loggerFor("supervise"), b.registry)
	if err := os.MkdirAll(b.folder.PathOf("tls"), 0o700); err != nil {
		return errs.New("data folder", errs.Down, err)
	}
	b.losses = losses.Read(b.folder.Path, time.Now())
	b.saveLosses()
	if err := b.openKey(); err != nil {
		return err
	}
	people := b.cfg.rosterConfig()
	people.Sealer = b.key.For(datafolder.RosterFile)
	people.Used = len(b.losses.List)+len(losses.Present(b.folder.Path)) > 0
	var err error
	if b.roster, err = roster.Open(people, b.loggerFor("roster")); err != nil { // first: a folder with a journal has had a roster
		return err
	}
	facts := b.cfg.journalConfig()
	facts.Sealer = b.key.For(datafolder.JournalFile)
	if b.journal, err = journal.Open(facts, b.loggerFor("journal"), b.registry); err != nil {
		return err
	}
	if code := b.cfg.Box.ClaimCode.Reveal(); code != "" {
		if err := b.roster.SetClaimCode(code); err != nil {
			return err
		}
	}
	if err := b.openLibrary(); err != nil {
		return err
	}
	if b.parts.PID1 != nil {
		b.suggestName()
	}
	if err := b.roster.SetDefaultZone(b.cfg.Box.TimeZone); err != nil {
		return err
	}
	if own := b.cfg.Box; own.Admin != "" {
		if err := b.roster.SetOwner(own.Admin, own.AdminPIN.Reveal()); err != nil {
			return err
		}
	}
	b.reportMachine()
	if f := doctor.CheckClock(time.Now()); f.Level != health.OK {
		b.health.SetCheck("clock", f.Level, "clock_not_set", f.What+": "+f.Remedy)
	}
	return nil
}

// openLibrary opens the library with the secret from the roster. A backup holds both.
func (b *Box) openLibrary() error {
	secret, err := b.roster.Secret()
	if err != nil {
		return err
	}
	at := backup.LibraryConfig(b.folder.PathOf(datafolder.LibraryFile))
	at.Secret, at.Sealer = secret, b.key.For(datafolder.LibraryFile)
	b.library, err = library.Open(at, b.loggerFor("library"))
	return err
}

// suggestName gives an unclaimed appliance the name from its settings. Without one it gives
// the host name, which is made from the serial number.
func (b *Box) suggestName() {
	made, err := os.Hostname()
	if err == nil {
		own := b.cfg.Box.WithDefaults()
		err = b.roster.SuggestName(own.NameFor(b.parts.Board.Serial, made), own.Lang)
	}
	if err != nil {
		b.loggerFor("firmware").Warn("the box has no name yet", "err", err) // the person that claims the box gives it one
	}
}

// buildServices makes the services, lower ranks first.
func (b *Box) buildServices() error {
	clock := newClock()
	b.roster.UseClock(func() int64 { return clock.Now().Wall }, newElapsed(b.parts.NoMachineIO))
	b.history = health.NewHistory(clock, b.registry)
	b.jobs = jobs.New(b.journal, clock, b.loggerFor("jobs"), b.registry, b.jobKinds()...)
	b.audit = audit.New(b.journal, clock, b.loggerFor("audit"))
	b.auditRestore()
	b.buildMedia()
	b.rooms = room.New(b.cfg.Room, room.Deps{
		Journal: b.journal, Clock: clock, OnDeadLetter: b.addDeadLetter, Observe: b.reports.Add, Log: b.loggerFor("room"), Metrics: b.registry,
	}, append(listFeatures(b.callExchange()), b.parts.Features...)...)
	b.buildMesh()
	b.sessions = session.New(b.cfg.Session, session.Deps{
		Rooms: b.roomsOfAll(), Local: b.rooms, Exists: b.roster.HasRoom, KickGuests: b.kickGuests(), Observe: b.reports.Add, Log: b.loggerFor("session"), Metrics: b.registry,
	})
	if err := b.adoptEstate(); err != nil {
		return err
	}
	if err := b.buildCloud(clock); err != nil {
		return err
	}
	if err := b.buildUpdate(); err != nil {
		return err
	}
	b.networkCheck = b.newNetworkCheck()
	deps := gateway.Deps{
		Roster: b.roster, Rooms: b.rooms, Sessions: b.sessions, Health: b.health, History: b.history, Clock: clock,
		Jobs: b.jobs, Reports: b.reports, Audit: b.audit, Library: b.library, Cloud: b.cloud,
		Tree: b.Tree, LogTail: b.parts.LogTail, Backup: b.backupTo, Restore: b.newRestore(), Acknowledge: b.acknowledge, Export: b.newPrivacy().ExportPupil, Erase: b.newPrivacy().EnqueueErasure, ReadClassList: b.readClassList, MakePicture: b.makePicture, ReadQuiz: b.readQuiz, Pages: b.parts.Pages, Simulated: b.parts.Simulated, Metrics: b.registry,
		WHIP: b.whipNode(), Media: b.mediaAdmin(), Log: b.loggerFor("gateway"), Version: b.cfg.Version, Data: b.folder.PathOf("tls"), Results: b.folder.PathOf(datafolder.ResultsDir),
		Network: b.networkCheck, Wifi: b.wifi, Capsule: b.buildCapsule, Recordings: b.folder.PathOf(datafolder.RecordingsDir), Listen: b.parts.Listen,
	}
	if deps.Listen == nil {
		deps.Listen = b.listeners.Listen
	}
	if b.updater != nil {
		deps.Update = b.updater
	}
	if b.mesh != nil {
		deps.Boxes, deps.Directory = b.mesh, b.directory
	}
	if b.parts.PID1 != nil {
		deps.Machine = machine.New(b.parts.PID1)
		deps.Captive = network.NewCaptive(b.cfg.Network.WithDefaults().Domain).Handler
	}
	b.gateway = gateway.New(b.gatewayConfig(), deps)
	b.root = supervise.New(b.supervisionTree())
	return nil
}

// loggerFor returns the logger of one package.
func (b *Box) loggerFor(pkg string) *slog.Logger { return b.parts.Log.With("pkg", pkg) }

func randomUint64() uint64 {
	var n [8]byte
	rand.Read(n[:])
	return binary.LittleEndian.Uint64(n[:])
}

// addDeadLetter adds a dead letter of a room to the list on the admin page.
func (b *Box) addDeadLetter(l room.DeadLetter) {
	b.jobs.AddDeadLetter(jobs.DeadLetter{
		Room: l.Room, Kind: l.Kind, By: l.By, Role: l.Role, Cmd: l.ID, Seq: l.Seq, Data: l.Data, Err: l.Err, Stack: string(l.Stack),
	})
}

// ErrRestart says that the program must start the box again: it has the data of a backup now.
var ErrRestart = errors.New("the box restarts with the data of a backup")

// Serve runs the box until ctx ends, and then closes it. Nil means that it stopped in order.
// ErrRestart means that a restore stopped it. ErrLeft means that HandOver did. Another error means that the box could not start or
// gave up.
func (b *Box) Serve(ctx context.Context) error {
	if b.parts.Board.LED != nil {
		_ = b.parts.Board.LED.Set(hal.Booting) // the light is a comfort
	}
	ctx, b.stop = context.WithCancel(ctx)
	defer b.stop()
	err := b.root.Serve(ctx)
	if b.leaving.Load() {
		b.estate.Sockets = b.sessions.TakeParked()
	}
	err = errors.Join(err, b.Close())
	if b.leaving.Load() {
		return b.finishLeaving(err)
	}
	if err == nil && b.restored.Load() {
		return ErrRestart
	}
	return err
}

// newRestore makes the service that restores backups from the admin page.
func (b *Box) newRestore() *restore.Service {
	return restore.New(restore.Deps{
		Folder: b.folder, Roster: b.roster, Library: b.library,
		Restart: func() { b.restored.Store(true); b.stop() },
	})
}

// markReady is the last child of the tree. It runs when all children above it are ready.
func (b *Box) markReady(_ context.Context, ready func()) error {
	b.readyOnce.Do(func() { close(b.ready) })
	ready()
	return nil
}

// Ready is closed when people can connect.
func (b *Box) Ready() <-chan struct{} { return b.ready }

// Tree returns the state of everything that runs.
func (b *Box) Tree() supervise.Status { return b.root.Tree() }

// Close closes the databases and unlocks the folder.
func (b *Box) Close() error {
	var faults []error
	if !b.leaving.Load() { // people wait meanwhile, and the box continues
		b.copyDatabases(false)
	}
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
	if b.restored.Load() { // before the configuration is read again; the next start repeats it where it fails
		faults = append(faults, b.folder.FinishRestore())
	}
	return errors.Join(append(faults, b.folder.Close())...)
}

func (b *Box) newControlServer() *control.Server {
	return &control.Server{Folder: b.folder, Boxes: b.mesh, Record: b.recordCommand, Backup: b.Backup, Health: b.health, Media: b.mediaStates, Status: b.Status, Updater: b.updater, Version: b.cfg.Version, Succession: b.parts.Succession, Log: b.loggerFor("control")}
}

func (b *Box) newStatusDisplay() *display.Display {
	f := &display.Display{Board: b.parts.Board, Status: b.Status, Health: b.health, Log: b.loggerFor("display"), Unclaim: b.unclaim}
	if b.parts.PID1 != nil {
		f.PowerOff = b.parts.PID1.PowerOff
	}
	return f
}

func (b *Box) claimFile() *claimfile.File {
	c := &claimfile.File{Folder: b.parts.Boot, Code: b.roster.ClaimCode, Facts: b.Status, Wifi: b.parts.Wifi, Health: b.health, Log: b.loggerFor("claim")}
	if c.Wifi == nil {
		c.Wifi = func() claimfile.AccessPoint { return claimfile.AccessPoint{} }
	}
	return c
}

// wifi returns the Wi-Fi that the box makes now, for its label.
func (b *Box) wifi() (name, passphrase string) {
	if b.parts.Wifi == nil {
		return "", ""
	}
	ap := b.parts.Wifi()
	if !ap.On {
		return "", ""
	}
	return ap.Name, ap.Passphrase.Reveal()
}

func (b *Box) newRetention() *retention.Service {
	return &retention.Service{
		Journal: b.journal, Roster: b.roster, EventDef: b.eventDef, Results: b.folder.PathOf(datafolder.ResultsDir), Recordings: b.folder.PathOf(datafolder.RecordingsDir),
		Health: b.health, Log: b.loggerFor("retention"),
	}
}

func (b *Box) newDiskWatch() *diskwatch.Watch {
	return &diskwatch.Watch{Data: b.folder.Path, Journal: b.journal, Locked: b.roster.Locked, Health: b.health}
}

// boxName returns the name of the box, empty if it cannot be read.
func (b *Box) boxName() string {
	box, _ := b.roster.Box()
	return box.Name
}

// advertiseBox runs discover. The gateway listens before this starts, so its port is known.
func (b *Box) advertiseBox(ctx context.Context, ready func()) error {
	ready()
	box, err := b.roster.Box()
	if err != nil {
		return err
	}
	return discover.New(b.cfg.Discover, discover.Deps{
		Box: box.ID, Version: b.cfg.Version, Port: b.httpPort(), Name: b.boxName, Log: b.loggerFor("discover"),
		Report: func(err error) {
			if err != nil {
				b.health.SetCheck("discover", health.Warn, errs.BodyOf(err).Code, err.Error())
				return
			}
			b.health.SetCheck("discover", health.OK, "", "")
		},
	}).Serve(ctx)
}
