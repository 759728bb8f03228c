package whiteboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

func newClass(t *testing.T, dir string) *roomtest.Harness {
	t.Helper()
	h := roomtest.New(t, dir, room.Config{}, Kind)
	h.StartLesson("l1")
	mustSend(t, h, "board.load", map[string]any{"deck": "dk", "title": "T", "pages": []map[string]any{
		{"key": "key-of-0", "w": 640, "h": 480, "text": "first"}, {"key": "key-of-1", "w": 640, "h": 480}, {"key": "key-of-2", "w": 640, "h": 480},
	}})
	return h
}

func mustSend(t *testing.T, h *roomtest.Harness, name string, payload any) {
	t.Helper()
	if err := h.SendCommand(roomtest.Ada, name, "", payload); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func surfacePayload(surface string) map[string]any { return map[string]any{"surface": surface} }

func strokePayload(surface, id string) map[string]any {
	return map[string]any{"surface": surface, "stroke": Stroke{ID: id, Tool: "pen", Size: 2, Points: "10 10 1e 1 1 0"}}
}

func TestPupilsKnowOnlyThePagesThatWereShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newClass(t, t.TempDir())
		ben := h.JoinRoom(roomtest.Ben)
		mustSend(t, h, "board.show", surfacePayload("d:dk:1"))
		synctest.Wait()
		for what, sent := range map[string]string{"socket": ben(), "view": h.JoinView(roomtest.Cid), "screen": h.JoinView(event.Viewer{User: "t1", Role: event.Screen})} {
			if !strings.Contains(sent, "key-of-1") || strings.Contains(sent, "key-of-0") || strings.Contains(sent, "key-of-2") {
				t.Errorf("%s: %s", what, sent)
			}
		}
		mustSend(t, h, "board.follow", map[string]any{"on": false})
		synctest.Wait()
		if !strings.Contains(ben(), "key-of-2") || !strings.Contains(h.JoinView(roomtest.Cid), "key-of-0") {
			t.Error("let browse, and the pages are not known")
		}
	})
}

func TestInkIsThereForWhoComesLateAndAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := newClass(t, dir)
		mustSend(t, h, "board.show", surfacePayload("w:1"))
		for i := range 3 {
			mustSend(t, h, "board.draw", strokePayload("w:1", fmt.Sprint("s", i)))
		}
		mustSend(t, h, "board.undo", surfacePayload("w:1"))
		mustSend(t, h, "board.undo", surfacePayload("w:1"))
		h.Stop()
		h = roomtest.New(t, dir, room.Config{}, Kind)
		if v := h.JoinView(roomtest.Ben); !strings.Contains(v, `"s0"`) || strings.Contains(v, `"s1"`) {
			t.Fatal(v)
		}
		mustSend(t, h, "board.redo", surfacePayload("w:1"))
		if v := h.JoinView(roomtest.Ben); !strings.Contains(v, `"s1"`) || strings.Contains(v, `"s2"`) {
			t.Fatal(v)
		}
		mustSend(t, h, "board.draw", strokePayload("w:1", "s9"))
		mustSend(t, h, "board.redo", surfacePayload("w:1")) // nothing to come back after a new stroke
		if v := h.JoinView(roomtest.Ben); strings.Contains(v, `"s2"`) {
			t.Fatal(v)
		}
		mustSend(t, h, "board.clear", surfacePayload("w:1"))
		if v := h.JoinView(roomtest.Ben); !strings.Contains(v, `"strokes":[]`) {
			t.Fatal(v)
		}
	})
}

func TestLookingGivesTheInkToTheOneWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newClass(t, t.TempDir())
		mustSend(t, h, "board.draw", strokePayload("d:dk:0", "early"))
		mustSend(t, h, "board.show", surfacePayload("d:dk:1"))
		ben, cid := h.JoinRoom(roomtest.Ben), h.JoinRoom(roomtest.Cid)
		err := h.SendCommand(roomtest.Ben, "board.look", "1", surfacePayload("d:dk:0"))
		if b := errs.BodyOf(err); b.Code != "not_shown" {
			t.Fatalf("led, and looked elsewhere: %v", err)
		}
		mustSend(t, h, "board.show", surfacePayload("d:dk:0"))
		if err := h.SendCommand(roomtest.Ben, "board.look", "2", surfacePayload("d:dk:0")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !strings.Contains(ben(), "board.ink") || !strings.Contains(ben(), `"early"`) || strings.Contains(cid(), "board.ink") {
			t.Fatalf("ben %s\ncid %s", ben(), cid())
		}
	})
}

func TestBadInkIsRefusedWithItsField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newClass(t, t.TempDir())
		good := Stroke{ID: "s", Tool: "pen", Size: 1, Points: "0 0 0"}
		for field, s := range map[string]Stroke{
			"stroke.id": {Tool: "pen", Size: 1, Points: "0 0 0"}, "stroke.tool": {ID: "s", Tool: "spray", Size: 1, Points: "0 0 0"},
			"stroke.color": {ID: "s", Tool: "pen", Color: 8, Size: 1, Points: "0 0 0"}, "stroke.size": {ID: "s", Tool: "pen", Points: "0 0 0"},
		} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "board.draw", "", map[string]any{"surface": "d:dk:0", "stroke": s})); b.Field != field {
				t.Errorf("%s: %+v", field, b)
			}
		}
		for _, points := range []string{"", "0 0", "0 0 0 ", "zzzz 0 0", "-1 0 0", "0 0 zz", "1.5 0 0", "0 0 0 -1 0 0", strings.Repeat("1 0 0 ", 2001) + "0 0 0", strings.Repeat("0 ", 20_000)} {
			s := good
			s.Points = points
			if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "board.draw", "", map[string]any{"surface": "d:dk:0", "stroke": s})); b.Field != "stroke.points" {
				t.Errorf("%.20q: %+v", points, b)
			}
		}
		for _, surface := range []string{"", "w:1", "w:01", "d:dk:9", "d:dk:-1", "d:xx:0", "x", "d:dk"} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "board.draw", "", map[string]any{"surface": surface, "stroke": good})); b.Field != "surface" {
				t.Errorf("%q: %+v", surface, b)
			}
		}
		for _, c := range Kind.Commands {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ben, c.Name, "x", surfacePayload("d:dk:0"))); c.Name != "board.look" && b.Code != "role" {
				t.Errorf("%s by a pupil: %+v", c.Name, b)
			}
		}
		for i := range MaxStrokes {
			mustSend(t, h, "board.draw", strokePayload("d:dk:0", fmt.Sprint(i)))
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "board.draw", "", strokePayload("d:dk:0", "over"))); b.Code != "too_many" || b.Limit != MaxStrokes {
			t.Errorf("%+v", b)
		}
	})
}

func FuzzHandle(f *testing.F) {
	for _, c := range Kind.Commands {
		f.Add(c.Name, []byte(`{"surface":"d:dk:1","stroke":{"id":"a","tool":"pen","color":1,"size":1,"points":"1 1 1 2 -1 0"}}`))
		f.Add(c.Name, []byte(`{"surface":"w:1","on":true,"x":1,"y":2,"deck":"q","pages":[{"key":"k"}]}`))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !json.Valid(data) {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			h := newClass(t, t.TempDir())
			for _, by := range []event.Viewer{roomtest.Ada, roomtest.Ben} {
				_ = h.SendCommand(by, name, "f", json.RawMessage(data))
				h.JoinView(by)
			}
			if dead := h.DeadLetters(); len(dead) > 0 {
				t.Fatalf("%s %s: %s", name, data, dead[0].Err)
			}
		})
	})
}
