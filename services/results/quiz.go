package results

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/quiz/item"
)

// quizFold is all questions of a lesson. The quiz feature ensures that no two questions
// of one lesson have the same id.
type quizFold struct {
	speed   bool // of the quiz that is loaded
	sources map[string]source
	factors map[string]float64 // more time for a pupil
	rounds  map[int]*round
	order   []string // ids of items, in the order of first asking
	askings map[string][]*asking
}

// source is the part of a loaded question that pupils do not see.
type source struct {
	key   item.Key
	speed bool
}

// round is the questions that were opened together.
type round struct {
	open    bool
	asked   map[string]bool // pupils who were here while it was open
	askings map[string]*asking
}

// asking is one question in one round.
type asking struct {
	item    item.Item
	round   int
	seconds int
	shown   bool            // it was revealed
	asked   map[string]bool // the round's
	given   map[string]pupilAnswer
}

// pupilAnswer is a pupil's last answer.
type pupilAnswer struct {
	response item.Response
	took     int64
	factor   float64 // of the time that the pupil had
}

func newQuizFold() quizFold {
	return quizFold{
		sources: map[string]source{}, factors: map[string]float64{}, rounds: map[int]*round{}, askings: map[string][]*asking{},
	}
}

// addFact folds one fact of a quiz. Here yields the pupils who are in the room.
func (q *quizFold) addFact(e event.Event, here func(yield func(string) bool)) {
	switch e.Kind {
	case quiz.Loaded:
		withPayload(e, q.loadItems)
	case quiz.Opened:
		withPayload(e, func(in quiz.OpenedData) { q.openRound(in, here) })
	case quiz.Answered:
		withPayload(e, func(in quiz.AnsweredData) { q.recordAnswer(e.By, in) })
	case quiz.Extended:
		withPayload(e, func(in quiz.ExtendedData) { q.extendRound(in) })
	case quiz.Locked, quiz.Closed:
		withPayload(e, func(in quiz.RoundData) { q.closeRound(in.Round, false) })
	case quiz.Revealed:
		withPayload(e, func(in quiz.RevealedData) { q.closeRound(in.Round, true) })
	case quiz.Regraded:
		withPayload(e, func(in quiz.RevealedData) { q.setKey(in.Item, in.Key) })
	case quiz.Allowed:
		withPayload(e, func(in quiz.AllowedData) { q.factors[in.User] = in.Factor })
	}
}

// withPayload calls f with a fact's payload, unless it cannot be read.
func withPayload[T any](e event.Event, f func(T)) {
	var in T
	if json.Unmarshal(e.Data, &in) == nil {
		f(in)
	}
}

func (q *quizFold) loadItems(in quiz.LoadedData) {
	if !in.Add {
		q.speed = in.Speed
	}
	for _, a := range in.Items {
		q.sources[a.ID] = source{a.Key, q.speed}
	}
}

func (q *quizFold) openRound(in quiz.OpenedData, here func(yield func(string) bool)) {
	r := &round{open: true, asked: map[string]bool{}, askings: map[string]*asking{}}
	q.rounds[in.Round] = r
	for user := range here {
		r.asked[user] = true
	}
	for _, it := range in.Items {
		a := &asking{item: it, round: in.Round, seconds: in.Seconds, asked: r.asked, given: map[string]pupilAnswer{}}
		if len(q.askings[it.ID]) == 0 {
			q.order = append(q.order, it.ID)
		}
		q.askings[it.ID] = append(q.askings[it.ID], a)
		r.askings[it.ID] = a
	}
}

// extendRound gives a round another limit: points by speed follow it, as in the lesson.
func (q *quizFold) extendRound(in quiz.ExtendedData) {
	if r := q.rounds[in.Round]; r != nil {
		for _, a := range r.askings {
			a.seconds = in.Seconds
		}
	}
}

// closeRound ends a round's time to answer.
func (q *quizFold) closeRound(n int, shown bool) {
	r := q.rounds[n]
	if r == nil {
		return
	}
	r.open = false
	for _, a := range r.askings {
		a.shown = a.shown || shown
	}
}

// addLatecomer adds a pupil who comes late to the open rounds.
func (q *quizFold) addLatecomer(user string) {
	for _, r := range q.rounds {
		if r.open {
			r.asked[user] = true
		}
	}
}

func (q *quizFold) recordAnswer(user string, in quiz.AnsweredData) {
	r := q.rounds[in.Round]
	if r == nil || !r.open || user == "" {
		return
	}
	a := r.askings[in.Item]
	if a == nil {
		return
	}
	r.asked[user] = true
	a.given[user] = pupilAnswer{in.Response, in.Took, max(q.factors[user], 1)}
}

// setKey gives a question another key.
func (q *quizFold) setKey(id string, key *quiz.AuthoredKey) {
	if s, ok := q.sources[id]; ok && key != nil {
		s.key = key.Key
		q.sources[id] = s
	}
}

// countingAsking is the asking of a question that counts: the last revealed one, else the last
// answered one, else the last one.
func (q *quizFold) countingAsking(id string) *asking {
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

// isGraded reports whether a question has points and something to compare answers with.
func (q *quizFold) isGraded(a *asking) bool {
	s, known := q.sources[a.item.ID]
	return known && a.item.Points > 0 && item.IsMarked(a.item, s.key)
}

// pointsFor is the points of an answer of this fraction, to hundredths. In a quiz by speed an
// answer at the end of the pupil's time earns half.
func (q *quizFold) pointsFor(a *asking, g pupilAnswer, fraction float64) float64 {
	p := float64(a.item.Points) * fraction
	if limit := float64(a.seconds) * 1000 * g.factor; q.sources[a.item.ID].speed && limit > 0 {
		p *= 1 - 0.5*min(max(float64(g.took)/limit, 0), 1)
	}
	return roundHundredths(p)
}

func roundHundredths(v float64) float64 { return math.Round(v*100) / 100 }
