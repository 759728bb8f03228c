package whiteboard

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
)

// Apply implements room.Feature.
func (b *board) Apply(e event.Event) {
	switch e.Kind {
	case Loaded:
		var in LoadedData
		room.DecodePayload(e, &in)
		b.Decks = append(b.Decks, in)
	case Shown:
		var in ShownData
		room.DecodePayload(e, &in)
		b.Surface = in.Surface
		if n, ok := strings.CutPrefix(in.Surface, "w:"); ok {
			if i, err := strconv.Atoi(n); err == nil {
				b.Boards = max(b.Boards, i)
			}
		}
	case Followed:
		var in FollowedData
		room.DecodePayload(e, &in)
		b.Follow = in.On
	case Drawn:
		var in DrawnData
		room.DecodePayload(e, &in)
		b.applyDrawn(in, e.By)
	case Undone:
		var in UndoneData
		room.DecodePayload(e, &in)
		b.applyUndone(in)
	case Cleared:
		var in ClearedData
		room.DecodePayload(e, &in)
		b.applyCleared(in)
	}
}

// applyDrawn adds a stroke. If it is the stroke that its author undid last, it is a redo, and the
// author can redo earlier ones too. Any other stroke ends that.
func (b *board) applyDrawn(in DrawnData, by string) {
	s := b.Ink[in.Surface]
	if s == nil {
		s = &surfaceInk{}
		b.Ink[in.Surface] = s
	}
	b.Bytes -= s.inkBytes()
	if i := ink.LastOf(s.Undone, by); i >= 0 && s.Undone[i].ID == in.Stroke.ID {
		s.Undone = slices.Delete(s.Undone, i, i+1)
	} else {
		s.Undone = slices.DeleteFunc(s.Undone, func(m authoredStroke) bool { return m.By == by })
	}
	s.Strokes = append(s.Strokes, authoredStroke{Stroke: in.Stroke, By: by})
	b.Bytes += s.inkBytes()
}

func (b *board) applyUndone(in UndoneData) {
	s := b.Ink[in.Surface]
	if s == nil {
		return
	}
	if i := slices.IndexFunc(s.Strokes, func(m authoredStroke) bool { return m.ID == in.Stroke }); i >= 0 {
		s.Undone = append(s.Undone, s.Strokes[i])
		s.Strokes = slices.Delete(s.Strokes, i, i+1)
	}
}

func (b *board) applyCleared(in ClearedData) {
	if s := b.Ink[in.Surface]; s != nil {
		b.Bytes -= s.inkBytes()
		delete(b.Ink, in.Surface)
	}
}

// View implements room.Feature.
func (b *board) View(v event.Viewer, _ event.Stamp) any {
	view := struct {
		Surface string       `json:"surface"`
		Page    *ShownPage   `json:"page"`
		Follow  bool         `json:"follow"`
		Deck    string       `json:"deck"`  // whose pages may be browsed
		Pages   []Page       `json:"pages"` // of it
		Boards  int          `json:"boards"`
		Strokes []Stroke     `json:"strokes"` // of the shown surface
		Cut     bool         `json:"cut"`     // the oldest ones are missing: they come by board.look
		Decks   []LoadedData `json:"decks,omitempty"`
	}{Surface: b.Surface, Follow: b.Follow, Boards: b.Boards, Pages: []Page{}, Strokes: []Stroke{}}
	view.Page, _ = b.findSurface(b.Surface)
	if d, pages := b.browsablePages(); d != "" {
		view.Deck, view.Pages = d, pages
	}
	if s := b.Ink[b.Surface]; s != nil {
		var older []authoredStroke
		view.Strokes, older = ink.NewestThatFit(s.Strokes, MaxView)
		view.Cut = len(older) > 0
	}
	if v.IsStaff() {
		view.Decks = withoutTexts(b.Decks)
	}
	return view
}

// withoutTexts returns the decks without the texts of their pages. The list of decks does not
// show them, and a teacher's view has to fit in the queue.
func withoutTexts(decks []LoadedData) []LoadedData {
	out := make([]LoadedData, len(decks))
	for i, d := range decks {
		out[i] = d
		out[i].Pages = slices.Clone(d.Pages)
		for j := range out[i].Pages {
			out[i].Pages[j].Text = ""
		}
	}
	return out
}
