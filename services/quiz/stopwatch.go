package quiz

import (
	"time"

	"github.com/livelearn/box/services/event"
)

// answerGrace is how late an answer may be: the time on the network.
const answerGrace = 1500 * time.Millisecond

// timeFactor is the factor of the time limit for a user.
func (q *quiz) timeFactor(user string) float64 { return max(q.Allowed[user], 1) }

// timeLeft is the time that a user has to answer, in ms; -1 is no limit.
func (q *quiz) timeLeft(r *round, user string, now event.Stamp) int64 {
	if r.Seconds == 0 {
		return -1
	}
	return max(int64(float64(r.Seconds)*1000*q.timeFactor(user))-r.Watch.Elapsed(now), 0)
}

// isLate reports whether the user's time and the grace are over.
func (q *quiz) isLate(r *round, user string, now event.Stamp) bool {
	limit := float64(r.Seconds) * 1000 * q.timeFactor(user)
	return r.Seconds > 0 && r.Watch.Elapsed(now) > int64(limit)+answerGrace.Milliseconds()
}
