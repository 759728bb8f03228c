package whiteboard

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
)

// Limits of one stroke. See services/ink.
const (
	Extent    = ink.Extent
	MaxPoints = ink.MaxPoints
	MaxStroke = ink.MaxStroke
)

// handleInk handles the commands for the ink of one surface.
func (b *board) handleInk(t *room.Turn, m room.Message) error {
	if m.Name == "board.draw" {
		return b.drawStroke(t, m)
	}
	if m.Name == "board.look" {
		return b.sendInk(t, m)
	}
	var in SurfaceRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := b.checkSurface(m.Name, in.Surface); err != nil {
		return err
	}
	s := b.Ink[in.Surface]
	if s == nil {
		return nil
	}
	switch m.Name {
	case "board.undo":
		if i := ink.LastOf(s.Strokes, m.By.User); i >= 0 {
			t.Record(Undone, UndoneData{Surface: in.Surface, Stroke: s.Strokes[i].ID})
		}
	case "board.redo":
		if i := ink.LastOf(s.Undone, m.By.User); i >= 0 {
			t.Record(Drawn, DrawnData{Surface: in.Surface, Stroke: s.Undone[i].Stroke})
		}
	case "board.clear":
		t.Record(Cleared, ClearedData{Surface: in.Surface})
	}
	return nil
}

// checkSurface refuses a surface that does not exist.
func (b *board) checkSurface(op, surface string) error {
	if _, ok := b.findSurface(surface); !ok {
		return errs.NewField(op, "surface", "unknown", 0, "no such page or whiteboard")
	}
	return nil
}

func (b *board) drawStroke(t *room.Turn, m room.Message) error {
	var in DrawRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := b.checkSurface(m.Name, in.Surface); err != nil {
		return err
	}
	if err := in.Stroke.Check(m.Name); err != nil {
		return err
	}
	if s := b.Ink[in.Surface]; s != nil {
		if s.hasStroke(in.Stroke.ID) {
			return nil // sent again
		}
		if slices.ContainsFunc(s.Undone, func(o authoredStroke) bool { return o.ID == in.Stroke.ID }) {
			return errs.NewField(m.Name, "stroke.id", "taken", 0, "a stroke that was undone has this id")
		}
	}
	if err := b.checkRoom(m.Name, DrawnData{in.Surface, in.Stroke}, m.By.User); err != nil {
		return err
	}
	t.Record(Drawn, DrawnData{in.Surface, in.Stroke})
	return nil
}

// sendInk sends the ink of a surface to the member that asks: the newest strokes, or those before
// the stroke that the member names. An answer has few parts, because a member's queue drops
// frames when it is full. The last part has More.
func (b *board) sendInk(t *room.Turn, m room.Message) error {
	var in LookRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := b.checkSurface(m.Name, in.Surface); err != nil {
		return err
	}
	if !b.canLook(in.Surface) && !m.By.IsStaff() {
		return errs.NewCode(m.Name, errs.Denied, "not_shown", "the teacher shows another page")
	}
	var list []authoredStroke
	if s := b.Ink[in.Surface]; s != nil {
		list = s.Strokes
	}
	if in.Before != "" {
		list = list[:max(0, slices.IndexFunc(list, func(o authoredStroke) bool { return o.ID == in.Before }))]
	}
	only := func(v event.Viewer) bool { return v == m.By }
	for part := 1; part == 1 || part <= lookParts && len(list) > 0; part++ {
		out := InkCast{Surface: in.Surface, First: part == 1}
		out.Strokes, list = ink.NewestThatFit(list, MaxPart)
		out.More = part == lookParts && len(list) > 0
		t.CastTo(only, "board.ink", out)
	}
	return nil
}

// canLook reports whether pupils may see a surface: the shown one, and the pages of its deck while
// they browse.
func (b *board) canLook(surface string) bool {
	if surface == b.Surface {
		return true
	}
	p, ok := b.findSurface(surface)
	deck, _ := b.browsablePages()
	return ok && p != nil && p.Deck == deck
}
