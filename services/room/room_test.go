package room_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/tap"
	"github.com/livelearn/box/services/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var kinds = []room.Kind{chat.Kind, hand.Kind, tap.Kind}

// house is journal and rooms without sockets.
type house struct {
	t     testing.TB
	rooms *room.Rooms
	stop  func()
	mu    sync.Mutex
	dead  []room.Letter
}

func newHouse(t testing.TB, dir string, cfg room.Config) *house {
	t.Helper()
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "journal.db"), NoBallast: true}, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t}
	h.rooms = room.New(cfg, room.Deps{
		Journal: j, Clock: event.NewClock(1), Log: log, Metrics: reg,
		Bury: func(l room.Letter) { h.mu.Lock(); h.dead = append(h.dead, l); h.mu.Unlock() },
	}, kinds...)
	ctx, cancel := context.WithCancel(context.Background())
	sup := supervise.New(supervise.Spec{Name: "house", Strategy: supervise.RestForOne, Children: []supervise.Child{
		supervise.Run("journal", j), supervise.Run("rooms", h.rooms),
	}})
	var done sync.WaitGroup
	done.Go(func() { _ = sup.Serve(ctx) })
	h.stop = sync.OnceFunc(func() { cancel(); done.Wait(); _ = j.Close() })
	t.Cleanup(h.stop)
	return h
}

// ask posts a command and waits for its answer.
func (h *house) ask(by event.Viewer, name, id string, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = h.rooms.Call(context.Background(), "c1", room.Message{Name: name, ID: id, By: by, Data: data})
	return err
}

// inbox is a member that keeps what it is sent.
type inbox struct {
	mu     sync.Mutex
	frames []wire.Frame
}

func (b *inbox) Send(f wire.Frame)   { b.mu.Lock(); b.frames = append(b.frames, f); b.mu.Unlock() }
func (b *inbox) Closed(_ *room.Seat) {}

// view is what a viewer gets on joining.
func (h *house) view(v event.Viewer) string {
	b := &inbox{}
	s := &room.Seat{Room: "c1", Viewer: v, JoinRef: "1", Member: b}
	if err := h.rooms.Join(s, "1"); err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
	h.rooms.Leave(s)
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

// cutHeader takes the WebSocket header off a frame.
func cutHeader(b []byte) (header, text []byte, ok bool) {
	for i, c := range b {
		if c == '[' {
			return b[:i], b[i:], true
		}
	}
	return nil, nil, false
}

func TestARebuiltRoomIsTheRoomThatWas(t *testing.T) {
	for seed := range uint64(8) {
		dir := t.TempDir()
		rnd := rand.New(rand.NewPCG(seed, 1))
		viewers := []event.Viewer{{User: "t1", Role: event.Teacher}, {User: "p1", Role: event.Pupil}, {User: "p2", Role: event.Pupil}}
		var before []string
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, dir, room.Config{Snapshot: 37})
			act(h, rnd, viewers)
			for _, v := range viewers {
				before = append(before, h.view(v))
			}
		})
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, dir, room.Config{})
			for i, v := range viewers {
				if d := cmp.Diff(before[i], h.view(v)); d != "" {
					t.Errorf("seed %d, %s: %s", seed, v.User, d)
				}
			}
		})
	}
}

// act has the viewers do 300 random things of which most are allowed.
func act(h *house, rnd *rand.Rand, viewers []event.Viewer) {
	teacher := viewers[0]
	if err := h.ask(teacher, "lesson.start", "", map[string]string{"lesson": "l1", "title": "T"}); err != nil {
		h.t.Fatal(err)
	}
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	for i := range 300 {
		by, id := viewers[rnd.IntN(len(viewers))], fmt.Sprint(i)
		on := rnd.IntN(2) == 0
		switch rnd.IntN(10) {
		case 0, 1, 2:
			_ = h.ask(by, "chat.say", id, map[string]string{"text": "text " + id, "to": pick("all", "teacher")})
		case 3:
			_ = h.ask(by, "hand.raise", id, struct{}{})
		case 4:
			_ = h.ask(by, "hand.lower", id, struct{}{})
		case 5:
			_ = h.ask(by, "tap.set", id, map[string]string{"tap": pick("yes", "no", "lost", "")})
		case 6:
			_ = h.ask(teacher, "room.lock", id, map[string]any{"what": pick("chat", "raise", "react"), "on": on})
		case 7:
			_ = h.ask(teacher, "room.mute", id, map[string]any{"user": pick("p1", "p2"), "on": on})
		case 8:
			_ = h.ask(teacher, pick("tap.clear", "hand.raise"), id, struct{}{})
		case 9:
			_ = h.ask(teacher, pick("room.remove", "room.readmit"), id, map[string]string{"user": "p9"})
		}
	}
}

func TestALessonStartsWithAnEmptyRoom(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, dir, room.Config{})
		teacher := event.Viewer{User: "t1", Role: event.Teacher}
		for _, lesson := range []string{"l1", "l2"} {
			if err := h.ask(teacher, "lesson.start", "", map[string]string{"lesson": lesson, "title": "T"}); err != nil {
				t.Fatal(err)
			}
			if lesson == "l1" {
				_ = h.ask(teacher, "chat.say", "1", map[string]string{"text": "old", "to": "all"})
				_ = h.ask(teacher, "room.lock", "2", map[string]any{"what": "chat", "on": true})
				_ = h.ask(teacher, "lesson.end", "", struct{}{})
				if err := h.ask(teacher, "chat.say", "3", map[string]string{"text": "late", "to": "all"}); err == nil {
					t.Error("chat after the lesson's end")
				}
			}
		}
		var v struct {
			Lesson room.Lesson
			Chat   struct{ Messages []any }
			Room   struct{ Locks map[string]bool }
		}
		if err := json.Unmarshal([]byte(h.view(teacher)), &v); err != nil {
			t.Fatal(err)
		}
		if v.Lesson.ID != "l2" || v.Lesson.Ended != 0 || len(v.Chat.Messages) != 0 || v.Room.Locks["chat"] {
			t.Errorf("the second lesson begins as %+v", v)
		}
	})
}

// FuzzCommand gives every command any payload: it is handled or refused with a field,
// and the room never crashes.
func FuzzCommand(f *testing.F) {
	names := []string{
		"chat.say", "hand.raise", "hand.lower", "tap.set", "tap.clear", "tap.react", "room.lock", "room.mute",
		"room.remove", "room.readmit", "lesson.start", "lesson.end", "x",
	}
	for i := range names {
		for _, p := range []string{
			`{}`, `{"id":"1","text":"hi","to":"all"}`, `{"tap":"yes"}`, `{"what":"chat","on":true}`, `{"user":"p1","on":false}`,
			`{"lesson":"l2","title":"t"}`, `{"emoji":"👏"}`, `{"all":true}`, `[]`, `null`, `{"text":"\u0000","to":"all"}`, `{"user":{"a":1}}`, ``,
		} {
			f.Add(i, p)
		}
	}
	h := newHouse(f, f.TempDir(), room.Config{})
	teacher := event.Viewer{User: "t1", Role: event.Teacher}
	_ = h.ask(teacher, "lesson.start", "", map[string]string{"lesson": "l1", "title": "T"})
	f.Fuzz(func(t *testing.T, n int, payload string) {
		_, err := h.rooms.Call(t.Context(), "c1", room.Message{
			Name: names[uint(n)%uint(len(names))], By: teacher, Data: json.RawMessage(payload),
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.dead) > 0 {
			t.Fatalf("%q crashed the room: %s (answer %v)\n%s", payload, h.dead[0].Err, err, h.dead[0].Stack)
		}
	})
}
