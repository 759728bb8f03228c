package board

import (
	"slices"

	"github.com/livelearn/box/services/errs"
)

// mark is a stroke and the teacher who drew it.
type mark struct {
	stroke
	By string `json:"by,omitempty"`
}

// sheet is the ink of one surface. Each teacher undoes and redoes their own strokes.
type sheet struct {
	Strokes []mark // oldest first
	Undone  []mark // of all teachers; the last one undone is the first to come back
}

// has tells that the sheet shows a stroke of the id.
func (s *sheet) has(id string) bool {
	return slices.ContainsFunc(s.Strokes, func(m mark) bool { return m.ID == id })
}

// last is the place of a teacher's last mark in a list; -1: there is none.
func last(list []mark, by string) int {
	for i, m := range slices.Backward(list) {
		if m.By == by {
			return i
		}
	}
	return -1
}

// bytes is what the sheet takes of the lesson's ink. What was undone counts: it is kept.
func (s *sheet) bytes() int {
	n := 0
	for _, m := range s.Strokes {
		n += len(m.Points)
	}
	for _, m := range s.Undone {
		n += len(m.Points)
	}
	return n
}

// newest gives the newest strokes of a list that fit in so many bytes of JSON, and the
// older ones. One stroke always fits.
func newest(list []mark, size int) (fit []stroke, older []mark) {
	from := len(list)
	for from > 0 {
		if size -= len(list[from-1].Points) + wrapping; size < 0 && from < len(list) {
			break
		}
		from--
	}
	fit = make([]stroke, 0, len(list)-from)
	for _, m := range list[from:] {
		fit = append(fit, m.stroke)
	}
	return fit, list[:from]
}

// room checks that a stroke finds room on a surface and in the lesson. What its author
// has undone there makes way for it.
func (b *board) room(op string, in drawn, by string) error {
	s, size := b.Ink[in.Surface], b.Bytes+len(in.Stroke.Points)
	if s == nil {
		if len(b.Ink) >= MaxSurfaces {
			return errs.Field(op, "surface", "too_many", MaxSurfaces, "at most %d surfaces of a lesson carry ink: clear one", MaxSurfaces)
		}
		s = &sheet{}
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
		return errs.Field(op, "stroke", "too_many", MaxStrokes, "at most %d strokes on one surface: clear it or take a new whiteboard", MaxStrokes)
	}
	if size > MaxInk {
		return errs.Field(op, "stroke", "too_much", MaxInk, "the lesson holds at most %d bytes of ink: clear a surface", MaxInk)
	}
	return nil
}
