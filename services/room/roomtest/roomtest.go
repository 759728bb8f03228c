// Package roomtest runs rooms over a real journal without sockets, for the tests of
// features.
package roomtest

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire"
)

// People that most tests need.
var (
	Ada = event.Viewer{User: "t1", Role: event.Teacher}
	Ben = event.Viewer{User: "p1", Role: event.Pupil}
	Cid = event.Viewer{User: "p2", Role: event.Pupil}
)

// Harness is a journal and rooms. All its tests use the room "c1".
type Harness struct {
	Rooms *room.Rooms
	Stop  func()

	t           testing.TB
	mu          sync.Mutex
	deadLetters []room.DeadLetter // guarded by mu
}

// New starts rooms on the databases in dir, and stops them at the end of the test.
func New(t testing.TB, dir string, cfg room.Config, kinds ...room.Kind) *Harness {
	t.Helper()
	return NewBoot(t, dir, 1, cfg, kinds...)
}

// NewBoot is New with another boot in the stamps: a box that was started again.
func NewBoot(t testing.TB, dir string, boot uint64, cfg room.Config, kinds ...room.Kind) *Harness {
	t.Helper()
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	h := &Harness{t: t}
	h.Rooms = room.New(cfg, room.Deps{
		Journal: j, Clock: event.NewClock(boot), Log: log, Metrics: reg,
		OnDeadLetter: func(l room.DeadLetter) { h.mu.Lock(); h.deadLetters = append(h.deadLetters, l); h.mu.Unlock() },
	}, kinds...)
	ctx, cancel := context.WithCancel(context.Background())
	sup := supervise.New(supervise.Spec{Name: "test", Strategy: supervise.RestForOne, Children: []supervise.Child{
		supervise.Run("journal", j), supervise.Run("rooms", h.Rooms),
	}})
	var done sync.WaitGroup
	done.Go(func() { _ = sup.Serve(ctx) })
	h.Stop = sync.OnceFunc(func() { cancel(); done.Wait(); _ = j.Close() })
	t.Cleanup(h.Stop)
	return h
}

// SendCommand gives the room a command and waits for its answer. payload is any value for
// encoding/json; nil is {}.
func (h *Harness) SendCommand(by event.Viewer, name, id string, payload any) error {
	if payload == nil {
		payload = struct{}{}
	}
	data, err := json.Marshal(payload)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = h.Rooms.Call(context.Background(), "c1", room.Message{Name: name, ID: id, By: by, Data: data})
	return err
}

// inbox is a member that keeps all frames.
type inbox struct {
	mu     sync.Mutex
	frames []wire.Frame
}

func (b *inbox) Send(f wire.Frame)   { b.mu.Lock(); b.frames = append(b.frames, f); b.mu.Unlock() }
func (b *inbox) Closed(_ *room.Seat) {}

// StartLesson opens a lesson.
func (h *Harness) StartLesson(id string) {
	h.t.Helper()
	if err := h.SendCommand(Ada, "lesson.start", "", map[string]string{"lesson": id, "title": "T"}); err != nil {
		h.t.Fatal(err)
	}
}

// DeadLetters returns the messages and facts that were set aside.
func (h *Harness) DeadLetters() []room.DeadLetter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]room.DeadLetter(nil), h.deadLetters...)
}

// JoinView returns the view that a viewer gets on joining. Call it inside a synctest bubble only.
func (h *Harness) JoinView(v event.Viewer) string {
	b := &inbox{}
	s := &room.Seat{Room: "c1", Viewer: v, JoinRef: "1", Member: b}
	if err := h.Rooms.Join(s, "1"); err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
	h.Rooms.Leave(s)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.frames) == 0 {
		h.t.Fatal("no answer to the join")
	}
	var parts [5]json.RawMessage
	_, text, _ := cutHeader(b.frames[0].Bytes)
	if err := json.Unmarshal(text, &parts); err != nil {
		h.t.Fatal(err)
	}
	var answer struct {
		Response struct{ View json.RawMessage }
	}
	if err := json.Unmarshal(parts[4], &answer); err != nil {
		h.t.Fatal(err)
	}
	return string(answer.Response.View)
}

// JoinRoom joins for good. The function that it returns gives all frames so far.
func (h *Harness) JoinRoom(v event.Viewer) func() string {
	h.t.Helper()
	b := &inbox{}
	if err := h.Rooms.Join(&room.Seat{Room: "c1", Viewer: v, JoinRef: "1", Member: b}, "1"); err != nil {
		h.t.Fatal(err)
	}
	return func() string {
		b.mu.Lock()
		defer b.mu.Unlock()
		var all []byte
		for _, f := range b.frames {
			all = append(all, f.Bytes...)
		}
		return string(all)
	}
}

// cutHeader splits a frame after its WebSocket header.
func cutHeader(b []byte) (header, text []byte, ok bool) {
	for i, c := range b {
		if c == '[' {
			return b[:i], b[i:], true
		}
	}
	return nil, nil, false
}
