package results

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
)

// Facts of a quiz, and what of their payloads tells of results.
const (
	quizLoaded   = event.Kind("quiz.loaded")
	quizOpened   = event.Kind("quiz.opened")
	quizAnswered = event.Kind("quiz.answered")
	quizLocked   = event.Kind("quiz.locked")
	quizRevealed = event.Kind("quiz.revealed")
	quizClosed   = event.Kind("quiz.closed")
	quizRegraded = event.Kind("quiz.regraded")
	quizAllowed  = event.Kind("quiz.allowed")
)

type loaded struct {
	Speed bool            `json:"speed"`
	Add   bool            `json:"add"` // to what was loaded before
	Items []item.Authored `json:"items"`
}

type opened struct {
	Round   int         `json:"round"`
	Items   []item.Item `json:"items"`
	Seconds int         `json:"seconds"`
}

type answered struct {
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	Response item.Response `json:"response"`
	Took     int64         `json:"took"` // milliseconds since the pupil was asked, pauses not counted
}

// quiz is all that was asked in a lesson. No two questions asked in one lesson have the
// same id: the quiz feature sees to it.
type quiz struct {
	speed   bool // of the quiz that is loaded
	sources map[string]source
	factors map[string]float64 // more time for a pupil
	rounds  map[int]*round
	order   []string // ids of items, in the order of first asking
	askings map[string][]*asking
}

// source is what was loaded of a question beside what everybody sees.
type source struct {
	key   item.Key
	speed bool
}

// round is what was opened at once.
type round struct {
	open   bool
	asked  map[string]bool // pupils who were here while it was open
	askeds map[string]*asking
}

// asking is one question in one round.
type asking struct {
	item    item.Item
	round   int
	seconds int
	shown   bool            // it was revealed
	asked   map[string]bool // the round's
	given   map[string]given
}

// given is a pupil's last answer.
type given struct {
	response item.Response
	took     int64
	factor   float64 // of the time that the pupil had
}

func newQuiz() quiz {
	return quiz{
		sources: map[string]source{}, factors: map[string]float64{}, rounds: map[int]*round{}, askings: map[string][]*asking{},
	}
}

// add folds one fact of a quiz; here are the pupils who are in the room.
func (q *quiz) add(e event.Event, here func(yield func(string) bool)) {
	switch e.Kind {
	case quizLoaded:
		read(e, q.load)
	case quizOpened:
		read(e, func(in opened) { q.openRound(in, here) })
	case quizAnswered:
		read(e, func(in answered) { q.answer(e.By, in) })
	case quizLocked, quizRevealed, quizClosed:
		read(e, func(in struct{ Round int }) { q.shut(in.Round, e.Kind == quizRevealed) })
	case quizRegraded:
		read(e, func(in struct {
			Item string
			Key  json.RawMessage
		},
		) {
			q.regrade(in.Item, in.Key)
		})
	case quizAllowed:
		read(e, func(in struct {
			User   string
			Factor float64
		},
		) {
			q.factors[in.User] = in.Factor
		})
	}
}

// read gives f a fact's payload, if it can be read.
func read[T any](e event.Event, f func(T)) {
	var in T
	if json.Unmarshal(e.Data, &in) == nil {
		f(in)
	}
}

func (q *quiz) load(in loaded) {
	if !in.Add {
		q.speed = in.Speed
	}
	for _, a := range in.Items {
		q.sources[a.ID] = source{a.Key, q.speed}
	}
}

func (q *quiz) openRound(in opened, here func(yield func(string) bool)) {
	r := &round{open: true, asked: map[string]bool{}, askeds: map[string]*asking{}}
	q.rounds[in.Round] = r
	for user := range here {
		r.asked[user] = true
	}
	for _, it := range in.Items {
		a := &asking{item: it, round: in.Round, seconds: in.Seconds, asked: r.asked, given: map[string]given{}}
		if len(q.askings[it.ID]) == 0 {
			q.order = append(q.order, it.ID)
		}
		q.askings[it.ID] = append(q.askings[it.ID], a)
		r.askeds[it.ID] = a
	}
}

// shut ends a round's time to answer.
func (q *quiz) shut(n int, shown bool) {
	r := q.rounds[n]
	if r == nil {
		return
	}
	r.open = false
	for _, a := range r.askeds {
		a.shown = a.shown || shown
	}
}

// came lets a pupil who comes late into what is open.
func (q *quiz) came(user string) {
	for _, r := range q.rounds {
		if r.open {
			r.asked[user] = true
		}
	}
}

func (q *quiz) answer(user string, in answered) {
	r := q.rounds[in.Round]
	if r == nil || !r.open || user == "" {
		return
	}
	a := r.askeds[in.Item]
	if a == nil {
		return
	}
	r.asked[user] = true
	a.given[user] = given{in.Response, in.Took, max(q.factors[user], 1)}
}

// regrade gives a question another key.
func (q *quiz) regrade(id string, key json.RawMessage) {
	var a item.Authored
	if s, ok := q.sources[id]; ok && json.Unmarshal(fmt.Appendf(nil, `{"key":%s}`, key), &a) == nil {
		s.key = a.Key
		q.sources[id] = s
	}
}

// counting is the asking of a question that counts: the last that was revealed, or that
// anybody answered, or that there was.
func (q *quiz) counting(id string) *asking {
	list := q.askings[id]
	for _, a := range slices.Backward(list) {
		if a.shown {
			return a
		}
	}
	for _, a := range slices.Backward(list) {
		if len(a.given) > 0 {
			return a
		}
	}
	return list[len(list)-1]
}

// graded tells that a question has points and something to compare answers with.
func (q *quiz) graded(a *asking) bool {
	_, known := q.sources[a.item.ID]
	return known && a.item.Points > 0 && a.item.Kind != item.Poll && a.item.Kind != item.Slide
}

// points is what an answer of this fraction earns, to hundredths: when the quiz is scored
// by speed, half of it melts away by the end of the pupil's time.
func (q *quiz) points(a *asking, g given, fraction float64) float64 {
	p := float64(a.item.Points) * fraction
	if limit := float64(a.seconds) * 1000 * g.factor; q.sources[a.item.ID].speed && limit > 0 {
		p *= 1 - 0.5*min(max(float64(g.took)/limit, 0), 1)
	}
	return hundredths(p)
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }
