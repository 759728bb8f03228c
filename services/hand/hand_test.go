package hand_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestTheLongestWaitingHandIsFirst(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, hand.Kind)
		h.StartLesson("l1")
		order := func() (users string) {
			v := h.JoinView(roomtest.Cid)
			for _, part := range strings.Split(v[strings.Index(v, `"queue"`):], `"user":"`)[1:] {
				users += part[:strings.IndexByte(part, '"')] + " "
			}
			return users
		}
		for _, step := range []struct {
			name    string
			by      int
			payload any
			want    string
		}{
			{"hand.raise", 1, nil, "p1 "},
			{"hand.raise", 2, nil, "p1 p2 "},
			{"hand.raise", 1, nil, "p1 p2 "}, // up already: the place is kept
			{"hand.lower", 1, nil, "p2 "},
			{"hand.raise", 1, nil, "p2 p1 "}, // and lost by lowering
			{"hand.lower", 0, map[string]string{"user": "p2"}, "p1 "},
			{"hand.lower", 0, map[string]string{"user": "nobody"}, "p1 "},
			{"hand.raise", 2, nil, "p1 p2 "},
			{"hand.lower", 0, map[string]bool{"all": true}, ""},
		} {
			who := []struct{ user string }{{"t1"}, {"p1"}, {"p2"}}[step.by]
			by := roomtest.Ada
			if step.by > 0 {
				by = roomtest.Ben
				by.User = who.user
			}
			if err := h.SendCommand(by, step.name, "", step.payload); err != nil {
				t.Fatal(err)
			}
			if got := order(); got != step.want {
				t.Errorf("%s by %s: queue %q, want %q", step.name, by.User, got, step.want)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAPupilLowersOnlyTheOwnHand(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, hand.Kind)
		h.StartLesson("l1")
		for _, payload := range []any{map[string]string{"user": "p2"}, map[string]bool{"all": true}} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "hand.lower", "", payload)); b.Reason != "denied" || b.Code != "role" {
				t.Errorf("%v: %+v", payload, b)
			}
		}
		both := map[string]any{"user": "p1", "all": true}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "hand.lower", "", both)); b.Code != "both" {
			t.Errorf("user and all: %+v", b)
		}
	})
}
