package room_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
	"github.com/livelearn/box/services/wire"
)

// written is a line that writes down what leaves by it. It owns all rooms but "away".
type written struct {
	mu  sync.Mutex
	log []string
}

func (w *written) Owns(id string) bool { return id != "away" }

func (w *written) add(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *written) SendFact(id string, boxes []string, e event.Event) {
	slices.Sort(boxes)
	w.add("fact %s %s to %v", id, e.Kind, boxes)
}

func (w *written) SendCast(id string, f wire.Frame, guests []*room.Seat) {
	kind := "cast"
	if strings.Contains(string(f.Bytes), wire.PresenceDiff) {
		kind = "presence"
	}
	w.add("%s %s to %d", kind, id, len(guests))
}

func (w *written) SendPresence(id, box string, pages []wire.Frame, guests []*room.Seat) {
	w.add("all of presence %s, %d pages to %d of %s", id, len(pages), len(guests), box)
}

func (w *written) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.log
	w.log = nil
	return list
}

// frames is a member that keeps its frames.
type frames struct {
	mu   sync.Mutex
	list []string
}

func (f *frames) Send(frame wire.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, string(frame.Bytes))
}

func (f *frames) Closed(*room.Seat) {}

func (f *frames) count(word string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range f.list {
		n += strings.Count(text, word)
	}
	return n
}

func guest(user, box string, role event.Role) (*room.Seat, *frames) {
	f := &frames{}
	return &room.Seat{Room: "c1", Viewer: event.Viewer{User: user, Role: role}, Name: user, JoinRef: "1", Member: f, Box: box}, f
}

func withLine(t *testing.T, test func(*testing.T, *roomtest.Harness, *written)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "room")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	synctest.Test(t, func(t *testing.T) {
		h, w := roomtest.New(t, dir, room.Config{}, chat.Kind), &written{}
		h.Rooms.Line = w
		test(t, h, w)
	})
}

func mustJoin(t *testing.T, h *roomtest.Harness, s *room.Seat) {
	t.Helper()
	if err := h.Rooms.Join(s, "1"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// Three guests at two boxes: each fact goes to each box once, whoever may see it there, and so does
// who comes and goes. A box that missed some of presence gets all of it again.
func TestFactGoesOnceToEachBoxWithGuests(t *testing.T) {
	withLine(t, func(t *testing.T, h *roomtest.Harness, w *written) {
		h.StartLesson("l1")
		here := h.JoinRoom(roomtest.Ben)
		for i, box := range []string{"b", "b", "c"} {
			s, got := guest(fmt.Sprint("g", i), box, event.Teacher)
			mustJoin(t, h, s)
			if got.count(wire.ReplyEvent) != 1 || got.count(wire.PresenceState) != 1 {
				t.Errorf("guest %d got no answer or no presence", i)
			}
		}
		w.take()
		if err := h.SendCommand(roomtest.Ada, "chat.say", "1", map[string]string{"text": "hi", "to": "all"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.take(); !slices.Equal(got, []string{"fact c1 chat.said to [b c]"}) {
			t.Errorf("the boxes were told %q", got)
		}
		if !strings.Contains(here(), "chat.said") {
			t.Error("a member of this box did not get the fact")
		}
		h.Rooms.ResendPresence("c1", "b")
		synctest.Wait()
		if got := w.take(); !slices.Equal(got, []string{"all of presence c1, 1 pages to 2 of b"}) {
			t.Errorf("asked for presence: %q", got)
		}
	})
}

// A late message for a room of another box is refused, and neither it nor a leave starts the room here.
func TestRoomStartsAtItsOwnerOnly(t *testing.T) {
	withLine(t, func(t *testing.T, h *roomtest.Harness, _ *written) {
		s, _ := guest("t1", "", event.Teacher)
		s.Room = "away"
		_, called := h.Rooms.Call(context.Background(), "away", room.Message{Name: "lesson.end"})
		for what, err := range map[string]error{
			"join": h.Rooms.Join(s, "1"), "post": h.Rooms.Post(s, room.Message{Name: "chat.say"}), "call": called,
		} {
			if errs.KindOf(err) != errs.Busy {
				t.Errorf("%s: %v, want errs.Busy", what, err)
			}
		}
		h.Rooms.Leave(s)
		h.Rooms.ResendPresence("away", "b")
		synctest.Wait()
		if n := h.Rooms.Len(); n != 0 {
			t.Errorf("%d rooms started", n)
		}
	})
}

// A leave is handled before a join that waits. The person must not stay in the room for ever.
func TestLeaveThatOvertakesItsJoinLeavesNoGhost(t *testing.T) {
	withLine(t, func(t *testing.T, h *roomtest.Harness, _ *written) {
		first, frames := guest("t1", "", event.Teacher)
		ghost, _ := guest("ghost", "", event.Teacher)
		for _, s := range []*room.Seat{first, ghost} { // the room is still at its start
			if err := h.Rooms.Join(s, "1"); err != nil {
				t.Fatal(err)
			}
		}
		h.Rooms.Leave(ghost)
		synctest.Wait()
		last, state := guest("t2", "", event.Teacher)
		mustJoin(t, h, last)
		if frames.count("ghost") > 0 || state.count("ghost") > 0 {
			t.Error("who left is still in presence")
		}
	})
}
