// Package bwe chooses the simulcast layer for one watcher from what its receiver reports. It
// is pure: time is given, nothing is kept but its own state, and nobody else calls it at once.
//
//	RR loss, REMB, bits sent --Report--> Estimator --Rate--> Choose --> a layer per picture
package bwe

import (
	"math"
	"time"
)

// The bounds of an estimate, in bits/s.
const (
	Floor   = 50_000     // a voice and a thumbnail's first crumbs: less is no connection
	Ceiling = 20_000_000 // more than all that a page shows
)

// The loss-based controller of draft-ietf-rmcat-gcc-02 section 6.
const (
	littleLoss = 0.02 // under it the rate grows
	muchLoss   = 0.10 // over it the rate falls; Wi-Fi loses some without being full

	growth  = 1.08 // a second, as in section 5.5 far from the last fall
	surmise = 1.5  // what is sent without loss says that this many times of it may fit, section 5.5
)

const (
	settles = 300 * time.Millisecond // loss that is told so soon after a fall is from before it (section 6)
	longest = 5 * time.Second        // of growth for one report: silence is no good news
)

// Report is what RTCP told about one connection, about once a second.
type Report struct {
	At   time.Duration // monotonic
	Loss float64       // fraction lost since the last report, 0 to 1 (RFC 3550 6.4.1)
	REMB int           // bits/s that the receiver thinks it can take (draft-alvestrand-rmcat-remb-03); 0: it said nothing
	Sent int           // bits/s that were sent since the last report
}

// Estimator keeps the bit rate that a link seems to carry.
type Estimator struct {
	rate float64
	last time.Duration // of the last report
	fell time.Duration // when loss last lowered the rate
	remb remb
	wall wall
}

// New starts at the given bits/s.
func New(start int) *Estimator {
	rate := bounded(float64(start))
	return &Estimator{rate: rate, last: -1, fell: -longest, wall: wall{start: rate}}
}

// Rate is the estimate in bits/s.
func (e *Estimator) Rate() int { return int(e.rate) }

// Report folds one report in. One that is older than the last is left out.
func (e *Estimator) Report(r Report) {
	if r.At < e.last {
		return
	}
	loss := fraction(r.Loss)
	sent := max(0, float64(r.Sent))
	var passed time.Duration
	if e.last >= 0 {
		passed = min(r.At-e.last, longest)
	}
	e.last = r.At
	rate := e.rate
	switch {
	case loss > muchLoss:
		rate = e.fall(r.At, loss, sent)
	case loss < littleLoss:
		e.wall.carried(sent, passed)
		rate = grow(rate, max(surmise*sent, toSpare*e.wall.once), passed)
	}
	rate = min(rate, e.heed(r, sent))
	rate = min(rate, e.wall.height(r.At))
	e.rate = bounded(rate)
}

// grow is the rate after so much time without loss: quickly to what is plausible, then
// slowly.
func grow(rate, plausible float64, passed time.Duration) float64 {
	s := passed.Seconds()
	return max(rate*math.Pow(growth, s), min(plausible, rate*math.Pow(surmise, s)))
}

// fall is the rate after much loss. It starts from what was sent: the rest of the estimate
// was never tried.
func (e *Estimator) fall(now time.Duration, loss, sent float64) float64 {
	if now-e.fell < settles {
		return e.rate
	}
	e.fell = now
	from := e.rate
	if sent > 0 {
		from = min(from, sent)
		e.wall.hit(now, sent*(1-loss), sent*(1-2*loss)) // a queue on the way swallowed as much, once
	}
	return from * (1 - loss/2)
}

// heed is the most that the receiver's own estimate allows.
func (e *Estimator) heed(r Report, sent float64) float64 {
	if r.REMB > 0 && e.remb.told(r.At, float64(r.REMB), sent) {
		e.wall.hit(r.At, e.remb.rate, e.remb.rate)
	}
	return e.remb.limit(r.At, e.rate, sent)
}

func bounded(rate float64) float64 { return min(max(rate, Floor), Ceiling) }

// fraction makes a report's loss one: NaN and less than nothing are none.
func fraction(loss float64) float64 {
	if !(loss > 0) {
		return 0
	}
	return min(loss, 1)
}
