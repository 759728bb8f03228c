package board

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Limits of one stroke. A place is measured in ten thousandths of the surface's width and
// height, so that ink lies right at any size.
const (
	Extent     = 10_000
	MaxPoints  = 2000
	MaxStroke  = 16 << 10 // bytes of points
	MaxColor   = 7
	MaxSize    = 8
	maxPointID = 40
)

var tools = []string{"pen", "marker", "line", "rect", "ellipse", "arrow"}

// stroke is one line or shape. Points is x, y and pressure (0 to 100) of each point, as
// integers to base 36 with spaces between; the first point as it is, each other as its
// difference to the one before. A shape has two points, its corners or ends.
type stroke struct {
	ID     string `json:"id"`
	Tool   string `json:"tool"`
	Color  int    `json:"color"` // 0 to 7, of the pages' palette
	Size   int    `json:"size"`  // 1 to 8
	Points string `json:"points"`
}

// sheet is the ink of one surface.
type sheet struct {
	Strokes []stroke
	Undone  []stroke // the last one undone is the first to come back
}

type drawn struct {
	room.ID
	Surface string `json:"surface"`
	Stroke  stroke `json:"stroke"`
}

type undone struct {
	room.ID
	Surface string `json:"surface"`
	Stroke  string `json:"stroke,omitempty"` // the id, in the fact
}

// check tells whether a stroke is one.
func (s stroke) check(op string) error {
	switch {
	case s.ID == "" || len(s.ID) > maxPointID:
		return errs.Field(op, "stroke.id", "bad_id", maxPointID, "must be 1 to %d bytes", maxPointID)
	case !slices.Contains(tools, s.Tool):
		return errs.Field(op, "stroke.tool", "unknown", 0, "must be one of %q", tools)
	case s.Color < 0 || s.Color > MaxColor:
		return errs.Field(op, "stroke.color", "out_of_range", MaxColor, "must be 0 to %d", MaxColor)
	case s.Size < 1 || s.Size > MaxSize:
		return errs.Field(op, "stroke.size", "out_of_range", MaxSize, "must be 1 to %d", MaxSize)
	case len(s.Points) > MaxStroke:
		return errs.Field(op, "stroke.points", "too_long", MaxStroke, "%d bytes, at most %d", len(s.Points), MaxStroke)
	}
	n, ok := points(s.Points)
	shape := s.Tool != "pen" && s.Tool != "marker"
	switch {
	case !ok:
		return errs.Field(op, "stroke.points", "bad_points", Extent, "must be places of 0 to %d with a pressure of 0 to 100", Extent)
	case n == 0 || n > MaxPoints || shape && n != 2:
		return errs.Field(op, "stroke.points", "out_of_range", MaxPoints, "%d points, must be 1 to %d, and 2 of a shape", n, MaxPoints)
	}
	return nil
}

// points counts the points of a stroke; false when it is not one.
func points(text string) (int, bool) {
	parts := strings.Split(text, " ")
	if len(parts)%3 != 0 {
		return 0, false
	}
	var at [3]int64
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 36, 32)
		if err != nil || p[0] == '+' {
			return 0, false
		}
		at[i%3] += v
		if at[i%3] < 0 || at[i%3] > Extent || i%3 == 2 && at[2] > 100 {
			return 0, false
		}
	}
	return len(parts) / 3, true
}

// ink handles what concerns one surface.
func (b *board) ink(t *room.Turn, m room.Message) error {
	var in drawn
	var err error
	if m.Name == "board.draw" {
		err = room.Decode(m, &in)
	} else {
		var on undone
		err = room.Decode(m, &on)
		in.Surface = on.Surface
		if on.Stroke != "" {
			err = errs.Field(m.Name, "stroke", "unknown_field", 0, "it is always the last one")
		}
	}
	if err != nil {
		return err
	}
	if _, ok := b.surface(in.Surface); !ok {
		return errs.Field(m.Name, "surface", "unknown", 0, "no such page or whiteboard")
	}
	s := b.Ink[in.Surface]
	if s == nil {
		s = &sheet{}
	}
	switch m.Name {
	case "board.draw":
		return b.draw(t, m, s, in)
	case "board.undo":
		if n := len(s.Strokes); n > 0 {
			t.Record(Undone, undone{Surface: in.Surface, Stroke: s.Strokes[n-1].ID})
		}
	case "board.redo":
		if n := len(s.Undone); n > 0 {
			t.Record(Drawn, drawn{Surface: in.Surface, Stroke: s.Undone[n-1]})
		}
	case "board.clear":
		if len(s.Strokes) > 0 {
			t.Record(Cleared, undone{Surface: in.Surface})
		}
	case "board.look":
		return b.look(t, m, s, in.Surface)
	}
	return nil
}

func (b *board) draw(t *room.Turn, m room.Message, s *sheet, in drawn) error {
	if err := in.Stroke.check(m.Name); err != nil {
		return err
	}
	if len(s.Strokes) >= MaxStrokes {
		return errs.Field(m.Name, "stroke", "too_many", MaxStrokes, "at most %d strokes on one surface: clear it or take a new whiteboard", MaxStrokes)
	}
	if b.Bytes+len(in.Stroke.Points) > MaxInk {
		return errs.Field(m.Name, "stroke", "too_much", MaxInk, "the lesson holds at most %d bytes of ink", MaxInk)
	}
	if slices.ContainsFunc(s.Strokes, func(o stroke) bool { return o.ID == in.Stroke.ID }) {
		return nil
	}
	in.ID.ID = ""
	t.Record(Drawn, in)
	return nil
}

// look gives the ink of a surface to who asks, in parts. A pupil who is led sees the shown
// one only.
func (b *board) look(t *room.Turn, m room.Message, s *sheet, surface string) error {
	if m.By.Role != event.Teacher && b.Follow && surface != b.Surface {
		return errs.Code(m.Name, errs.Denied, "not_shown", "the teacher shows another page")
	}
	only := func(v event.Viewer) bool { return v == m.By }
	for first := true; first || len(s.Strokes) > 0; first = false {
		n, size := 0, 0
		for n < len(s.Strokes) && size < MaxView {
			size += len(s.Strokes[n].Points) + 100
			n++
		}
		t.CastTo(only, "board.ink", struct {
			Surface string   `json:"surface"`
			First   bool     `json:"first"`
			Strokes []stroke `json:"strokes"`
		}{surface, first, append([]stroke{}, s.Strokes[:n]...)})
		s = &sheet{Strokes: s.Strokes[n:]}
	}
	return nil
}
