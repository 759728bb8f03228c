package firmware

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/livelearn/box/firmware/lessonfacts"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/whiteboard"
)

// sampled is a sample box and the lesson that it has opened.
type sampled struct {
	*Box
	t *testing.T
	l roster.Lesson
}

func (s sampled) do(name string, payload any) {
	s.t.Helper()
	if err := s.callRoom(s.t.Context(), s.l.Room, name, payload); err != nil {
		s.t.Fatal(err)
	}
}

// ask opens the first question, and a pupil answers it.
func (s sampled) ask() {
	s.t.Helper()
	s.do("quiz.open", map[string]any{})
	var asked struct{ Items []item.Item }
	for e := range lessonfacts.Of(s.journal, s.l) {
		if e.Kind == "quiz.opened" {
			room.DecodePayload(e, &asked)
		}
	}
	data, err := json.Marshal(map[string]any{"round": 1, "item": asked.Items[0].ID, "response": item.Response{Options: []string{asked.Items[0].Options[0].ID}}})
	if err != nil {
		s.t.Fatal(err)
	}
	m := room.Message{Name: "quiz.answer", By: event.Viewer{User: "p_1", Role: event.Pupil}, Data: data}
	if _, err := s.rooms.Call(s.t.Context(), s.l.Room, m); err != nil {
		s.t.Fatal(err)
	}
}

// facts is the lesson so far, as the journal has it.
func (s sampled) facts() []string {
	var list []string
	for e, err := range lessonfacts.Of(s.journal, s.l) {
		if err != nil {
			s.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s", e.Kind, e.Data))
	}
	return list
}

func (s sampled) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s sampled) end() {
	s.t.Helper()
	s.do("lesson.end", struct{}{})
	_, _, err := s.roster.EndLesson(s.l.ID)
	s.ok(err)
}

// sampleStates are what people may have done to the sample when the box stops. Where
// ended is set, the next start opens another lesson.
var sampleStates = map[string]struct {
	make  func(sampled)
	ended bool
}{
	"untouched":     {make: func(sampled) {}},
	"question open": {make: sampled.ask},
	"question paused": {make: func(s sampled) {
		s.ask()
		s.do("quiz.pause", map[string]any{"round": 1, "on": true})
	}},
	"locked":   {make: func(s sampled) { s.ask(); s.do("quiz.lock", map[string]any{"round": 1}) }},
	"revealed": {make: func(s sampled) { s.ask(); s.do("quiz.reveal", map[string]any{"round": 1}) }},
	"closed":   {make: func(s sampled) { s.ask(); s.do("quiz.close", map[string]any{"round": 1}) }},
	"self-paced": {make: func(s sampled) {
		s.do("quiz.pace", map[string]any{"paced": "pupil"})
		s.do("quiz.open", map[string]any{})
	}},
	"own question open": {make: func(s sampled) {
		s.do("quiz.ask", map[string]any{"item": map[string]any{"kind": "text", "text": "Why?", "points": 1}})
	}},
	"another quiz loaded": {make: func(s sampled) {
		s.do("quiz.load", map[string]any{"quiz": item.Quiz{Title: "Mine", Items: []item.Authored{{Item: item.Item{ID: "a", Kind: item.Text, Text: "Why?", Points: 1}}}}})
	}},
	"slide up":      {make: func(s sampled) { s.do("board.show", map[string]any{"surface": "d:d_sample:0"}) }},
	"whiteboard up": {make: func(s sampled) { s.do("board.show", map[string]any{"surface": "w:1"}) }},
	"class renamed": {make: func(s sampled) {
		s.ask()
		_, err := s.roster.RenameClass(s.l.Class, "7B")
		s.ok(err)
	}},
	"class renamed by case only": {make: func(s sampled) {
		_, err := s.roster.RenameClass(s.l.Class, "sample CLASS")
		s.ok(err)
	}},
	"quiz and deck deleted": {make: func(s sampled) {
		s.ask()
		s.ok(s.library.DeleteQuiz(library.SampleQuizID))
		s.ok(s.library.Decks.DeleteDeck(library.SampleDeckID))
	}},
	"another lesson open too": {make: func(s sampled) {
		s.ask()
		c, err := s.roster.AddClass("7B")
		s.ok(err)
		_, err = s.roster.StartLesson("t", c.ID, "")
		s.ok(err)
	}},
	"ended": {ended: true, make: func(s sampled) { s.ask(); s.end() }},
	"ended for the roster only": {ended: true, make: func(s sampled) {
		s.ask()
		_, _, err := s.roster.EndLesson(s.l.ID)
		s.ok(err)
	}},
	"ended, class renamed by case only": {ended: true, make: func(s sampled) {
		s.end()
		_, err := s.roster.RenameClass(s.l.Class, "SAMPLE class")
		s.ok(err)
	}},
	"ended, class, quiz and deck deleted": {ended: true, make: func(s sampled) {
		s.end()
		s.ok(s.roster.DeleteClass(s.l.Class))
		s.ok(s.library.DeleteQuiz(library.SampleQuizID))
		s.ok(s.library.Decks.DeleteDeck(library.SampleDeckID))
	}},
	"ended, quiz too large for a room": {ended: true, make: func(s sampled) {
		s.end()
		q, err := s.library.Quiz(library.SampleQuizID)
		s.ok(err)
		first := q.Items[0]
		for len(q.Items) < 60 {
			first.ID, first.Text = fmt.Sprintf("x%d", len(q.Items)), string(slices.Repeat([]byte("long "), 300))
			q.Items = append(q.Items, first)
		}
		_, err = s.library.PutQuiz(q)
		s.ok(err)
	}},
}

func TestSampleResumesWhatPeopleMadeOfIt(t *testing.T) {
	for name, state := range sampleStates {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			start := func() (sampled, Sample, func()) {
				b, stop := startBox(t, testConfig(t, dir), Parts{})
				made, err := b.SetUpSample(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				open, err := b.roster.OpenLessons()
				if err != nil {
					t.Fatal(err)
				}
				i := slices.IndexFunc(open, func(l roster.Lesson) bool { return l.Code == made.Code })
				if i < 0 {
					t.Fatalf("no open lesson has the code %q", made.Code)
				}
				return sampled{b, t, open[i]}, made, stop
			}
			s, first, stop := start()
			state.make(s)
			before := s.facts()
			stop()
			for range 2 {
				s, again, stop := start()
				if state.ended == (again.Code == first.Code) {
					t.Errorf("got the code %s after %s", again.Code, first.Code)
				}
				switch after := s.facts(); {
				case len(after) == 0:
					t.Error("the room has no lesson")
				case !state.ended && !slices.Equal(after, before):
					t.Errorf("%d facts before, and now %d more: %.20q", len(before), len(after)-len(before), after[min(len(before), len(after)):])
				}
				stop()
			}
		})
	}
}

func TestSampleThatAPowerCutLeftHalfMadeIsMadeWhole(t *testing.T) {
	dir := t.TempDir()
	b, stop := startBox(t, testConfig(t, dir), Parts{})
	if _, err := b.SetUpSample(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := b.roster.OpenLessons()
	if err != nil {
		t.Fatal(err)
	}
	sampled{b, t, first[0]}.end()
	l, err := b.sampleLesson(t.Context()) // and the power is gone
	if err != nil {
		t.Fatal(err)
	}
	stop()
	b, _ = startBox(t, testConfig(t, dir), Parts{})
	s, err := b.SetUpSample(t.Context())
	if err != nil || s.Code != l.Code {
		t.Fatalf("got %+v and %v, want the code %s", s, err, l.Code)
	}
	var kinds []event.Kind
	for e := range lessonfacts.Of(b.journal, l) {
		kinds = append(kinds, e.Kind)
	}
	if want := []event.Kind{room.LessonStarted, quiz.Loaded, whiteboard.Loaded}; !slices.Equal(kinds, want) {
		t.Errorf("got %q, want %q", kinds, want)
	}
}
