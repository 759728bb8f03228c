package room_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var kinds = []room.Kind{chat.Kind, hand.Kind, reaction.Kind}

func TestARebuiltRoomIsTheRoomThatWas(t *testing.T) {
	for seed := range uint64(8) {
		dir := t.TempDir()
		rnd := rand.New(rand.NewPCG(seed, 1))
		viewers := []event.Viewer{{User: "t1", Role: event.Teacher}, {User: "p1", Role: event.Pupil}, {User: "p2", Role: event.Pupil}}
		var before []string
		synctest.Test(t, func(t *testing.T) {
			h := roomtest.New(t, dir, room.Config{Snapshot: 37}, kinds...)
			actAtRandom(h, rnd, viewers)
			for _, v := range viewers {
				before = append(before, h.JoinView(v))
			}
		})
		synctest.Test(t, func(t *testing.T) {
			h := roomtest.New(t, dir, room.Config{}, kinds...)
			for i, v := range viewers {
				if d := cmp.Diff(before[i], h.JoinView(v)); d != "" {
					t.Errorf("seed %d, %s: %s", seed, v.User, d)
				}
			}
		})
	}
}

// actAtRandom has the viewers do 300 random things of which most are allowed.
func actAtRandom(h *roomtest.Harness, rnd *rand.Rand, viewers []event.Viewer) {
	teacher := viewers[0]
	if err := h.SendCommand(teacher, "lesson.start", "", map[string]string{"lesson": "l1", "title": "T"}); err != nil {
		panic(err)
	}
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	for i := range 300 {
		by, id := viewers[rnd.IntN(len(viewers))], fmt.Sprint(i)
		on := rnd.IntN(2) == 0
		switch rnd.IntN(10) {
		case 0, 1, 2:
			_ = h.SendCommand(by, "chat.say", id, map[string]string{"text": "text " + id, "to": pick("all", "teacher")})
		case 3:
			_ = h.SendCommand(by, "hand.raise", id, struct{}{})
		case 4:
			_ = h.SendCommand(by, "hand.lower", id, struct{}{})
		case 5:
			_ = h.SendCommand(by, "tap.set", id, map[string]string{"tap": pick("yes", "no", "lost", "")})
		case 6:
			_ = h.SendCommand(teacher, "room.lock", id, map[string]any{"what": pick("chat", "raise", "react"), "on": on})
		case 7:
			_ = h.SendCommand(teacher, "room.mute", id, map[string]any{"user": pick("p1", "p2"), "on": on})
		case 8:
			_ = h.SendCommand(teacher, pick("tap.clear", "hand.raise"), id, struct{}{})
		case 9:
			_ = h.SendCommand(teacher, pick("room.remove", "room.readmit"), id, map[string]string{"user": "p9"})
		}
	}
}

func TestALessonStartsWithAnEmptyRoom(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, kinds...)
		teacher := event.Viewer{User: "t1", Role: event.Teacher}
		for _, lesson := range []string{"l1", "l2"} {
			if err := h.SendCommand(teacher, "lesson.start", "", map[string]string{"lesson": lesson, "title": "T"}); err != nil {
				t.Fatal(err)
			}
			if lesson == "l1" {
				_ = h.SendCommand(teacher, "chat.say", "1", map[string]string{"text": "old", "to": "all"})
				_ = h.SendCommand(teacher, "room.lock", "2", map[string]any{"what": "chat", "on": true})
				_ = h.SendCommand(teacher, "lesson.end", "", struct{}{})
				if err := h.SendCommand(teacher, "chat.say", "3", map[string]string{"text": "late", "to": "all"}); err == nil {
					t.Error("chat after the lesson's end")
				}
			}
		}
		var v struct {
			Lesson room.Lesson
			Chat   struct{ Messages []any }
			Room   struct{ Locks map[string]bool }
		}
		if err := json.Unmarshal([]byte(h.JoinView(teacher)), &v); err != nil {
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
	h := roomtest.New(f, f.TempDir(), room.Config{}, kinds...)
	teacher := event.Viewer{User: "t1", Role: event.Teacher}
	_ = h.SendCommand(teacher, "lesson.start", "", map[string]string{"lesson": "l1", "title": "T"})
	f.Fuzz(func(t *testing.T, n int, payload string) {
		_, err := h.Rooms.Call(t.Context(), "c1", room.Message{
			Name: names[uint(n)%uint(len(names))], By: teacher, Data: json.RawMessage(payload),
		})
		for _, l := range h.DeadLetters() {
			t.Fatalf("%q crashed the room: %s (answer %v)\n%s", payload, l.Err, err, l.Stack)
		}
	})
}
