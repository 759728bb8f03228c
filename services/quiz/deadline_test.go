package quiz

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
	"github.com/livelearn/box/services/wire"
)

func TestAnExtensionGivesAllMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		mustSend(t, h, roomtest.Ada, "quiz.open", "", nil) // 20 s
		time.Sleep(15 * time.Second)
		extend := func(seconds int) error {
			return h.SendCommand(roomtest.Ada, "quiz.extend", "", map[string]any{"round": 1, "seconds": seconds})
		}
		for seconds, want := range map[int]string{4: "out_of_range", 601: "out_of_range"} {
			if err := extend(seconds); errorCode(err) != want {
				t.Errorf("%d s: %v", seconds, err)
			}
		}
		if err := extend(30); err != nil {
			t.Fatal(err)
		}
		if left := viewQuiz(t, h, roomtest.Ben).Round.Left; !isNear(left, 35_000) {
			t.Errorf("%d ms are left", left)
		}
		time.Sleep(30 * time.Second)
		mustSend(t, h, roomtest.Ben, "quiz.answer", "", answerPayload(1, "big", pickOption("b")))
		time.Sleep(7 * time.Second)
		if s := viewQuiz(t, h, roomtest.Ada).Round.State; s != stateLocked {
			t.Errorf("after the longer limit it is %s", s)
		}
		if err := extend(30); errorCode(err) != "locked" {
			t.Errorf("a locked one: %v", err)
		}
		mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{"items": []string{"say"}})
		if err := h.SendCommand(roomtest.Ada, "quiz.extend", "", map[string]any{"round": 2, "seconds": 30}); errorCode(err) != "no_limit" {
			t.Errorf("without a limit: %v", err)
		}
	})
}

// present seats a pupil. The function that it returns lets the pupil leave.
func present(t *testing.T, h *roomtest.Harness, v event.Viewer) func() {
	t.Helper()
	s := &room.Seat{Room: "c1", Viewer: v, JoinRef: "1", Member: deafMember{}}
	if err := h.Rooms.Join(s, "1"); err != nil {
		t.Fatal(err)
	}
	return func() { h.Rooms.Leave(s); synctest.Wait() }
}

func TestARoundLocksByItselfWhenAllHaveAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lessonWithQuiz(t)
		present(t, h, roomtest.Ben)
		leave := present(t, h, roomtest.Cid)
		state := func() string { return viewQuiz(t, h, roomtest.Ada).Round.State }
		open := func(id string) {
			t.Helper()
			mustSend(t, h, roomtest.Ada, "quiz.open", "", map[string]any{"items": []string{id}})
		}
		answer := func(by event.Viewer, round int, id string, r item.Response) {
			t.Helper()
			mustSend(t, h, by, "quiz.answer", "", answerPayload(round, id, r))
		}
		open("say")
		answer(roomtest.Ben, 1, "say", item.Response{Text: "x"})
		answer(roomtest.Cid, 1, "say", item.Response{Text: "y"})
		time.Sleep(10 * time.Second)
		if s := state(); s != stateOpen {
			t.Fatalf("the teacher has not asked for it, and it is %s", s)
		}
		mustSend(t, h, roomtest.Ada, "quiz.auto", "", map[string]any{"on": true})
		time.Sleep(4 * time.Second)
		if s := state(); s != stateLocked {
			t.Fatalf("all have answered, and it is %s", s)
		}
		open("ask")
		answer(roomtest.Ben, 2, "ask", pickOption("a"))
		time.Sleep(10 * time.Second)
		if s := state(); s != stateOpen {
			t.Fatalf("one has not answered, and it is %s", s)
		}
		leave()
		time.Sleep(2 * time.Second)
		leave = present(t, h, roomtest.Cid) // the connection was back in time
		time.Sleep(10 * time.Second)
		if s := state(); s != stateOpen {
			t.Fatalf("one was away for a moment, and it is %s", s)
		}
		leave()
		time.Sleep(7 * time.Second)
		if s := state(); s != stateLocked {
			t.Fatalf("all who are here have answered, and it is %s", s)
		}
	})
}

// deafMember is a member that hears nothing.
type deafMember struct{}

func (deafMember) Send(wire.Frame)   {}
func (deafMember) Closed(*room.Seat) {}
