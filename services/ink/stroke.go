package ink

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Limits of one stroke.
const (
	MaxPoints      = 2000
	MaxStroke      = 16 << 10 // bytes of points
	MaxColor       = 7
	MaxSize        = 8
	MaxStrokeID    = 40
	StrokeOverhead = 100 // most bytes of a stroke's JSON without its points
)

const idLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

var tools = []string{"pen", "marker", "line", "rect", "ellipse", "arrow"}

// Stroke is one line or shape. A shape has two points, its corners or ends.
type Stroke struct {
	ID     string `json:"id"`
	Tool   string `json:"tool" enum:"pen,marker,line,rect,ellipse,arrow"`
	Color  int    `json:"color"` // 0 to 7, of the pages' palette
	Size   int    `json:"size"`  // 1 to 8
	Points string `json:"points"`
}

// Check checks the fields of a stroke of the command op.
func (s Stroke) Check(op string) error {
	switch {
	case s.ID == "" || len(s.ID) > MaxStrokeID || strings.Trim(s.ID, idLetters) != "":
		return errs.NewField(op, "stroke.id", "bad_id", MaxStrokeID, "must be 1 to %d letters, digits, - and _", MaxStrokeID)
	case !slices.Contains(tools, s.Tool):
		return errs.NewField(op, "stroke.tool", "unknown", 0, "must be one of %q", tools)
	case s.Color < 0 || s.Color > MaxColor:
		return errs.NewField(op, "stroke.color", "out_of_range", MaxColor, "must be 0 to %d", MaxColor)
	case s.Size < 1 || s.Size > MaxSize:
		return errs.NewField(op, "stroke.size", "out_of_range", MaxSize, "must be 1 to %d", MaxSize)
	case len(s.Points) > MaxStroke:
		return errs.NewField(op, "stroke.points", "too_long", MaxStroke, "%d bytes, at most %d", len(s.Points), MaxStroke)
	}
	n, ok := CountPoints(s.Points)
	shape := s.Tool != "pen" && s.Tool != "marker"
	switch {
	case !ok:
		return errs.NewField(op, "stroke.points", "bad_points", Extent, "must be places of 0 to %d with a pressure of 0 to 100", Extent)
	case n == 0 || n > MaxPoints || shape && n != 2:
		return errs.NewField(op, "stroke.points", "out_of_range", MaxPoints, "%d points, must be 1 to %d, and 2 of a shape", n, MaxPoints)
	}
	return nil
}

// Authored is a stroke and the person who drew it.
type Authored struct {
	Stroke
	By string `json:"by,omitempty"`
}

// LastOf is the index of a person's last stroke in a list; -1: there is none.
func LastOf(list []Authored, by string) int {
	for i, m := range slices.Backward(list) {
		if m.By == by {
			return i
		}
	}
	return -1
}

// NewestThatFit splits a list: into the newest strokes, which fit in size bytes of JSON, and the
// older ones. One stroke always fits.
func NewestThatFit(list []Authored, size int) (fit []Stroke, older []Authored) {
	from := len(list)
	for from > 0 {
		if size -= len(list[from-1].Points) + StrokeOverhead; size < 0 && from < len(list) {
			break
		}
		from--
	}
	fit = make([]Stroke, 0, len(list)-from)
	for _, m := range list[from:] {
		fit = append(fit, m.Stroke)
	}
	return fit, list[:from]
}
