package quiz

import (
	"time"

	"github.com/livelearn/box/services/event"
)

// grace is what an answer may be late by: the way through the air.
const grace = 1500 * time.Millisecond

// watch measures how long a round was open. It reads the monotonic time that facts
// carry, so that a replay gives the same measure. Another boot's time begins at the start
// of the program: while the box was down the watch stood still.
type watch struct {
	Ran  int64 // ms, up to the stamp below
	Boot uint64
	Mono int64
	On   bool
}

// at is the measure at a time not before the last fact's.
func (w watch) at(now event.Stamp) int64 {
	switch {
	case !w.On:
		return w.Ran
	case now.Boot != w.Boot:
		return w.Ran + now.Mono
	}
	return w.Ran + max(now.Mono-w.Mono, 0)
}

// tick brings the measure up to a fact, after which it runs or stands.
func (w *watch) tick(now event.Stamp, on bool) {
	*w = watch{Ran: w.at(now), Boot: now.Boot, Mono: now.Mono, On: on}
}

// factor is how much of the time limit a user has.
func (q *quiz) factor(user string) float64 { return max(q.Allowed[user], 1) }

// left is the time that a user has to answer, in ms; -1 is no limit.
func (q *quiz) left(r *round, user string, now event.Stamp) int64 {
	if r.Seconds == 0 {
		return -1
	}
	return max(int64(float64(r.Seconds)*1000*q.factor(user))-r.Watch.at(now), 0)
}

// late tells that the user's time is over, the grace included.
func (q *quiz) late(r *round, user string, now event.Stamp) bool {
	limit := float64(r.Seconds) * 1000 * q.factor(user)
	return r.Seconds > 0 && r.Watch.at(now) > int64(limit)+grace.Milliseconds()
}

// Alarm implements room.Timed: the round is locked when the last one's time is over.
func (q *quiz) Alarm(now event.Stamp) (time.Duration, bool) {
	r := q.now()
	if r == nil || r.State != open || r.Seconds == 0 || r.Paused {
		return 0, false
	}
	most := 1.0
	for _, f := range q.Allowed {
		most = max(most, f)
	}
	end := time.Duration(float64(r.Seconds)*most*1000)*time.Millisecond + grace
	return end - time.Duration(r.Watch.at(now))*time.Millisecond, true
}
