package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire/wiretest"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv("LIVELEARN_GENERATOR"); spec != "" {
		runGenerator(spec)
		return
	}
	goleak.VerifyTestMain(m)
}

// rig is journal, rooms and sessions behind a real HTTP server. The query of the
// URL names the person, because signing in is part of the gateway.
type rig struct {
	t       testing.TB
	journal *journal.Journal
	rooms   *room.Rooms
	hub     *session.Hub
	net     *wiretest.Net
	reg     *prometheus.Registry
	stop    func()

	mu      sync.Mutex
	letters []room.DeadLetter
	reports []supervise.Report
}

func newRig(t testing.TB, dir string, cfg session.Config, kinds ...room.Kind) *rig {
	t.Helper()
	r := &rig{t: t, net: wiretest.NewNet()}
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if _, ok := t.(*testing.B); ok {
		log = slog.New(slog.DiscardHandler)
	}
	reg := prometheus.NewRegistry()
	r.reg = reg
	var err error
	r.journal, err = journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	observe := func(rep supervise.Report) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reports = append(r.reports, rep)
	}
	r.rooms = room.New(room.Config{}, room.Deps{
		Journal: r.journal, Clock: event.NewClock(1), Log: log, Metrics: reg, Observe: observe,
		OnDeadLetter: func(l room.DeadLetter) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.letters = append(r.letters, l)
		},
	}, append([]room.Kind{chat.Kind, hand.Kind, reaction.Kind}, kinds...)...)
	r.hub = session.New(cfg, session.Deps{
		Rooms: r.rooms, Exists: func(id string) bool { return id == "c1" || id == "c2" },
		Log: log, Metrics: reg, Observe: observe,
	})
	r.serve()
	t.Cleanup(r.stop)
	return r
}

// testLog writes to the test's own log, which ends before the test does.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) { l.t.Logf("%s", p); return len(p), nil }

func (r *rig) serve() {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		id := session.Identity{User: q.Get("user"), Name: "Name of " + q.Get("user"), Role: event.Pupil, Room: "c1", Home: q.Get("home")}
		if q.Get("role") == "teacher" {
			id.Role, id.Room = event.Teacher, ""
			id.MayEnter = func(string) bool { return id.User != "t9" } // a teacher of no class
		}
		r.hub.Accept(w, req, id)
	})}
	ctx, cancel := context.WithCancel(context.Background())
	up := make(chan struct{})
	last := supervise.Child{ID: "up", Start: func(ctx context.Context, ready func()) error {
		ready()
		close(up)
		<-ctx.Done()
		return nil
	}}
	sup := supervise.New(supervise.Spec{Name: "box", Strategy: supervise.RestForOne, Children: []supervise.Child{
		supervise.Run("journal", r.journal), supervise.Run("rooms", r.rooms), r.hub.Child(), last,
	}})
	var done sync.WaitGroup
	done.Go(func() {
		if err := sup.Serve(ctx); err != nil && !errors.Is(err, context.Canceled) {
			r.t.Error("supervisor:", err)
		}
	})
	done.Go(func() { _ = srv.Serve(r.net) })
	<-up
	r.stop = sync.OnceFunc(func() {
		_ = srv.Close()
		cancel()
		done.Wait()
		if err := r.journal.Close(); err != nil {
			r.t.Error(err)
		}
	})
}

// lesson opens a lesson in room c1.
func (r *rig) lesson(id string) { r.t.Helper(); r.lessonIn("c1", id) }

func (r *rig) lessonIn(in, id string) {
	r.t.Helper()
	_, err := r.rooms.Call(context.Background(), in, room.Message{
		Name: "lesson.start", By: event.Viewer{User: "t1", Role: event.Teacher},
		Data: fmt.Appendf(nil, `{"lesson":%q,"title":"Planets"}`, id),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// member is a person who is not connected yet.
func (r *rig) member(user string) *wiretest.Member {
	role := "pupil"
	if user[0] == 't' {
		role = "teacher"
	}
	return &wiretest.Member{
		Dial: r.net.Dial, Room: "c1",
		URL: "ws://box/socket/websocket?vsn=2.0.0&user=" + user + "&role=" + role,
	}
}

// joined is a member in the room.
func (r *rig) joined(user string) *wiretest.Member {
	r.t.Helper()
	m := r.member(user)
	if _, err := m.Connect(); err != nil {
		r.t.Fatalf("%s: %v", user, err)
	}
	return m
}

func (r *rig) buried() []room.DeadLetter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]room.DeadLetter(nil), r.letters...)
}

// withRig runs a test with a rig in fake time. The file system is real.
func withRig(t *testing.T, cfg session.Config, kinds []room.Kind, test func(*testing.T, *rig)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "session")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, cfg, kinds...)
		r.lesson("l1")
		test(t, r)
	})
}

func sayCommand(id, text, to string) wiretest.Command {
	return wiretest.Command{ID: id, Name: "chat.say", Payload: map[string]any{"text": text, "to": to}}
}

// saidTexts returns the chat texts that a member has seen, in order.
func saidTexts(t testing.TB, m *wiretest.Member) (out []string) {
	t.Helper()
	if f := m.Faults(); len(f) > 0 {
		t.Fatal(f)
	}
	for _, e := range m.SeenEvents() {
		if e.Kind == "chat.said" {
			out = append(out, textOf(e))
		}
	}
	return out
}
