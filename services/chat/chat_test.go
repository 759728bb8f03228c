package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func TestAMessageToTheTeacherStaysBetweenTheTwo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.Lesson("l1")
		if err := h.Ask(roomtest.Ben, "chat.say", "1", map[string]string{"text": " I am lost\n", "to": "teacher"}); err != nil {
			t.Fatal(err)
		}
		if v := h.View(roomtest.Ada); !strings.Contains(v, `"I am lost"`) {
			t.Errorf("the teacher sees %s", v)
		}
		if v := h.View(roomtest.Ben); !strings.Contains(v, "I am lost") {
			t.Errorf("the author sees %s", v)
		}
		if v := h.View(roomtest.Cid); strings.Contains(v, "I am lost") {
			t.Errorf("another pupil sees %s", v)
		}
	})
}

func TestAViewHoldsTheLastMessagesAndFitsIntoAnAnswer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.Lesson("l1")
		for range 450 {
			if err := h.Ask(roomtest.Ada, "chat.say", "", map[string]string{"text": strings.Repeat("é", 2000), "to": "all"}); err != nil {
				t.Fatal(err)
			}
		}
		_ = h.Ask(roomtest.Ada, "chat.say", "", map[string]string{"text": "the last", "to": "all"})
		v := h.View(roomtest.Cid)
		if !strings.Contains(v, "the last") || len(v) > room.MaxAnswer+4096 {
			t.Errorf("view of %d bytes", len(v))
		}
	})
}

func TestBadMessagesNameTheFieldAndTheLimit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, dir, room.Config{}, chat.Kind)
		h.Lesson("l1")
		for _, c := range []struct {
			text, to, field string
			limit           int64
		}{{strings.Repeat("x", 2001), "all", "text", 2000}, {"\n\t ", "all", "text", 1}, {"x", "everybody", "to", 0}, {"a\x1bb", "all", "text", 0}} {
			b := errs.BodyOf(h.Ask(roomtest.Ben, "chat.say", "", map[string]string{"text": c.text, "to": c.to}))
			if b.Reason != "invalid" || b.Field != c.field || b.Limit != c.limit {
				t.Errorf("%.20q to %q: %+v", c.text, c.to, b)
			}
		}
	})
}
