// Package whiteboard is the surface that the class looks at: a page of a deck or a whiteboard,
// with the teacher's ink on it.
//
// A surface is "d:<deck>:<page>", a page of a deck counted from 0, or "w:<n>", a whiteboard. The
// name of a page's image is a random key. A pupil knows only the keys of the pages that were
// shown, or of the whole deck while the teacher lets pupils browse.
//
// Promises:
//   - Only teachers draw, show and point.
//   - Ink is early and refused while the disk is full. A shown page is on disk before anybody
//     sees it.
//   - A teacher undoes own strokes only.
//   - A late joiner gets the newest ink of the shown surface with the view, and the rest by
//     board.look.
//   - The laser pointer is not stored.
package whiteboard

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
	maxDeckText = 16_000   // characters, of all pages of a deck
)

// Kind is the feature's entry for the tree.
var Kind = room.Kind{
	Name: "board",
	New:  func() room.Feature { return &board{Follow: true, Ink: map[string]*surfaceInk{}} },
	Commands: []room.Command{
		{Name: "board.load", Payload: LoadRequest{}, Box: true},
		{Name: "board.show", Payload: ShowRequest{}},
		{Name: "board.follow", Payload: FollowRequest{}},
		{Name: "board.draw", Payload: DrawRequest{}, Bulk: true},
		{Name: "board.undo", Payload: SurfaceRequest{}},
		{Name: "board.redo", Payload: SurfaceRequest{}, Bulk: true},
		{Name: "board.clear", Payload: SurfaceRequest{}},
		{Name: "board.point", Payload: PointRequest{}},
		{
			Name: "board.look", Payload: LookRequest{}, Pupil: true, Screen: true,
			Doc: "asks for ink, which comes as `board.ink` to the sender alone",
		},
	},
	Casts: []room.Cast{{Name: "board.pointed", Payload: PointedCast{}}, {Name: "board.ink", Payload: InkCast{}}},
	Events: []event.Def{
		{
			Kind: Loaded, Payload: LoadedData{}, Effect: event.Committed, Vital: true,
			VisibleTo: func(event.Event) event.Audience { return event.Viewer.IsStaff }, SeenBy: "teachers",
		},
		{Kind: Shown, Payload: ShownData{}, Effect: event.Committed, Vital: true},
		{Kind: Followed, Payload: FollowedData{}, Effect: event.Committed, Vital: true, Doc: "off: deck and all its pages"},
		{Kind: Drawn, Payload: DrawnData{}, Effect: event.Early},
		{Kind: Undone, Payload: UndoneData{}, Effect: event.Early, Vital: true}, // small, and a slip must go on a full disk too
		{Kind: Cleared, Payload: ClearedData{}, Effect: event.Early, Vital: true},
	},
}

type board struct {
	Decks   []LoadedData
	Surface string // shown; empty: nothing
	Follow  bool   // pupils see the shown page only
	Boards  int    // whiteboards so far
	Ink     map[string]*surfaceInk
	Bytes   int // of all points, of undone strokes too
}

// findSurface parses a surface's name and returns its page; nil is a whiteboard. It reports
// whether the surface exists.
func (b *board) findSurface(name string) (p *ShownPage, ok bool) {
	if n, is := strings.CutPrefix(name, "w:"); is {
		i, err := strconv.Atoi(n)
		return nil, err == nil && strconv.Itoa(i) == n && i >= 1 && i <= b.Boards
	}
	id, n, is := strings.Cut(strings.TrimPrefix(name, "d:"), ":")
	i, err := strconv.Atoi(n)
	if !is || !strings.HasPrefix(name, "d:") || err != nil || strconv.Itoa(i) != n {
		return nil, false
	}
	at := slices.IndexFunc(b.Decks, func(d LoadedData) bool { return d.Deck == id })
	if at < 0 || i < 0 || i >= len(b.Decks[at].Pages) {
		return nil, false
	}
	d := b.Decks[at]
	return &ShownPage{Deck: id, Index: i, Of: len(d.Pages), Page: d.Pages[i]}, true
}

// browsablePages returns the deck that pupils may browse and its pages. While pupils follow the
// teacher there is none.
func (b *board) browsablePages() (string, []Page) {
	p, ok := b.findSurface(b.Surface)
	if !ok || p == nil || b.Follow {
		return "", nil
	}
	at := slices.IndexFunc(b.Decks, func(d LoadedData) bool { return d.Deck == p.Deck })
	return p.Deck, b.Decks[at].Pages
}

// Handle implements room.Feature.
func (b *board) Handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "board.load":
		return b.loadDeck(t, m)
	case "board.show":
		return b.showSurface(t, m)
	case "board.follow":
		return b.setFollow(t, m)
	case "board.point":
		return castPointer(t, m)
	}
	return b.handleInk(t, m)
}

func (b *board) loadDeck(t *room.Turn, m room.Message) error {
	var in LoadRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	had := slices.ContainsFunc(b.Decks, func(d LoadedData) bool { return d.Deck == in.Deck })
	switch {
	case in.Deck == "" || strings.Contains(in.Deck, ":") || len(in.Deck) > room.MaxID:
		return errs.NewField(m.Name, "deck", "bad_id", room.MaxID, "must be an id of 1 to %d bytes", room.MaxID)
	case len(in.Pages) == 0 || len(in.Pages) > MaxPages:
		return errs.NewField(m.Name, "pages", "out_of_range", MaxPages, "%d, must be 1 to %d", len(in.Pages), MaxPages)
	case had:
		return nil
	case len(b.Decks) >= MaxDecks:
		return errs.NewField(m.Name, "deck", "too_many", MaxDecks, "at most %d decks in a lesson", MaxDecks)
	case b.countPages()+len(in.Pages) > MaxTurned:
		return errs.NewField(m.Name, "pages", "too_many", MaxTurned, "at most %d pages in a lesson", MaxTurned)
	}
	most := min(maxPageText, maxDeckText/len(in.Pages))
	for i := range in.Pages {
		if r := []rune(in.Pages[i].Text); len(r) > most {
			in.Pages[i].Text = string(r[:most])
		}
	}
	t.Record(Loaded, LoadedData{in.Deck, in.Title, in.Pages})
	return nil
}

// countPages is how many pages the lesson has.
func (b *board) countPages() int {
	n := 0
	for _, d := range b.Decks {
		n += len(d.Pages)
	}
	return n
}

// showSurface turns to a surface. "w:<n>" with the next number makes a whiteboard.
func (b *board) showSurface(t *room.Turn, m room.Message) error {
	var in ShowRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	fresh := fmt.Sprintf("w:%d", b.Boards+1)
	if in.Surface == fresh && b.Boards >= MaxBoards {
		return errs.NewField(m.Name, "surface", "too_many", MaxBoards, "at most %d whiteboards in a lesson", MaxBoards)
	}
	p, ok := b.findSurface(in.Surface)
	if !ok && in.Surface != "" && in.Surface != fresh {
		return errs.NewField(m.Name, "surface", "unknown", 0, "no such page or whiteboard")
	}
	if in.Surface == b.Surface {
		return nil
	}
	before, _ := b.browsablePages()
	t.Record(Shown, ShownData{Surface: in.Surface, Page: p})
	if d, pages := b.browsablePages(); d != before && d != "" {
		t.Record(Followed, FollowedData{Deck: d, Pages: pages})
	}
	return nil
}

func (b *board) setFollow(t *room.Turn, m room.Message) error {
	var in FollowRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.On == b.Follow {
		return nil
	}
	out := FollowedData{On: in.On}
	b.Follow = in.On // to find the pages; Apply sets it for good
	out.Deck, out.Pages = b.browsablePages()
	b.Follow = !in.On
	t.Record(Followed, out)
	return nil
}

// castPointer shows the laser pointer. It matters only now, so a slow reader may miss it.
func castPointer(t *room.Turn, m room.Message) error {
	var in PointRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.X < 0 || in.X > Extent || in.Y < 0 || in.Y > Extent {
		return errs.NewField(m.Name, "x", "out_of_range", Extent, "x and y must be 0 to %d", Extent)
	}
	t.Cast("board.pointed", PointedCast{in.X, in.Y, in.On})
	return nil
}
