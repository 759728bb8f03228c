package capsule

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/livelearn/box/services/event"
)

// The kinds of events that a player knows, and their data.
const (
	Chat     = "chat"     // {role, name?, text}: somebody said something to all
	Show     = "show"     // {surface, page?}: as board.shown; an empty surface is nothing
	Ink      = "ink"      // {surface, stroke}: as board.drawn; a stroke may come back after Undo
	Undo     = "undo"     // {surface, stroke}: the stroke with this id goes
	Clear    = "clear"    // {surface}: all of a surface's ink goes
	Hands    = "hands"    // {count}: how many hands are up now
	Question = "question" // {round, items, seconds, paced}: as quiz.opened, without keys
	Locked   = "locked"   // {round}: nobody answers any more
	Reveal   = "reveal"   // {round, item?, keys, counts, answered}: what is right, how often what was chosen
	Closed   = "closed"   // {round}: the question is put away
)

// skim is how short a page is shown when it is only passed: it has no chapter.
const skim = 3000 // ms

const maxTitle = 80 // characters

// show tells the player of a fact that all could see.
func (f *fold) show(e event.Event) {
	switch e.Kind {
	case said:
		f.chat(e)
	case raised, lowered:
		f.hand(e)
	case loaded:
		if in, ok := read[struct{ Deck, Title string }](e); ok {
			f.decks[in.Deck] = in.Title
		}
	case shown:
		f.page(e)
	case drawn, undone, cleared:
		f.ink(e)
	case asked, locked, closed, revealed, regraded:
		f.quiz(e)
	}
}

func (f *fold) chat(e event.Event) {
	in, ok := read[struct{ Text, To string }](e)
	role := f.role(e.By)
	if !ok || in.To != "all" || role == "" {
		return
	}
	f.tell(Chat, struct {
		Role string `json:"role"`
		Name string `json:"name,omitempty"`
		Text string `json:"text"`
	}{role, f.name(e.By), in.Text})
}

// hand counts hands: whose they are is nobody's business later.
func (f *fold) hand(e event.Event) {
	before := len(f.hands)
	if e.Kind == raised {
		f.hands[e.By] = true
	} else if in, ok := read[struct {
		User string
		All  bool
	}](e); ok {
		delete(f.hands, in.User)
		if in.All {
			clear(f.hands)
		}
	}
	if len(f.hands) != before {
		f.tell(Hands, map[string]int{"count": len(f.hands)})
	}
}

func (f *fold) page(e event.Event) {
	in, ok := read[struct {
		Surface string          `json:"surface"`
		Page    json.RawMessage `json:"page,omitempty"`
	}](e)
	if !ok {
		return
	}
	f.tell(Show, in)
	var p struct {
		Deck  string
		Index int
		Text  string
	}
	switch {
	case in.Surface == "":
	case len(in.Page) == 0:
		f.chapter(Chapter{AtMS: f.now, Kind: "board"})
	case json.Unmarshal(in.Page, &p) == nil:
		title := firstLine(p.Text)
		if title == "" {
			title = f.decks[p.Deck]
		}
		f.chapter(Chapter{AtMS: f.now, Kind: "slide", Title: title, Page: p.Index + 1})
	}
}

// chapter adds a chapter. Pages that were turned at once leave none.
func (f *fold) chapter(c Chapter) {
	if n := len(f.chapters); n > 0 && f.chapters[n-1].Kind != "question" && c.AtMS-f.chapters[n-1].AtMS < skim {
		f.chapters = f.chapters[:n-1]
	}
	f.chapters = append(f.chapters, c)
}

// firstLine is the beginning of a text that fits a list of chapters.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(strings.TrimSpace(line)); len(r) > maxTitle {
		return string(r[:maxTitle-1]) + "…"
	}
	return strings.TrimSpace(line)
}

func (f *fold) ink(e event.Event) {
	in, ok := read[struct {
		Surface string          `json:"surface"`
		Stroke  json.RawMessage `json:"stroke,omitempty"`
	}](e)
	if !ok {
		return
	}
	f.tell(map[event.Kind]string{drawn: Ink, undone: Undo, cleared: Clear}[e.Kind], in)
}

// question is an item as everybody saw it: what it has beside these does not pass.
type question struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Title   string          `json:"title,omitempty"`
	Text    string          `json:"text"`
	Options json.RawMessage `json:"options,omitempty"`
	Choices json.RawMessage `json:"choices,omitempty"`
	Points  int             `json:"points"`
}

// told is what everybody saw of a reveal: no marks, no scores, nothing for staff.
type told struct {
	Round    int                       `json:"round"`
	Item     string                    `json:"item,omitempty"`
	Keys     json.RawMessage           `json:"keys,omitempty"`
	Counts   map[string]map[string]int `json:"counts,omitempty"`
	Answered map[string]int            `json:"answered,omitempty"`
}

func (f *fold) quiz(e event.Event) {
	switch e.Kind {
	case asked:
		f.ask(e)
	case revealed, regraded:
		in, ok := read[struct {
			told
			Shown bool
		}](e)
		if ok && in.Shown { // of a key that was changed unseen, pupils are not told
			f.tell(Reveal, in.told)
		}
	default:
		if in, ok := read[struct {
			Round int `json:"round"`
		}](e); ok {
			f.tell(map[event.Kind]string{locked: Locked, closed: Closed}[e.Kind], in)
		}
	}
}

func (f *fold) ask(e event.Event) {
	in, ok := read[struct {
		Round   int        `json:"round"`
		Items   []question `json:"items"`
		Seconds int        `json:"seconds"`
		Paced   string     `json:"paced"`
	}](e)
	if !ok || len(in.Items) == 0 {
		return
	}
	f.tell(Question, in)
	first := in.Items[0]
	title := firstLine(first.Title)
	if title == "" {
		title = firstLine(first.Text)
	}
	if n := len(in.Items); n > 1 {
		title = fmt.Sprintf("%s (+%d)", title, n-1)
	}
	f.chapter(Chapter{AtMS: f.now, Kind: "question", Title: title})
}
