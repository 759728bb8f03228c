package playback

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/whiteboard"
)

// The kinds of events that a player knows, and their data.
const (
	Chat     = "chat"     // {role, name?, text, removed?}: somebody said something to all; removed: the teacher took the text out
	Show     = "show"     // {surface, page?}: as board.shown; an empty surface shows nothing
	Ink      = "ink"      // {surface, stroke}: as board.drawn; a stroke may come back after Undo
	Undo     = "undo"     // {surface, stroke}: the stroke with this id goes
	Clear    = "clear"    // {surface}: all of a surface's ink goes
	Hands    = "hands"    // {count}: how many hands are up now
	Question = "question" // {round, items, seconds, paced}: as quiz.opened, without keys
	Locked   = "locked"   // {round}: answers are closed
	Reveal   = "reveal"   // {round, item?, keys, counts, answered, pins?}: the right answers, how often each option was chosen, the places
	Closed   = "closed"   // {round}: the question disappears
)

// minChapter is the least time that a page is shown to have a chapter.
const minChapter = 3000 // ms

const maxTitle = 80 // characters

// addShown adds an event for a fact that all could see.
func (f *builder) addShown(e event.Event) {
	switch e.Kind {
	case chat.Said:
		f.addChat(e)
	case chat.Removed:
		f.removeChat(e)
	case hand.Raised, hand.Lowered:
		f.countHands(e)
	case whiteboard.Loaded:
		if in, ok := readPayload[whiteboard.LoadedData](e); ok {
			f.decks[in.Deck] = in.Title
		}
	case whiteboard.Shown:
		f.addPage(e)
	case whiteboard.Drawn, whiteboard.Undone, whiteboard.Cleared:
		f.addInk(e)
	case quiz.Opened, quiz.Locked, quiz.Closed, quiz.Revealed, quiz.Regraded:
		f.addQuiz(e)
	}
}

func (f *builder) addChat(e event.Event) {
	in, ok := readPayload[chat.SaidData](e)
	role := f.roleOf(e.By)
	if !ok || in.To != "all" || role == "" {
		return
	}
	f.said[e.Seq] = len(f.events)
	f.addEvent(Chat, chatData{Role: role, Name: f.nameOf(e.By), Text: in.Text})
}

// chatData is the data of Chat.
type chatData struct {
	Role    string `json:"role"`
	Name    string `json:"name,omitempty"`
	Text    string `json:"text"`
	Removed bool   `json:"removed,omitempty"`
}

// removeChat takes the text out of a message that the teacher removed: the recording never shows it.
func (f *builder) removeChat(e event.Event) {
	in, ok := readPayload[chat.RemovedData](e)
	i, said := f.said[in.Seq]
	if !ok || !said || i >= len(f.events) {
		return
	}
	var d chatData
	if json.Unmarshal(f.events[i].Data, &d) != nil {
		return
	}
	d.Text, d.Removed = "", true
	if data, err := encodeJSON(d); err == nil {
		f.events[i].Data = data[:len(data)-1]
	}
}

// countHands counts raised hands. The capsule does not say whose they are.
func (f *builder) countHands(e event.Event) {
	before := len(f.hands)
	if e.Kind == hand.Raised {
		f.hands[e.By] = true
	} else if in, ok := readPayload[hand.LoweredData](e); ok {
		delete(f.hands, in.User)
		if in.All {
			clear(f.hands)
		}
	}
	if len(f.hands) != before {
		f.addEvent(Hands, map[string]int{"count": len(f.hands)})
	}
}

func (f *builder) addPage(e event.Event) {
	in, ok := readPayload[whiteboard.ShownData](e)
	if !ok {
		return
	}
	f.addEvent(Show, in)
	switch p := in.Page; {
	case in.Surface == "":
	case p == nil:
		f.addChapter(Chapter{AtMS: f.nowMS, Kind: "board"})
	default:
		title := firstLine(p.Text)
		if title == "" {
			title = f.decks[p.Deck]
		}
		f.addChapter(Chapter{AtMS: f.nowMS, Kind: "slide", Title: title, Page: p.Index + 1})
	}
}

// addChapter adds a chapter. It replaces a chapter that was too short.
func (f *builder) addChapter(c Chapter) {
	if n := len(f.chapters); n > 0 && f.chapters[n-1].Kind != "question" && c.AtMS-f.chapters[n-1].AtMS < minChapter {
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

func (f *builder) addInk(e event.Event) {
	switch e.Kind {
	case whiteboard.Drawn:
		if in, ok := readPayload[whiteboard.DrawnData](e); ok {
			f.addEvent(Ink, in)
		}
	case whiteboard.Undone:
		if in, ok := readPayload[whiteboard.UndoneData](e); ok {
			f.addEvent(Undo, in)
		}
	case whiteboard.Cleared:
		if in, ok := readPayload[whiteboard.ClearedData](e); ok {
			f.addEvent(Clear, in)
		}
	}
}

// questionData is the data of Question.
type questionData struct {
	Round   int         `json:"round"`
	Items   []item.Item `json:"items"`
	Seconds int         `json:"seconds"`
	Paced   string      `json:"paced"`
}

// revealData is the data of Reveal: no marks, no scores, nothing for staff.
type revealData struct {
	Round    int                       `json:"round"`
	Item     string                    `json:"item,omitempty"`
	Keys     map[string]item.Revealed  `json:"keys,omitempty"`
	Counts   map[string]map[string]int `json:"counts,omitempty"`
	Answered map[string]int            `json:"answered,omitempty"`
	Pins     map[string][]item.Place   `json:"pins,omitempty"`
}

// roundData is the data of Locked and Closed.
type roundData struct {
	Round int `json:"round"`
}

func (f *builder) addQuiz(e event.Event) {
	switch e.Kind {
	case quiz.Opened:
		f.addQuestion(e)
	case quiz.Revealed, quiz.Regraded:
		in, ok := readPayload[quiz.RevealedData](e)
		if ok && in.Shown { // pupils do not see that a key was changed before its reveal
			f.addEvent(Reveal, revealData{in.Round, in.Item, in.Keys, in.Counts, in.Answered, in.Pins})
		}
	default:
		if in, ok := readPayload[quiz.RoundData](e); ok {
			f.addEvent(map[event.Kind]string{quiz.Locked: Locked, quiz.Closed: Closed}[e.Kind], roundData{in.Round})
		}
	}
}

func (f *builder) addQuestion(e event.Event) {
	in, ok := readPayload[quiz.OpenedData](e)
	if !ok || len(in.Items) == 0 {
		return
	}
	for i := range in.Items {
		in.Items[i].Seconds = 0 // the round has one time limit
	}
	f.addEvent(Question, questionData{in.Round, in.Items, in.Seconds, in.Paced})
	first := in.Items[0]
	title := firstLine(first.Title)
	if title == "" {
		title = firstLine(first.Text)
	}
	if n := len(in.Items); n > 1 {
		title = fmt.Sprintf("%s (+%d)", title, n-1)
	}
	f.addChapter(Chapter{AtMS: f.nowMS, Kind: "question", Title: title})
}
