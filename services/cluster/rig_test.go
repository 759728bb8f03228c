package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/clustertest"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box is journal, rooms, cluster and sessions behind a real HTTP server. Signing in is part of the
// gateway, so the query of the URL names the person.
type box struct {
	t       testing.TB
	id      string
	journal *journal.Journal
	rooms   *room.Rooms
	cluster *cluster.Cluster
	bus     *fragileBus
	net     *wiretest.Net
	stop    func()
	crashes func() []supervise.Report
}

// fragileBus is a bus that crashes its user once when broken is set.
type fragileBus struct {
	cluster.Bus
	broken atomic.Bool
}

func (f *fragileBus) Publish(subject string, data []byte) error {
	if f.broken.CompareAndSwap(true, false) {
		panic("the bus is broken")
	}
	return f.Bus.Publish(subject, data)
}

// ownerOf is who owns the rooms of the tests: room "a1" is box a's.
func ownerOf(id string) string { return id[:1] }

// newBox starts a box on the databases in dir, which it may find from its last run.
func newBox(t testing.TB, net *clustertest.Net, id, dir string, kinds ...room.Kind) *box {
	t.Helper()
	b := &box{t: t, id: id, bus: &fragileBus{Bus: net.Box(id)}, net: wiretest.NewNet()}
	log, reg := slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry()
	if os.Getenv("LIVELEARN_SIMULATION_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("box", id)
	}
	var err error
	b.journal, err = journal.Open(journal.Config{Path: filepath.Join(dir, id+".db"), NoBallast: true}, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var reports []supervise.Report
	observe := func(r supervise.Report) { mu.Lock(); reports = append(reports, r); mu.Unlock() }
	b.crashes = func() []supervise.Report { mu.Lock(); defer mu.Unlock(); return slices.Clone(reports) }
	bury := func(l room.DeadLetter) { t.Errorf("%s set aside: %s %s", id, l.Kind, l.Err) }
	b.rooms = room.New(room.Config{}, room.Deps{
		Journal: b.journal, Clock: event.NewClock(1), Log: log, Metrics: reg, Observe: observe, OnDeadLetter: bury,
	}, append([]room.Kind{chat.Kind, hand.Kind, quiz.Kind}, kinds...)...)
	b.cluster = cluster.New(cluster.Deps{
		Self: id, Bus: b.bus, Rooms: b.rooms, Journal: b.journal, Owner: ownerOf, Admit: admit,
		OnDeadLetter: bury, Observe: observe, Log: log, Metrics: reg,
	})
	hub := session.New(session.Config{Rate: 1000, Burst: 1000}, session.Deps{
		Rooms: b.cluster, Exists: func(string) bool { return true }, Log: log, Metrics: reg, Observe: observe,
	})
	b.serve(hub)
	t.Cleanup(b.stop)
	return b
}

// grantOf is the grant of a person of the tests, as the box of the rooms would give it.
func grantOf(user string) room.Grant {
	return room.Grant{Word: []byte("grant of " + user), Key: []byte("key of " + user)}
}

// admit knows people by their grants.
func admit(_ string, s *room.Seat) (cluster.Admission, error) {
	g := grantOf(s.Viewer.User)
	if !bytes.Equal(s.Grant.Word, g.Word) {
		return cluster.Admission{}, errs.NewCode("test", errs.Denied, "signed_out", "no grant")
	}
	return cluster.Admission{Name: "Name of " + s.Viewer.User, Device: "d", Key: g.Key}, nil
}

func (b *box) serve(hub *session.Hub) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		id := session.Identity{User: q.Get("user"), Grant: grantOf(q.Get("user")), Name: "Name of " + q.Get("user"), Role: event.Pupil}
		if strings.HasPrefix(id.User, "t") {
			id.Role = event.Teacher
		}
		hub.Accept(w, req, id)
	})}
	ctx, cancel := context.WithCancel(context.Background())
	up := make(chan struct{})
	isUp := sync.OnceFunc(func() { close(up) })
	last := supervise.Child{ID: "up", Start: func(ctx context.Context, ready func()) error {
		ready()
		isUp()
		<-ctx.Done()
		return nil
	}}
	sup := supervise.New(supervise.Spec{Name: b.id, Strategy: supervise.RestForOne, Children: []supervise.Child{
		supervise.Run("journal", b.journal), supervise.Run("rooms", b.rooms), supervise.Run("cluster", b.cluster), hub.Child(), last,
	}})
	var done sync.WaitGroup
	done.Go(func() {
		if err := sup.Serve(ctx); err != nil && !errors.Is(err, context.Canceled) {
			b.t.Error("supervisor:", err)
		}
	})
	done.Go(func() { _ = srv.Serve(b.net) })
	<-up
	b.stop = sync.OnceFunc(func() {
		_ = srv.Close()
		cancel()
		done.Wait()
		if err := b.journal.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

// open starts a lesson in a room of this box.
func (b *box) open(id string) {
	b.t.Helper()
	_, err := b.rooms.Call(context.Background(), id, room.Message{
		Name: "lesson.start", By: event.Viewer{User: "t1", Role: event.Teacher},
		Data: fmt.Appendf(nil, `{"lesson":"l-%s","title":"Planets"}`, id),
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// person is somebody with a socket at this box who is not in the room yet.
func (b *box) person(user, id string) *wiretest.Member {
	return &wiretest.Member{Dial: b.net.Dial, Room: id, URL: "ws://box/socket/websocket?vsn=2.0.0&user=" + user}
}

func (b *box) joined(user, id string) *wiretest.Member {
	b.t.Helper()
	m := b.person(user, id)
	if _, err := m.Connect(); err != nil {
		b.t.Fatalf("%s at %s in %s: %v", user, b.id, id, err)
	}
	return m
}

// tempDir is a folder in memory if the machine has that: the tests commit often.
func tempDir(t testing.TB) string {
	t.Helper()
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "cluster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// withBoxes runs a test in fake time with the boxes a and b, each with a room where a lesson is on.
func withBoxes(t *testing.T, seed uint64, kinds []room.Kind, test func(*testing.T, *clustertest.Net, *box, *box)) {
	t.Helper()
	dir := tempDir(t)
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNet(seed)
		net.SetWeather(clustertest.Weather{MinDelay: 100 * time.Microsecond, MaxDelay: 3 * time.Millisecond})
		a, b := newBox(t, net, "a", dir, kinds...), newBox(t, net, "b", dir, kinds...)
		a.open("a1")
		b.open("b1")
		test(t, net, a, b)
		for _, x := range []*box{a, b} {
			x.stop()
		}
		net.Wait()
	})
}

func say(id, text, to string) wiretest.Command {
	return wiretest.Command{ID: id, Name: "chat.say", Payload: map[string]any{"text": text, "to": to}}
}

func must(t testing.TB, m *wiretest.Member, c wiretest.Command) wiretest.Body {
	t.Helper()
	b, err := m.SendCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seenKinds(m *wiretest.Member) (kinds []string) {
	for _, e := range m.SeenEvents() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func noFaults(t testing.TB, list ...*wiretest.Member) {
	t.Helper()
	for _, m := range list {
		if f := m.Faults(); len(f) > 0 {
			t.Errorf("against the protocol: %v", f)
		}
	}
}
