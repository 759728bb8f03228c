package cloud_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/update"
	"github.com/livelearn/box/services/update/bundle"
)

func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// newPublisher returns a signed bundle of version 1.1.0, build 11, and the root that boxes trust.
func newPublisher(t *testing.T) (root, file []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = bundle.NewRoot([]ed25519.PrivateKey{key}, 1); err != nil {
		t.Fatal(err)
	}
	work, err := os.CreateTemp(t.TempDir(), "work")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = work.Close() }()
	var out bytes.Buffer
	m := bundle.Manifest{Board: "pc", Version: "1.1.0", Build: 11, Data: 1}
	parts := []bundle.Source{{Part: "boot", Data: bytes.NewReader(randomBytes(1, 100_000))}, {Part: "root", Data: bytes.NewReader(randomBytes(2, 300_000))}}
	if err := bundle.WriteBundle(&out, m, parts, bundle.Signer{Roots: [][]byte{root}, Keys: []ed25519.PrivateKey{key}}, work); err != nil {
		t.Fatal(err)
	}
	return root, out.Bytes()
}

// updatableBox is a box with a link, an updater and two slots. A restart starts the slot that the
// updater asked for.
type updatableBox struct {
	*cloudBox
	id      string
	root    []byte // that it trusts
	way     cloud.Transport
	slot    hal.Slot
	version string
	build   int
	school  *schoolFixture
	updater *update.Updater

	mu        sync.Mutex
	restarted bool // guarded by mu; the updater asked for it
}

func slotOptions(slot hal.Slot) string { return slots.KernelOptions(slot, slots.RootByName(slot)) }

func startUpdatable(t *testing.T, id string, root []byte, way cloud.Transport) *updatableBox {
	t.Helper()
	b := &updatableBox{id: id, root: root, way: way, slot: hal.SlotA, version: "1.0.0", build: 10, school: newSchoolFixture(t, t.TempDir())}
	for name, data := range map[string][]byte{
		"loader/entries/livelearn-a.conf": []byte("sort-key 99999999\nversion 1.0.0\nlinux /a/vmlinuz\noptions quiet " + slotOptions(hal.SlotA) + "\n"),
		"a/vmlinuz":                       randomBytes(3, 100_000), "b/.keep": nil, "root-a": randomBytes(4, 1_000_000), "root-b": make([]byte, 1_000_000),
	} {
		path := filepath.Join(b.school.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.start(t)
	t.Cleanup(func() { b.stop() })
	return b
}

// start starts the program of the slot that runs.
func (b *updatableBox) start(t *testing.T) {
	t.Helper()
	log, dir := slog.New(slog.DiscardHandler), b.school.dir
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true, Pace: -1}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.cloudBox = &cloudBox{t: t, journal: j, clock: event.NewClock(uint64(time.Now().UnixNano())), health: health.New(nil)}
	b.ledger = cloud.NewLedger(j, b.clock, log)
	b.updater, err = update.New(update.Config{AllowPrivate: true}, update.Deps{
		Slots: &slots.EFI{
			Folder: slots.Folder{Dir: dir}, Booted: b.slot, Options: slotOptions,
			Roots:  map[hal.Slot]string{hal.SlotA: filepath.Join(dir, "root-a"), hal.SlotB: filepath.Join(dir, "root-b")},
			Reboot: func(context.Context, string) error { b.mu.Lock(); defer b.mu.Unlock(); b.restarted = true; return nil },
		},
		Board: "pc", Version: b.version, Build: b.build, Data: 1, ID: b.id, Root: b.root, Dir: filepath.Join(dir, "updates"),
		Healthy: func() (bool, string) { return true, "" }, LessonOpen: func() bool { return false }, Now: time.Now, Log: log,
		Progress: func(ctx context.Context, p update.Progress) error {
			return b.ledger.AppendFact(ctx, cloud.Progressed, cloud.UpdateProgress(p))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.school.Update = func(ctx context.Context, u *cloud.Update) error {
		if u == nil {
			return b.updater.SetOffer(ctx, nil)
		}
		return b.updater.SetOffer(ctx, new(update.Offer(*u)))
	}
	defs := map[event.Kind]event.Def{}
	for _, d := range cloud.Events() {
		defs[d.Kind] = d
	}
	b.Cloud, err = cloud.New(cloud.Config{Path: filepath.Join(dir, "cloud.db")}.Quick(), cloud.Deps{
		Journal: j, Ledger: b.ledger, Clock: b.clock, Health: b.health, Transport: b.way, Down: b.school.Downlink, Version: b.version, Log: log,
		Def:    func(k event.Kind) (event.Def, bool) { d, ok := defs[k]; return d, ok },
		Box:    func() (string, string, error) { return b.id, "Box " + b.id, nil },
		Lists:  func() ([]cloud.Listing, error) { return nil, nil },
		Report: func() cloud.Report { return cloud.Report{Board: "pc", Build: b.build, Worst: "ok"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, serve := range []func(context.Context) error{j.Serve, b.ledger.Serve, b.Serve, b.updater.Serve} {
		b.startService(serve)
	}
}

// hasRestarted reports whether the updater asked for a restart.
func (b *updatableBox) hasRestarted() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.restarted }

// restart stops the program and starts that of the other slot, as the firmware does for a trial.
func (b *updatableBox) restart(t *testing.T) {
	t.Helper()
	b.stop()
	entries := filepath.Join(b.school.dir, "loader/entries")
	if err := os.Rename(entries+"/livelearn-b+2.conf", entries+"/livelearn-b+1-1.conf"); err != nil {
		t.Fatal(err)
	}
	b.slot, b.version, b.build = hal.SlotB, "1.1.0", 11
	b.start(t)
}

// TestARolloutReachesBoxesThroughTheirLinks has a real Postgres, a node, a box with a link to the node
// and a box with a login of the database. The first stage installs a signed release; the box of the
// second trusts other keys, refuses it, and the rollout stops by itself.
func TestARolloutReachesBoxesThroughTheirLinks(t *testing.T) {
	d := newDirectLink(t)
	w := newWebLink(t, d)
	root, file := newPublisher(t)
	foreign, _ := newPublisher(t)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(file))
	}))
	defer srv.Close()
	// The order of the boxes comes from their ids and the build: b_1 is before b_2.
	first, second := startUpdatable(t, "b_1", root, d), startUpdatable(t, "b_2", foreign, w)
	for _, b := range []*updatableBox{first, second} {
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		b.Sync()
	}
	waitFor(t, timetest.Patience, "both boxes report their board", func() bool {
		return d.queryInt(t, `select count(*) from livelearn.boxes_seen where report ->> 'board' = 'pc'`) == 2
	})
	release, err := d.AddRelease(t.Context(), pg.Release{Board: "pc", Version: "1.1.0", Build: 11, URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.StartRollout(t.Context(), pg.RolloutPlan{Release: release, Stages: []string{"1", "all"}})
	if err != nil {
		t.Fatal(err)
	}
	read := func() pg.Rollout {
		o, _, err := d.FindRollout(t.Context(), "", id)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	waitFor(t, timetest.Patience, "the first box restarts", func() bool { first.Sync(); second.Sync(); return first.hasRestarted() })
	if o := read(); o.Stage != 1 || o.Offered != 1 || second.hasRestarted() {
		t.Fatalf("%+v", o)
	}
	first.restart(t)
	waitFor(t, timetest.Patience, "the second stage begins", func() bool { first.Sync(); return read().Stage == 2 })
	waitFor(t, timetest.Patience, "the rollout stops by itself", func() bool { second.Sync(); return read().State == pg.RolloutStopped })
	if o := read(); o.Installed != 1 || o.Failed != 1 || !strings.HasPrefix(o.Why, "b_2: ") || second.hasRestarted() {
		t.Errorf("%+v", o)
	}
	if got, err := os.ReadFile(filepath.Join(second.school.dir, "root-b")); err != nil || !bytes.Equal(got, make([]byte, 1_000_000)) {
		t.Errorf("the refused release was written, %v", err)
	}
}
