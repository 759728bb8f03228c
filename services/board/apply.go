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
		b.applyDrawn(in, e.By)
	case Undone, Cleared:
		var in undone
		room.Payload(e, &in)
		b.applyUndone(e.Kind, in)
	}
}

// applyDrawn adds a stroke. When it is the one that its author undid last it has come
// back, and what they undid before it can too; any other ends that.
func (b *board) applyDrawn(in drawn, by string) {
	s := b.Ink[in.Surface]
	if s == nil {
		s = &sheet{}
		b.Ink[in.Surface] = s
	}
	b.Bytes -= s.bytes()
	if i := last(s.Undone, by); i >= 0 && s.Undone[i].ID == in.Stroke.ID {
		s.Undone = slices.Delete(s.Undone, i, i+1)
	} else {
		s.Undone = slices.DeleteFunc(s.Undone, func(m mark) bool { return m.By == by })
	}
	s.Strokes = append(s.Strokes, mark{in.Stroke, by})
	b.Bytes += s.bytes()
}

func (b *board) applyUndone(kind event.Kind, in undone) {
	s := b.Ink[in.Surface]
	if s == nil {
		return
	}
	if kind == Cleared {
		b.Bytes -= s.bytes()
		delete(b.Ink, in.Surface)
		return
	}
	if i := slices.IndexFunc(s.Strokes, func(m mark) bool { return m.ID == in.Stroke }); i >= 0 {
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
		var older []mark
		view.Strokes, older = newest(s.Strokes, MaxView)
		view.Cut = len(older) > 0
	}
	if v.Staff() {
		view.Decks = plain(b.Decks)
	}
	return view
}

// plain is the decks without the texts of their pages, which the list does not show: a
// teacher's view has to find room in the queue beside all else.
func plain(decks []deck) []deck {
	out := make([]deck, len(decks))
	for i, d := range decks {
		out[i] = d
		out[i].Pages = slices.Clone(d.Pages)
		for j := range out[i].Pages {
			out[i].Pages[j].Text = ""
		}
	}
	return out
}
