package quiz

import (
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// Bounds of one extension, in seconds.
const (
	minExtension = 5
	maxExtension = 600
)

// autoGrace is how long a round stays open after the last answer of those who are here: for second
// thoughts, and for a pupil whose connection dropped for a moment.
const autoGrace = 3 * time.Second

// extendRound gives all pupils more time in an open round that has a limit.
func (q *quiz) extendRound(t *room.Turn, m room.Message) error {
	var in ExtendRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	r, err := q.roundAtHand(m.Name, in.Round)
	switch {
	case err != nil:
		return err
	case r.State != stateOpen:
		return errs.NewCode(m.Name, errs.Stale, "locked", "the question is not open")
	case r.Seconds == 0:
		return errs.NewCode(m.Name, errs.Stale, "no_limit", "the question has no time limit")
	case in.Seconds < minExtension || in.Seconds > maxExtension:
		return errs.NewField(m.Name, "seconds", "out_of_range", maxExtension, "must be %d to %d", minExtension, maxExtension)
	case r.Seconds+in.Seconds > item.MaxSeconds:
		return errs.NewField(m.Name, "seconds", "out_of_range", item.MaxSeconds, "the whole limit is at most %d", item.MaxSeconds)
	}
	left := q.timeLeft(r, "", t.Now()) + int64(in.Seconds)*1000
	if over := r.Watch.Elapsed(t.Now()) - int64(r.Seconds)*1000; over > 0 {
		left -= over // the plain limit has passed, and pupils with more time still answer
	}
	t.Record(Extended, ExtendedData{Round: r.N, Seconds: r.Seconds + in.Seconds, Left: max(left, 0)})
	return nil
}

func (q *quiz) applyExtended(e event.Event) {
	var in ExtendedData
	room.DecodePayload(e, &in)
	if r := q.roundAt(in.Round); r != nil {
		r.Seconds = in.Seconds
	}
}

func (q *quiz) setAuto(t *room.Turn, m room.Message) error {
	var in AutoRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.On != q.Auto {
		t.Record(Timed, TimedData{in.On})
	}
	q.noteAllIn(t)
	return nil
}

// noteAllIn looks whether all who are here have answered. If so, the grace begins.
func (q *quiz) noteAllIn(t *room.Turn) {
	q.allIn = 0
	if r := q.lastRound(); r != nil {
		q.checked = max(r.Watch.Elapsed(t.Now()), 1)
	}
	if q.isAllIn(t) {
		q.allIn = q.checked
	}
}

// isAllIn reports whether each pupil who is here has answered all questions of an open round.
func (q *quiz) isAllIn(t *room.Turn) bool {
	r := q.lastRound()
	if !q.Auto || r == nil || r.State != stateOpen || r.Paused || q.onlySlides(r) {
		return false
	}
	pupils := t.PresentPupils()
	for _, id := range r.Items {
		if q.Items[id].Kind == item.Slide {
			continue
		}
		for _, user := range pupils {
			if _, ok := r.Answers[id][user]; !ok {
				return false
			}
		}
	}
	return len(pupils) > 0
}

// NextDeadline implements room.Deadliner: the round is locked when the time of all pupils is over, or
// when all have answered. For that it looks every few seconds who is here.
func (q *quiz) NextDeadline(now event.Stamp) (time.Duration, bool) {
	r := q.lastRound()
	if r == nil || r.State != stateOpen || r.Paused {
		return 0, false
	}
	left, limited := q.timeToLock(r, now)
	if !q.Auto || q.onlySlides(r) {
		return left, limited
	}
	look := autoGrace - time.Duration(r.Watch.Elapsed(now)-q.checked)*time.Millisecond
	if limited {
		look = min(look, left)
	}
	return look, true
}

// timeToLock is the time until all pupils have used theirs. False: the round has no limit.
func (q *quiz) timeToLock(r *round, now event.Stamp) (time.Duration, bool) {
	most := 1.0
	for _, f := range q.Allowed {
		most = max(most, f)
	}
	end := time.Duration(float64(r.Seconds)*most*1000)*time.Millisecond + answerGrace
	return end - time.Duration(r.Watch.Elapsed(now))*time.Millisecond, r.Seconds > 0
}

// OnDeadline implements room.Deadliner. It looks again who is here: the one who had not answered may
// have left, or come back.
func (q *quiz) OnDeadline(t *room.Turn) {
	r, since := q.lastRound(), q.allIn
	left, limited := q.timeToLock(r, t.Now())
	q.noteAllIn(t)
	if since > 0 && q.allIn > 0 {
		q.allIn = since
	}
	waited := time.Duration(q.checked-q.allIn) * time.Millisecond
	if limited && left <= 0 || q.allIn > 0 && waited >= autoGrace {
		t.Record(Locked, RoundData{Round: r.N})
	}
}
