package quiz

import (
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Apply implements room.Feature.
func (q *quiz) Apply(e event.Event) {
	switch e.Kind {
	case Loaded:
		q.applyLoaded(e)
	case Opened:
		q.applyOpened(e)
	case Answered:
		q.applyAnswered(e)
	case Paused, Locked, Closed:
		q.applyMoved(e)
	case Revealed:
		var in told
		room.Payload(e, &in)
		if r := q.at(in.Round); r != nil {
			r.State, r.Shown = revealed, true
		}
	case Regraded:
		var in told
		room.Payload(e, &in)
		if it, ok := q.Items[in.Item]; ok && in.Key != nil {
			it.Key = in.Key.Key
			q.Items[in.Item] = it
		}
	case Paced:
		var in struct{ Paced string }
		room.Payload(e, &in)
		q.Paced = in.Paced
	case Starred:
		q.applyStarred(e)
	case Ranked:
		var in rankedList
		room.Payload(e, &in)
		q.Ranked = nil
		if in.On {
			q.Ranked = in.List
		}
	case Allowed:
		var in allowed
		room.Payload(e, &in)
		q.Allowed[in.User] = in.Factor
	}
}

func (q *quiz) at(n int) *round {
	if n < 1 || n > len(q.Rounds) {
		return nil
	}
	return q.Rounds[n-1]
}

func (q *quiz) applyLoaded(e event.Event) {
	var in loaded
	room.Payload(e, &in)
	if !in.Add {
		q.ID, q.Title, q.Speed, q.Paced, q.Board = in.ID, in.Title, in.Speed, in.Paced, in.Board
		q.Order = nil
	}
	for _, it := range in.Items {
		q.Items[it.ID] = it
		q.Order = append(q.Order, it.ID)
	}
}

func (q *quiz) applyOpened(e event.Event) {
	var in opened
	room.Payload(e, &in)
	r := &round{N: in.Round, Index: in.Index, Seconds: in.Seconds, State: open, Answers: map[string]map[string]answer{}}
	for _, it := range in.Items {
		r.Items = append(r.Items, it.ID)
		r.Answers[it.ID] = map[string]answer{}
	}
	r.Watch.tick(e.Stamp, true)
	q.Rounds = append(q.Rounds, r)
	q.Ranked = nil // the board makes room for the question
}

func (q *quiz) applyAnswered(e event.Event) {
	var in answered
	room.Payload(e, &in)
	if r := q.at(in.Round); r != nil && r.Answers[in.Item] != nil {
		r.Answers[in.Item][e.By] = answer{in.Response, in.Took, e.Stamp.Wall}
		r.Watch.tick(e.Stamp, r.State == open && !r.Paused)
	}
}

func (q *quiz) applyMoved(e event.Event) {
	var in rounded
	room.Payload(e, &in)
	r := q.at(in.Round)
	if r == nil {
		return
	}
	switch e.Kind {
	case Paused:
		r.Paused = in.On
	case Locked:
		r.State, r.Paused = locked, false
	case Closed:
		r.State, r.Paused = closed, false
	}
	r.Watch.tick(e.Stamp, r.State == open && !r.Paused)
}

func (q *quiz) applyStarred(e event.Event) {
	var in starred
	room.Payload(e, &in)
	q.Stars = slices.DeleteFunc(q.Stars, func(s star) bool { return s.N == in.N })
	if in.On {
		q.Stars = append(q.Stars, star{Round: in.Round, Item: in.Item, N: in.N, Response: in.Response})
	}
}
