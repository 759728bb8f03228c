package reaction_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/reaction"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestWhoIsLostOnlyTheTeacherSees(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, reaction.Kind)
		h.StartLesson("l1")
		set := func(v string) {
			if err := h.SendCommand(roomtest.Ben, "tap.set", "", map[string]string{"tap": v}); err != nil {
				t.Fatal(err)
			}
		}
		set("yes")
		set("lost")
		if v := h.JoinView(roomtest.Ada); !strings.Contains(v, `"p1":"lost"`) {
			t.Errorf("the teacher sees %s", v)
		}
		if v := h.JoinView(roomtest.Cid); strings.Contains(v, "lost") {
			t.Errorf("another pupil sees %s", v)
		}
		set("")
		if v := h.JoinView(roomtest.Ada); strings.Contains(v, "p1") {
			t.Errorf("after taking it back: %s", v)
		}
		set("no")
		if err := h.SendCommand(roomtest.Ada, "tap.clear", "", nil); err != nil {
			t.Fatal(err)
		}
		if v := h.JoinView(roomtest.Ada); strings.Contains(v, "p1") {
			t.Errorf("after clearing: %s", v)
		}
	})
}

func TestTapsAndReactionsAreFromTheirLists(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, reaction.Kind)
		h.StartLesson("l1")
		if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "tap.set", "", map[string]string{"tap": "maybe"})); b.Field != "tap" {
			t.Errorf("%+v", b)
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "tap.react", "", map[string]string{"emoji": "💣"})); b.Field != "emoji" {
			t.Errorf("%+v", b)
		}
		if err := h.SendCommand(roomtest.Ben, "tap.react", "", map[string]string{"emoji": "👍"}); err != nil {
			t.Error(err)
		}
	})
}
