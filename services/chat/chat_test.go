package chat_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestAMessageToTheTeacherStaysBetweenTheTwo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.StartLesson("l1")
		if err := h.SendCommand(roomtest.Ben, "chat.say", "1", map[string]string{"text": " I am lost\n", "to": "teacher"}); err != nil {
			t.Fatal(err)
		}
		if v := h.JoinView(roomtest.Ada); !strings.Contains(v, `"I am lost"`) {
			t.Errorf("the teacher sees %s", v)
		}
		if v := h.JoinView(roomtest.Ben); !strings.Contains(v, "I am lost") {
			t.Errorf("the author sees %s", v)
		}
		if v := h.JoinView(roomtest.Cid); strings.Contains(v, "I am lost") {
			t.Errorf("another pupil sees %s", v)
		}
	})
}

func TestAViewHoldsTheLastMessagesAndFitsIntoAnAnswer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.StartLesson("l1")
		for range 450 {
			if err := h.SendCommand(roomtest.Ada, "chat.say", "", map[string]string{"text": strings.Repeat("é", 2000), "to": "all"}); err != nil {
				t.Fatal(err)
			}
		}
		_ = h.SendCommand(roomtest.Ada, "chat.say", "", map[string]string{"text": "the last", "to": "all"})
		v := h.JoinView(roomtest.Cid)
		if !strings.Contains(v, "the last") || len(v) > room.MaxAnswer+4096 {
			t.Errorf("view of %d bytes", len(v))
		}
	})
}

func TestBadMessagesNameTheFieldAndTheLimit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.StartLesson("l1")
		for _, c := range []struct {
			text, to, field string
			limit           int64
		}{{strings.Repeat("x", 2001), "all", "text", 2000}, {"\n\t ", "all", "text", 1}, {"x", "everybody", "to", 0}, {"a\x1bb", "all", "text", 0}} {
			b := errs.BodyOf(h.SendCommand(roomtest.Ben, "chat.say", "", map[string]string{"text": c.text, "to": c.to}))
			if b.Reason != "invalid" || b.Field != c.field || b.Limit != c.limit {
				t.Errorf("%.20q to %q: %+v", c.text, c.to, b)
			}
		}
	})
}

func TestAnAnswerToAPupilStaysBetweenTheTwo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.StartLesson("l1")
		heard := h.JoinRoom(roomtest.Cid)
		reply := map[string]any{"text": "look at page 3", "to": "pupil", "user": roomtest.Ben.User, "re": 2}
		if err := h.SendCommand(roomtest.Ada, "chat.say", "", reply); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if v := h.JoinView(roomtest.Ben); !strings.Contains(v, "page 3") || !strings.Contains(v, `"re":2`) {
			t.Errorf("the pupil sees %s", v)
		}
		if v := h.JoinView(roomtest.Ada); !strings.Contains(v, "page 3") {
			t.Errorf("the teacher sees %s", v)
		}
		for _, s := range []string{heard(), h.JoinView(roomtest.Cid), h.JoinView(event.Viewer{User: "screen:1", Role: event.Screen})} {
			if strings.Contains(s, "page 3") {
				t.Errorf("others see %s", s)
			}
		}
		for by, payload := range map[event.Viewer]map[string]any{
			roomtest.Ben: reply,
			roomtest.Ada: {"text": "x", "to": "pupil"},
			roomtest.Cid: {"text": "x", "to": "all", "user": "p1"},
		} {
			if err := h.SendCommand(by, "chat.say", "", payload); err == nil {
				t.Errorf("%s may say %v", by.User, payload)
			}
		}
	})
}

func TestARemovedMessageHasNoTextForAnybody(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.StartLesson("l1")
		heard := h.JoinRoom(roomtest.Cid)
		for _, text := range []string{"a rude word", "good morning"} {
			if err := h.SendCommand(roomtest.Ben, "chat.say", "", map[string]any{"text": text, "to": "all"}); err != nil {
				t.Fatal(err)
			}
		}
		remove := func(by event.Viewer, seq int) error {
			return h.SendCommand(by, "chat.remove", "", map[string]any{"seq": seq})
		}
		_, rest, _ := strings.Cut(heard(), `"chat.said",{"seq":`)
		seq, err := strconv.Atoi(rest[:strings.Index(rest, ",")])
		if err != nil {
			t.Fatal(err)
		}
		if b := errs.BodyOf(remove(roomtest.Ben, seq)); b.Code != "role" {
			t.Errorf("by its author: %+v", b)
		}
		if b := errs.BodyOf(remove(roomtest.Ada, 99)); b.Field != "seq" {
			t.Errorf("one that is not there: %+v", b)
		}
		for range 2 {
			if err := remove(roomtest.Ada, seq); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := strings.Count(heard(), `"chat.removed"`); n != 1 {
			t.Errorf("the others hear of it %d times", n)
		}
		for range 2 {
			for _, v := range []event.Viewer{roomtest.Ada, roomtest.Ben} {
				if s := h.JoinView(v); strings.Contains(s, "rude") || !strings.Contains(s, `"removed":true`) || !strings.Contains(s, "good morning") {
					t.Errorf("%s sees %s", v.User, s)
				}
			}
			h.Stop()
			h = roomtest.NewBoot(t, dir, 2, room.Config{}, chat.Kind)
		}
	})
}
