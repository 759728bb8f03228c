package whiteboard

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/ink"
)

// authoredStroke is a stroke and the teacher who drew it.
type authoredStroke = ink.Authored

// surfaceInk is the ink of one surface. Each teacher undoes and redoes their own strokes.
type surfaceInk struct {
	Strokes []authoredStroke // oldest first
	Undone  []authoredStroke // of all teachers, last in, first out
}

// hasStroke reports whether the surface shows a stroke with the id.
func (s *surfaceInk) hasStroke(id string) bool {
	return slices.ContainsFunc(s.Strokes, func(m authoredStroke) bool { return m.ID == id })
}

// inkBytes is the size of the points on this surface. Undone strokes count: they are kept.
func (s *surfaceInk) inkBytes() int {
	n := 0
	for _, m := range s.Strokes {
		n += len(m.Points)
	}
	for _, m := range s.Undone {
		n += len(m.Points)
	}
	return n
}

// checkRoom checks that a stroke fits on a surface and in the lesson. It replaces the strokes that
// its author has undone there.
func (b *board) checkRoom(op string, in DrawnData, by string) error {
	s, size := b.Ink[in.Surface], b.Bytes+len(in.Stroke.Points)
	if s == nil {
		if len(b.Ink) >= MaxSurfaces {
			return errs.NewField(op, "surface", "too_many", MaxSurfaces, "at most %d surfaces of a lesson carry ink: clear one", MaxSurfaces)
		}
		s = &surfaceInk{}
	}
	kept := 0
	for _, m := range s.Undone {
		if m.By == by {
			size -= len(m.Points)
			continue
		}
		kept++
	}
	if len(s.Strokes)+kept >= MaxStrokes {
		return errs.NewField(op, "stroke", "too_many", MaxStrokes, "at most %d strokes on one surface: clear it or take a new whiteboard", MaxStrokes)
	}
	if size > MaxInk {
		return errs.NewField(op, "stroke", "too_much", MaxInk, "the lesson holds at most %d bytes of ink: clear a surface", MaxInk)
	}
	return nil
}
