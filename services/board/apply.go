package board

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Apply implements room.Feature.
func (b *board) Apply(e event.Event) {
	switch e.Kind {
	case Loaded:
		var in deck
		room.Payload(e, &in)
		b.Decks = append(b.Decks, in)
	case Shown:
		var in shown
		room.Payload(e, &in)
		b.Surface = in.Surface
		if n, ok := strings.CutPrefix(in.Surface, "w:"); ok {
			if i, err := strconv.Atoi(n); err == nil {
				b.Boards = max(b.Boards, i)
			}
		}
	case Followed:
		var in followed
		room.Payload(e, &in)
		b.Follow = in.On
	case Drawn:
		var in drawn
		room.Payload(e, &in)
		b.applyDrawn(in)
	case Undone, Cleared:
		var in undone
		room.Payload(e, &in)
		b.applyUndone(e.Kind, in)
	}
}

// applyDrawn adds a stroke. When it is the one that was undone last it has come back, and
// what was undone before it can too; any other ends that.
func (b *board) applyDrawn(in drawn) {
	s := b.Ink[in.Surface]
	if s == nil {
		s = &sheet{}
		b.Ink[in.Surface] = s
	}
	if n := len(s.Undone); n > 0 && s.Undone[n-1].ID == in.Stroke.ID {
		s.Undone = s.Undone[:n-1]
	} else {
		s.Undone = nil
	}
	s.Strokes = append(s.Strokes, in.Stroke)
	b.Bytes += len(in.Stroke.Points)
}

func (b *board) applyUndone(kind event.Kind, in undone) {
	s := b.Ink[in.Surface]
	if s == nil {
		return
	}
	if kind == Cleared {
		for _, o := range s.Strokes {
			b.Bytes -= len(o.Points)
		}
		delete(b.Ink, in.Surface)
		return
	}
	if i := slices.IndexFunc(s.Strokes, func(o stroke) bool { return o.ID == in.Stroke }); i >= 0 {
		b.Bytes -= len(s.Strokes[i].Points)
		s.Undone = append(s.Undone, s.Strokes[i])
		s.Strokes = slices.Delete(s.Strokes, i, i+1)
	}
}

// View implements room.Feature.
func (b *board) View(v event.Viewer, _ event.Stamp) any {
	view := struct {
		Surface string    `json:"surface"`
		Page    *pageView `json:"page"`
		Follow  bool      `json:"follow"`
		Deck    string    `json:"deck"`  // whose pages may be browsed
		Pages   []page    `json:"pages"` // of it
		Boards  int       `json:"boards"`
		Strokes []stroke  `json:"strokes"` // of the shown surface
		Cut     bool      `json:"cut"`     // the oldest ones are missing: look
		Decks   []deck    `json:"decks,omitempty"`
	}{Surface: b.Surface, Follow: b.Follow, Boards: b.Boards, Pages: []page{}, Strokes: []stroke{}}
	view.Page, _ = b.surface(b.Surface)
	if d, pages := b.browsable(); d != "" {
		view.Deck, view.Pages = d, pages
	}
	if s := b.Ink[b.Surface]; s != nil {
		from, size := len(s.Strokes), 0
		for from > 0 && size < MaxView/2 {
			from--
			size += len(s.Strokes[from].Points) + 100
		}
		view.Strokes, view.Cut = append(view.Strokes, s.Strokes[from:]...), from > 0
	}
	if v.Staff() {
		view.Decks = append([]deck{}, b.Decks...)
	}
	return view
}
