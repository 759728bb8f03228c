// Package bwe (bandwidth estimation) chooses the simulcast layer for one watcher from the
// reports of its receiver. It is pure: the caller passes the time, an Estimator keeps only
// its own state, and one goroutine calls it.
//
//	RR loss, REMB, bits sent --Report--> Estimator --Rate--> Choose --> a layer per picture
package bwe

import (
	"math"
	"time"
)

// The bounds of an estimate, in bits/s.
const (
	Floor   = 50_000     // sound and a small part of a thumbnail: less is no connection
	Ceiling = 20_000_000 // above the sum of all pictures of a page
)

// The loss-based controller of draft-ietf-rmcat-gcc-02 section 6.
const (
	lowLoss  = 0.02 // under it the rate grows
	highLoss = 0.10 // over it the rate falls, Wi-Fi loses some without being full

	growthPerSecond = 1.08 // a second, as in section 5.5 far from the last fall
	probeFactor     = 1.5  // the rate may be this many times the bits sent without loss, section 5.5
)

const (
	settleTime   = 300 * time.Millisecond // loss reported so soon after a fall is from before it (section 6)
	maxReportGap = 5 * time.Second        // of growth for one report: silence is no proof of a good link
)

// Report is the RTCP feedback on one connection, about once a second.
type Report struct {
	At   time.Duration // monotonic
	Loss float64       // fraction lost since the last report, 0 to 1 (RFC 3550 6.4.1)
	REMB int           // bits/s that the receiver estimates it can take (draft-alvestrand-rmcat-remb-03), 0: no REMB
	Sent int           // bits/s that were sent since the last report
}

// Estimator keeps the estimated bit rate of a link.
type Estimator struct {
	rate       float64
	last       time.Duration // of the last report
	loweredAt  time.Duration // when loss last lowered the rate
	remb       rembState
	congestion congestionCap
}

// New starts at the given bits/s.
func New(start int) *Estimator {
	rate := clampRate(float64(start))
	return &Estimator{rate: rate, last: -1, loweredAt: -maxReportGap, congestion: congestionCap{start: rate}}
}

// Rate is the estimate in bits/s.
func (e *Estimator) Rate() int { return int(e.rate) }

// Report updates the estimate with one report. A report older than the last is ignored.
func (e *Estimator) Report(r Report) {
	if r.At < e.last {
		return
	}
	loss := clampLoss(r.Loss)
	sent := max(0, float64(r.Sent))
	var passed time.Duration
	if e.last >= 0 {
		passed = min(r.At-e.last, maxReportGap)
	}
	e.last = r.At
	rate := e.rate
	switch {
	case loss > highLoss:
		rate = e.lowerRate(r.At, loss, sent)
	case loss < lowLoss:
		e.congestion.recordCarried(sent, passed)
		rate = growRate(rate, max(probeFactor*sent, headroom*e.congestion.carriedBefore), passed)
	}
	rate = min(rate, e.heedREMB(r, sent))
	rate = min(rate, e.congestion.currentCap(r.At))
	e.rate = clampRate(rate)
}

// growRate is the rate after some time without loss. It rises quickly up to plausible, then
// slowly.
func growRate(rate, plausible float64, passed time.Duration) float64 {
	s := passed.Seconds()
	return max(rate*math.Pow(growthPerSecond, s), min(plausible, rate*math.Pow(probeFactor, s)))
}

// lowerRate is the rate after much loss. It starts from the bits sent, because the rest of the
// estimate was never tried.
func (e *Estimator) lowerRate(now time.Duration, loss, sent float64) float64 {
	if now-e.loweredAt < settleTime {
		return e.rate
	}
	e.loweredAt = now
	from := e.rate
	if sent > 0 {
		from = min(from, sent)
		e.congestion.recordCongestion(now, sent*(1-loss), sent*(1-2*loss)) // a queue on the way dropped as much, once
	}
	return from * (1 - loss/2)
}

// heedREMB limits the rate to the receiver's own estimate.
func (e *Estimator) heedREMB(r Report, sent float64) float64 {
	if r.REMB > 0 && e.remb.recordREMB(r.At, float64(r.REMB), sent) {
		e.congestion.recordCongestion(r.At, e.remb.rate, e.remb.rate)
	}
	return e.remb.limitRate(r.At, e.rate, sent)
}

func clampRate(rate float64) float64 { return min(max(rate, Floor), Ceiling) }

// clampLoss returns a valid loss: NaN and negative values become 0.
func clampLoss(loss float64) float64 {
	if !(loss > 0) {
		return 0
	}
	return min(loss, 1)
}
