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
	Extent      = 10_000
	MaxPoints   = 2000
	MaxStroke   = 16 << 10 // bytes of points
	MaxColor    = 7
	MaxSize     = 8
	maxStrokeID = 40
	wrapping    = 100 // bytes of a stroke's JSON beside its points, at most
)

const idLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

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

type drawn struct {
	room.ID
	Surface string `json:"surface"`
	Stroke  stroke `json:"stroke"`
}

// undone is the payload of board.undone and board.cleared.
type undone struct {
	Surface string `json:"surface"`
	Stroke  string `json:"stroke,omitempty"` // the id of the one undone
}

// check tells whether a stroke is one.
func (s stroke) check(op string) error {
	switch {
	case s.ID == "" || len(s.ID) > maxStrokeID || strings.Trim(s.ID, idLetters) != "":
		return errs.Field(op, "stroke.id", "bad_id", maxStrokeID, "must be 1 to %d letters, digits, - and _", maxStrokeID)
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
	if m.Name == "board.draw" {
		return b.draw(t, m)
	}
	if m.Name == "board.look" {
		return b.look(t, m)
	}
	var in struct {
		room.ID
		Surface string `json:"surface"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := b.known(m.Name, in.Surface); err != nil {
		return err
	}
	s := b.Ink[in.Surface]
	if s == nil {
		return nil
	}
	switch m.Name {
	case "board.undo":
		if i := last(s.Strokes, m.By.User); i >= 0 {
			t.Record(Undone, undone{Surface: in.Surface, Stroke: s.Strokes[i].ID})
		}
	case "board.redo":
		if i := last(s.Undone, m.By.User); i >= 0 {
			t.Record(Drawn, drawn{Surface: in.Surface, Stroke: s.Undone[i].stroke})
		}
	case "board.clear":
		t.Record(Cleared, undone{Surface: in.Surface})
	}
	return nil
}

// known refuses a surface that there is not.
func (b *board) known(op, surface string) error {
	if _, ok := b.surface(surface); !ok {
		return errs.Field(op, "surface", "unknown", 0, "no such page or whiteboard")
	}
	return nil
}

func (b *board) draw(t *room.Turn, m room.Message) error {
	var in drawn
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := b.known(m.Name, in.Surface); err != nil {
		return err
	}
	if err := in.Stroke.check(m.Name); err != nil {
		return err
	}
	if s := b.Ink[in.Surface]; s != nil {
		if s.has(in.Stroke.ID) {
			return nil // sent again
		}
		if slices.ContainsFunc(s.Undone, func(o mark) bool { return o.ID == in.Stroke.ID }) {
			return errs.Field(m.Name, "stroke.id", "taken", 0, "a stroke that was undone has this id")
		}
	}
	if err := b.room(m.Name, in, m.By.User); err != nil {
		return err
	}
	in.ID.ID = ""
	t.Record(Drawn, in)
	return nil
}

// inked is the answer to board.look. Parts come newest first, each oldest stroke first.
type inked struct {
	Surface string   `json:"surface"`
	First   bool     `json:"first"`
	Strokes []stroke `json:"strokes"`
	More    bool     `json:"more"` // older ones are left: look before the first of these
}

// look gives the ink of a surface to who asks: the newest, or what is older than the
// stroke called before. An answer has few parts, because a member's queue drops what goes
// beyond them; More is in the last one.
func (b *board) look(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Surface string `json:"surface"`
		Before  string `json:"before"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := b.known(m.Name, in.Surface); err != nil {
		return err
	}
	if !b.open(in.Surface) && !m.By.Staff() {
		return errs.Code(m.Name, errs.Denied, "not_shown", "the teacher shows another page")
	}
	var list []mark
	if s := b.Ink[in.Surface]; s != nil {
		list = s.Strokes
	}
	if in.Before != "" {
		list = list[:max(0, slices.IndexFunc(list, func(o mark) bool { return o.ID == in.Before }))]
	}
	only := func(v event.Viewer) bool { return v == m.By }
	for part := 1; part == 1 || part <= lookParts && len(list) > 0; part++ {
		out := inked{Surface: in.Surface, First: part == 1}
		out.Strokes, list = newest(list, MaxPart)
		out.More = part == lookParts && len(list) > 0
		t.CastTo(only, "board.ink", out)
	}
	return nil
}

// open tells that pupils may look at a surface: the shown one, and the pages of its deck
// while nobody leads them.
func (b *board) open(surface string) bool {
	if surface == b.Surface {
		return true
	}
	p, ok := b.surface(surface)
	deck, _ := b.browsable()
	return ok && p != nil && p.Deck == deck
}
