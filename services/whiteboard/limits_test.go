package whiteboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/room/roomtest"
)

var bob = event.Viewer{User: "t2", Role: event.Teacher}

// thickStroke is a stroke of nearly the greatest size.
func thickStroke(surface, id string) map[string]any {
	points := "2s0 2s0 1e" + strings.Repeat(" 11 11 0 -11 -11 0", 900)
	return map[string]any{"surface": surface, "stroke": Stroke{ID: id, Tool: "pen", Size: 2, Points: points}}
}

// drawnOn is the ids of the strokes of a view, in order.
func drawnOn(t *testing.T, view string) (ids []string, cut bool, size int) {
	t.Helper()
	var in struct {
		Board struct {
			Strokes []Stroke
			Cut     bool
		}
	}
	if err := json.Unmarshal([]byte(view), &in); err != nil {
		t.Fatal(err)
	}
	for _, s := range in.Board.Strokes {
		ids, size = append(ids, s.ID), size+len(s.Points)
	}
	return ids, in.Board.Cut, size
}

func TestTeachersUndoTheirOwnStrokesAlsoAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := newClass(t, dir)
		mustSend(t, h, "board.show", surfacePayload("w:1"))
		for i, by := range []event.Viewer{roomtest.Ada, bob, roomtest.Ada, bob} {
			if err := h.SendCommand(by, "board.draw", "", strokePayload("w:1", fmt.Sprint("s", i))); err != nil {
				t.Fatal(err)
			}
		}
		mustSend(t, h, "board.undo", surfacePayload("w:1"))
		h.Stop()
		h = roomtest.New(t, dir, room.Config{}, Kind)
		mustSend(t, h, "board.undo", surfacePayload("w:1"))
		mustSend(t, h, "board.undo", surfacePayload("w:1")) // nothing of hers is left
		if ids, _, _ := drawnOn(t, h.JoinView(roomtest.Ben)); fmt.Sprint(ids) != "[s1 s3]" {
			t.Fatalf("undone: %v", ids)
		}
		if err := h.SendCommand(bob, "board.draw", "", strokePayload("w:1", "s4")); err != nil {
			t.Fatal(err) // ends what Bob could redo, and nothing of Ada's
		}
		if b := errs.BodyOf(h.SendCommand(bob, "board.draw", "", strokePayload("w:1", "s0"))); b.Code != "taken" {
			t.Errorf("the id of an undone stroke: %+v", b)
		}
		mustSend(t, h, "board.redo", surfacePayload("w:1"))
		if ids, _, _ := drawnOn(t, h.JoinView(roomtest.Ben)); fmt.Sprint(ids) != "[s1 s3 s4 s0]" {
			t.Fatalf("redone: %v", ids)
		}
	})
}

func TestAViewHoldsTheNewestInkAndTheRestIsThereForWhoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newClass(t, t.TempDir())
		mustSend(t, h, "board.show", surfacePayload("w:1"))
		const n = 30
		for i := range n {
			mustSend(t, h, "board.draw", thickStroke("w:1", fmt.Sprint("s", i)))
		}
		ids, cut, size := drawnOn(t, h.JoinView(roomtest.Ben))
		if !cut || len(ids) == 0 || ids[len(ids)-1] != fmt.Sprint("s", n-1) || size > MaxView {
			t.Fatalf("%v %v, %d bytes", ids, cut, size)
		}
		ben := h.JoinRoom(roomtest.Ben)
		have, more, rounds := ids, true, 0
		for more {
			before := len(ben())
			if err := h.SendCommand(roomtest.Ben, "board.look", fmt.Sprint("l", rounds), map[string]any{"surface": "w:1", "before": have[0]}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			have, more = prependOlder(t, ben()[before:], have)
			rounds++
		}
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint("s", i))
		}
		if fmt.Sprint(have) != fmt.Sprint(want) || rounds < 2 {
			t.Fatalf("in %d rounds %v", rounds, have)
		}
	})
}

// prependOlder puts the strokes of board.ink frames before the list.
func prependOlder(t *testing.T, frames string, have []string) ([]string, bool) {
	t.Helper()
	more, parts := false, 0
	for _, f := range strings.Split(frames, `"board.ink",`)[1:] {
		var in InkCast
		if err := json.NewDecoder(strings.NewReader(f)).Decode(&in); err != nil {
			t.Fatal(err)
		}
		if data, _ := json.Marshal(in); len(data) > 64<<10-128 {
			t.Errorf("a part of %d bytes", len(data))
		}
		var ids []string
		for _, s := range in.Strokes {
			ids = append(ids, s.ID)
		}
		have, more, parts = append(ids, have...), in.More, parts+1
	}
	if parts == 0 || parts > lookParts {
		t.Errorf("%d parts", parts)
	}
	return have, more
}

func TestALessonHoldsOnlySoMuchInk(t *testing.T) {
	b := Kind.New().(*board)
	b.Boards = MaxBoards
	in := DrawnData{Surface: "w:1", Stroke: Stroke{Points: strings.Repeat("1", MaxStroke)}}
	b.Bytes = MaxInk - MaxStroke
	if err := b.checkRoom("board.draw", in, "t1"); err != nil {
		t.Errorf("the last that fits: %v", err)
	}
	b.Bytes++
	if e := errs.BodyOf(b.checkRoom("board.draw", in, "t1")); e.Code != "too_much" || e.Limit != MaxInk {
		t.Errorf("%+v", e)
	}
	for i := range MaxSurfaces {
		b.Ink[fmt.Sprint("d:x:", i)] = &surfaceInk{}
	}
	if e := errs.BodyOf(b.checkRoom("board.draw", in, "t1")); e.Field != "surface" || e.Limit != MaxSurfaces {
		t.Errorf("%+v", e)
	}
}

func TestUndoneInkCountsUntilItsAuthorDrawsAnew(t *testing.T) {
	b := Kind.New().(*board)
	draw := func(id, by string) {
		b.applyDrawn(DrawnData{Surface: "w:1", Stroke: Stroke{ID: id, Points: "0 0 0"}}, by)
	}
	draw("a", "t1")
	draw("b", "t2")
	b.applyUndone(UndoneData{"w:1", "a"})
	b.applyUndone(UndoneData{"w:1", "b"})
	if b.Bytes != 10 {
		t.Errorf("undone: %d bytes", b.Bytes)
	}
	draw("c", "t1")
	if b.Bytes != 10 || len(b.Ink["w:1"].Undone) != 1 {
		t.Errorf("drawn again: %d bytes, %+v", b.Bytes, b.Ink["w:1"])
	}
	b.applyCleared(ClearedData{"w:1"})
	if b.Bytes != 0 {
		t.Errorf("cleared: %d bytes", b.Bytes)
	}
}

func TestAGreatDeckLeavesRoomInATeachersView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := roomtest.New(t, t.TempDir(), room.Config{}, Kind)
		h.StartLesson("l1")
		var pages []Page
		for i := range MaxTurned / 2 {
			pages = append(pages, Page{Key: fmt.Sprintf("%032d", i), W: 1920, H: 1080, Widths: []int{640, 1280, 1920}, Ext: "jpg", Text: strings.Repeat("word ", 100)})
		}
		for _, d := range []string{"d1", "d2"} {
			mustSend(t, h, "board.load", LoadedData{Deck: d, Title: "T", Pages: pages})
		}
		if b := errs.BodyOf(h.SendCommand(roomtest.Ada, "board.load", "", LoadedData{Deck: "d3", Pages: pages[:1]})); b.Field != "pages" || b.Limit != MaxTurned {
			t.Errorf("%+v", b)
		}
		mustSend(t, h, "board.show", surfacePayload("d:d1:0"))
		mustSend(t, h, "board.follow", map[string]any{"on": false})
		for i := range 10 {
			mustSend(t, h, "board.draw", thickStroke("d:d1:0", fmt.Sprint(i)))
		}
		if n := len(h.JoinView(roomtest.Ada)); n > 140<<10 {
			t.Errorf("a teacher's view of %d bytes", n)
		}
	})
}

func TestWhoBrowsesSeesTheInkOfTheShownDeckOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newClass(t, t.TempDir())
		mustSend(t, h, "board.load", LoadedData{Deck: "other", Title: "O", Pages: []Page{{Key: "key-of-other"}}})
		mustSend(t, h, "board.show", surfacePayload("w:1"))
		mustSend(t, h, "board.show", surfacePayload("d:dk:0"))
		mustSend(t, h, "board.follow", map[string]any{"on": false})
		for surface, want := range map[string]string{"d:dk:0": "", "d:dk:2": "", "d:other:0": "not_shown", "w:1": "not_shown"} {
			if b := errs.BodyOf(h.SendCommand(roomtest.Ben, "board.look", "look-"+surface, surfacePayload(surface))); b.Code != want {
				t.Errorf("%s: %+v", surface, b)
			}
			if err := h.SendCommand(roomtest.Ada, "board.look", "look-"+surface, surfacePayload(surface)); err != nil {
				t.Errorf("%s by a teacher: %v", surface, err)
			}
		}
		if strings.Contains(h.JoinView(roomtest.Ben), "key-of-other") {
			t.Error("a pupil knows the key of another deck's page")
		}
	})
}

func FuzzStroke(f *testing.F) {
	for _, s := range []string{"", "0 0 0", "7ps 7ps 2s", "0 0 0 -1 0 0", "zz zz zz", "+1 0 0", "0  0 0", "-0 0 0", "1 1 1 1", "９ 0 0", "0 0 0 zzzzzzzzzzzzz 0 0"} {
		f.Add("s", "pen", 1, 2, s)
		f.Add("s-1", "rect", 7, 8, s+" 1 1 0")
	}
	f.Fuzz(func(t *testing.T, id, tool string, color, size int, text string) {
		s := Stroke{ID: id, Tool: tool, Color: color, Size: size, Points: text}
		if s.Check("board.draw") != nil {
			return
		}
		data, err := json.Marshal(s)
		if err != nil || len(data)+1 > len(text)+ink.StrokeOverhead {
			t.Fatalf("%d bytes of JSON for %d of points: %v", len(data), len(text), err)
		}
		if n := strings.Count(text, " ") + 1; n%3 != 0 || n/3 > MaxPoints || len(text) > MaxStroke {
			t.Fatalf("%d numbers in %d bytes", n, len(text))
		}
	})
}
