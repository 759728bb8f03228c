package bwe

import "time"

// How long a rate that was too high is not tried again: each try on a link that is still full
// costs a second or two of broken sound.
const (
	shortHold = 8 * time.Second  // for a link that has carried more before
	longHold  = 50 * time.Second // for a link that never has, or not since the last try
	proofTime = 8 * time.Second  // of sending without loss: longer than a queue on the way can hide
)

// congestionCap is the rate at which a link was last full. A full link shows it only while too
// much is sent. Without this memory the estimate would grow, a picture would go up a layer,
// lose packets and come down again, for ever.
type congestionCap struct {
	start         float64       // the initial estimate, used until the first congestion
	bestCarried   float64       // bits/s that the link carried since the last congestion
	carriedBefore float64       // bits/s that it carried before the congestion, if that was more
	rate          float64       // upper limit since the link was full, 0: never full
	until         time.Duration // end of the limit

	trialRate float64       // the least bits/s sent during trialTime
	trialTime time.Duration // time without loss
}

// recordCongestion remembers that at most through bits/s arrived, and limits the estimate to
// rate.
func (w *congestionCap) recordCongestion(now time.Duration, through, rate float64) {
	w.trialTime = 0
	rate = max(rate, Floor)
	if w.rate > 0 && now < w.until {
		w.rate = min(w.rate, rate)
		return // the same congestion, reported again
	}
	hold := longHold
	if max(w.start, w.bestCarried) > headroom*through {
		hold = shortHold
	}
	if w.carriedBefore = w.bestCarried; w.carriedBefore <= headroom*through {
		w.carriedBefore = 0
	}
	w.start, w.bestCarried, w.rate, w.until = 0, 0, rate, now+hold
}

// recordCarried notes that the link carried sent bits/s for that long without loss.
func (w *congestionCap) recordCarried(sent float64, passed time.Duration) {
	if w.trialTime == 0 || sent < w.trialRate {
		w.trialRate = sent
	}
	if sent > 1.5*w.trialRate {
		w.trialRate, w.trialTime = sent, 0 // a layer more: restart the trial
	}
	if w.trialTime += passed; w.trialTime < proofTime {
		return
	}
	if w.bestCarried = max(w.bestCarried, w.trialRate); w.bestCarried > 1.1*w.rate {
		w.rate = 0
	}
}

// currentCap is the upper limit of the estimate now.
func (w *congestionCap) currentCap(now time.Duration) float64 {
	if w.rate == 0 || now >= w.until {
		return Ceiling
	}
	return w.rate
}
