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
	case Paused:
		q.applyPaused(e)
	case Extended:
		q.applyExtended(e)
	case Timed:
		var in TimedData
		room.DecodePayload(e, &in)
		q.Auto = in.Auto
	case Locked, Closed:
		q.applyMoved(e)
	case Revealed:
		q.applyRevealed(e)
	case Regraded:
		q.applyRegraded(e)
	case Paced:
		var in PacedData
		room.DecodePayload(e, &in)
		q.Paced = in.Paced
	case Starred:
		q.applyStarred(e)
	case Hidden:
		q.applyHidden(e)
	case Walled:
		var in WalledData
		room.DecodePayload(e, &in)
		q.Wall = nil
		if in.As != "" {
			q.Wall = &in
		}
	case Ranked:
		var in RankedData
		room.DecodePayload(e, &in)
		q.Ranked = nil
		if in.On {
			q.Ranked = in.List
		}
	case Allowed:
		var in AllowedData
		room.DecodePayload(e, &in)
		q.Allowed[in.User] = in.Factor
	}
}

func (q *quiz) applyRevealed(e event.Event) {
	var in RevealedData
	room.DecodePayload(e, &in)
	if r := q.roundAt(in.Round); r != nil {
		r.State, r.Shown = stateRevealed, true
	}
}

func (q *quiz) applyRegraded(e event.Event) {
	var in RevealedData
	room.DecodePayload(e, &in)
	if it, ok := q.Items[in.Item]; ok && in.Key != nil {
		it.Key = in.Key.Key
		q.Items[in.Item] = it
	}
}

func (q *quiz) roundAt(n int) *round {
	if n < 1 || n > len(q.Rounds) {
		return nil
	}
	return q.Rounds[n-1]
}

func (q *quiz) applyLoaded(e event.Event) {
	var in LoadedData
	room.DecodePayload(e, &in)
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
	var in OpenedData
	room.DecodePayload(e, &in)
	r := &round{N: in.Round, Index: in.Index, Seconds: in.Seconds, State: stateOpen, Answers: map[string]map[string]answer{}}
	for _, it := range in.Items {
		r.Items = append(r.Items, it.ID)
		r.Answers[it.ID] = map[string]answer{}
	}
	r.Watch.AdvanceTo(e.Stamp, true)
	q.Rounds = append(q.Rounds, r)
	q.allIn, q.checked = 0, 0
	q.Ranked, q.Wall = nil, nil // they make room for the question
}

func (q *quiz) applyAnswered(e event.Event) {
	var in AnsweredData
	room.DecodePayload(e, &in)
	if r := q.roundAt(in.Round); r != nil && r.Answers[in.Item] != nil {
		r.Answers[in.Item][e.By] = answer{in.Response, in.Took, e.Stamp.Wall}
		if len(in.Response.Strokes) > 0 {
			q.Drawings += in.Response.Bytes()
		}
		r.Watch.AdvanceTo(e.Stamp, r.State == stateOpen && !r.Paused)
	}
}

func (q *quiz) applyPaused(e event.Event) {
	var in PausedData
	room.DecodePayload(e, &in)
	if r := q.roundAt(in.Round); r != nil {
		r.Paused = in.On
		r.Watch.AdvanceTo(e.Stamp, r.State == stateOpen && !r.Paused)
	}
}

func (q *quiz) applyMoved(e event.Event) {
	var in RoundData
	room.DecodePayload(e, &in)
	r := q.roundAt(in.Round)
	if r == nil {
		return
	}
	r.State, r.Paused = stateLocked, false
	if e.Kind == Closed {
		r.State = stateClosed
	}
	r.Watch.AdvanceTo(e.Stamp, r.State == stateOpen && !r.Paused)
}

func (q *quiz) applyStarred(e event.Event) {
	var in StarredData
	room.DecodePayload(e, &in)
	q.Stars = slices.DeleteFunc(q.Stars, func(s star) bool { return s.N == in.N })
	if in.On {
		q.Stars = append(q.Stars, star{Round: in.Round, Item: in.Item, N: in.N, Response: in.Response})
	}
}
