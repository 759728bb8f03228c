// Package board is what the class looks at: the page of a deck or a whiteboard, with the
// teacher's ink on it.
//
// A surface is "d:<deck>:<page>", a page of a deck counted from 0, or "w:<n>", a
// whiteboard. A page's image is named by a random key, and a pupil knows only the keys of
// pages that were shown, or of the whole deck while the teacher lets them browse.
//
// Promises: only teachers draw, show and point. Ink is early and refused while the disk
// is full; what is shown is on disk before anybody sees it. A teacher undoes own strokes
// only. A late joiner gets the newest ink of the shown surface with the view and the rest
// by board.look. The laser pointer is kept nowhere.
package board

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Facts of this feature.
const (
	Loaded   = event.Kind("board.loaded")
	Shown    = event.Kind("board.shown")
	Followed = event.Kind("board.followed")
	Drawn    = event.Kind("board.drawn")
	Undone   = event.Kind("board.undone")
	Cleared  = event.Kind("board.cleared")
)

// Limits.
const (
	MaxDecks    = 20
	MaxPages    = 300      // of a deck
	MaxTurned   = 400      // pages of all decks of a lesson
	MaxBoards   = 50       // whiteboards of a lesson
	MaxSurfaces = 200      // with ink, in a lesson
	MaxStrokes  = 500      // on one surface, those that were undone with them
	MaxInk      = 4 << 20  // bytes of points in a lesson, those that were undone with them
	MaxView     = 32 << 10 // bytes of ink in a view: chat and questions are in the same answer
	MaxPart     = 63 << 10 // bytes of ink in an answer to board.look, 64 KiB with its frame
	lookParts   = 2        // of an answer: a queue that was empty takes as many
	maxPageText = 400      // characters of a page's text that pupils get, for screen readers
	maxDeckText = 16_000   // of all pages of a deck
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "board",
	New:  func() room.Feature { return &board{Follow: true, Ink: map[string]*sheet{}} },
	Commands: []room.Command{
		{Name: "board.load", Box: true},
		{Name: "board.show"},
		{Name: "board.follow"},
		{Name: "board.draw", Bulk: true},
		{Name: "board.undo"},
		{Name: "board.redo", Bulk: true},
		{Name: "board.clear"},
		{Name: "board.point"},
		{Name: "board.look", Pupil: true, Screen: true},
	},
	Events: []event.Def{
		{Kind: Loaded, Effect: event.Committed, Vital: true, See: func(event.Event) event.Audience { return event.Viewer.Staff }},
		{Kind: Shown, Effect: event.Committed, Vital: true},
		{Kind: Followed, Effect: event.Committed, Vital: true},
		{Kind: Drawn, Effect: event.Early},
		{Kind: Undone, Effect: event.Early, Vital: true}, // small, and a slip must go on a full disk too
		{Kind: Cleared, Effect: event.Early, Vital: true},
	},
}

type board struct {
	Decks   []deck
	Surface string // shown; empty: nothing
	Follow  bool   // pupils see what is shown and nothing else
	Boards  int    // whiteboards so far
	Ink     map[string]*sheet
	Bytes   int // of all points, of undone strokes too
}

type deck struct {
	room.ID
	Deck  string `json:"deck"`
	Title string `json:"title"`
	Pages []page `json:"pages"`
}

// page is one page image. Its files are named by Key, a width and Ext.
type page struct {
	Key    string `json:"key"`
	W      int    `json:"w"` // pixels of the largest image
	H      int    `json:"h"`
	Widths []int  `json:"widths,omitempty"`
	Ext    string `json:"ext,omitempty"`
	Text   string `json:"text,omitempty"`
}

// pageView is the shown page.
type pageView struct {
	Deck  string `json:"deck"`
	Index int    `json:"index"`
	Of    int    `json:"of"`
	page
}

type shown struct {
	room.ID
	Surface string    `json:"surface"`
	Page    *pageView `json:"page,omitempty"` // of a fact about a page of a deck
}

type followed struct {
	room.ID
	On    bool   `json:"on"`
	Deck  string `json:"deck,omitempty"`
	Pages []page `json:"pages,omitempty"` // of the shown deck, for browsing
}

// surface takes a surface's name apart. ok is false when there is no such one.
func (b *board) surface(name string) (p *pageView, ok bool) {
	if n, is := strings.CutPrefix(name, "w:"); is {
		i, err := strconv.Atoi(n)
		return nil, err == nil && strconv.Itoa(i) == n && i >= 1 && i <= b.Boards
	}
	id, n, is := strings.Cut(strings.TrimPrefix(name, "d:"), ":")
	i, err := strconv.Atoi(n)
	if !is || !strings.HasPrefix(name, "d:") || err != nil || strconv.Itoa(i) != n {
		return nil, false
	}
	at := slices.IndexFunc(b.Decks, func(d deck) bool { return d.Deck == id })
	if at < 0 || i < 0 || i >= len(b.Decks[at].Pages) {
		return nil, false
	}
	d := b.Decks[at]
	return &pageView{Deck: id, Index: i, Of: len(d.Pages), page: d.Pages[i]}, true
}

// browsable is the pages that pupils may turn while nobody leads them.
func (b *board) browsable() (string, []page) {
	p, ok := b.surface(b.Surface)
	if !ok || p == nil || b.Follow {
		return "", nil
	}
	at := slices.IndexFunc(b.Decks, func(d deck) bool { return d.Deck == p.Deck })
	return p.Deck, b.Decks[at].Pages
}

// Handle implements room.Feature.
func (b *board) Handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "board.load":
		return b.load(t, m)
	case "board.show":
		return b.show(t, m)
	case "board.follow":
		return b.lead(t, m)
	case "board.point":
		return point(t, m)
	}
	return b.ink(t, m)
}

func (b *board) load(t *room.Turn, m room.Message) error {
	var in deck
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	had := slices.ContainsFunc(b.Decks, func(d deck) bool { return d.Deck == in.Deck })
	switch {
	case in.Deck == "" || strings.Contains(in.Deck, ":") || len(in.Deck) > room.MaxID:
		return errs.Field(m.Name, "deck", "bad_id", room.MaxID, "must be an id of 1 to %d bytes", room.MaxID)
	case len(in.Pages) == 0 || len(in.Pages) > MaxPages:
		return errs.Field(m.Name, "pages", "out_of_range", MaxPages, "%d, must be 1 to %d", len(in.Pages), MaxPages)
	case had:
		return nil
	case len(b.Decks) >= MaxDecks:
		return errs.Field(m.Name, "deck", "too_many", MaxDecks, "at most %d decks in a lesson", MaxDecks)
	case b.turned()+len(in.Pages) > MaxTurned:
		return errs.Field(m.Name, "pages", "too_many", MaxTurned, "at most %d pages in a lesson", MaxTurned)
	}
	most := min(maxPageText, maxDeckText/len(in.Pages))
	for i := range in.Pages {
		if r := []rune(in.Pages[i].Text); len(r) > most {
			in.Pages[i].Text = string(r[:most])
		}
	}
	in.ID.ID = ""
	t.Record(Loaded, in)
	return nil
}

// turned is how many pages the lesson has.
func (b *board) turned() int {
	n := 0
	for _, d := range b.Decks {
		n += len(d.Pages)
	}
	return n
}

// show turns to a surface. "w:<n>" with the next number makes a whiteboard.
func (b *board) show(t *room.Turn, m room.Message) error {
	var in shown
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	fresh := fmt.Sprintf("w:%d", b.Boards+1)
	if in.Surface == fresh && b.Boards >= MaxBoards {
		return errs.Field(m.Name, "surface", "too_many", MaxBoards, "at most %d whiteboards in a lesson", MaxBoards)
	}
	p, ok := b.surface(in.Surface)
	if !ok && in.Surface != "" && in.Surface != fresh {
		return errs.Field(m.Name, "surface", "unknown", 0, "no such page or whiteboard")
	}
	if in.Surface == b.Surface {
		return nil
	}
	before, _ := b.browsable()
	t.Record(Shown, shown{Surface: in.Surface, Page: p})
	if d, pages := b.browsable(); d != before && d != "" {
		t.Record(Followed, followed{Deck: d, Pages: pages})
	}
	return nil
}

func (b *board) lead(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		On bool `json:"on"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.On == b.Follow {
		return nil
	}
	out := followed{On: in.On}
	b.Follow = in.On // to find the pages; Apply sets it for good
	out.Deck, out.Pages = b.browsable()
	b.Follow = !in.On
	t.Record(Followed, out)
	return nil
}

// point shows the laser. It is of the moment, so a slow reader may miss it.
func point(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		X  int  `json:"x"`
		Y  int  `json:"y"`
		On bool `json:"on"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.X < 0 || in.X > Extent || in.Y < 0 || in.Y > Extent {
		return errs.Field(m.Name, "x", "out_of_range", Extent, "x and y must be 0 to %d", Extent)
	}
	in.ID.ID = ""
	t.Cast("board.pointed", in)
	return nil
}
