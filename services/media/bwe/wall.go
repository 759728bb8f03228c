package bwe

import "time"

// How long a rate that was too much is not tried again: each try on a link that is still
// full costs a second or two of broken sound.
const (
	shortHold = 8 * time.Second  // the link has carried more: it may again soon
	longHold  = 50 * time.Second // it never has, or not since the last try
	proof     = 8 * time.Second  // of sending without loss: longer than a queue on the way can hide
)

// wall is the rate at which a link was last full. A link that is full shows it only while too
// much is sent: without this memory the estimate grows, a picture goes up a layer, loses, and
// comes down again, for ever.
type wall struct {
	start float64       // believed until the first hit
	best  float64       // that the link carried since the last hit
	once  float64       // that it carried before the hit, if that was more
	rate  float64       // the most to send since it was full; 0: it never was
	until time.Duration // how long that holds

	trying float64       // the least that was sent during tried
	tried  time.Duration // how long there was no loss
}

// hit remembers that no more than through came through, so that rate is to be kept.
func (w *wall) hit(now time.Duration, through, rate float64) {
	w.tried = 0
	rate = max(rate, Floor)
	if w.rate > 0 && now < w.until {
		w.rate = min(w.rate, rate)
		return // the same congestion, told again
	}
	hold := longHold
	if max(w.start, w.best) > toSpare*through {
		hold = shortHold
	}
	if w.once = w.best; w.once <= toSpare*through {
		w.once = 0
	}
	w.start, w.best, w.rate, w.until = 0, 0, rate, now+hold
}

// carried tells that so much was sent for that long without loss.
func (w *wall) carried(sent float64, passed time.Duration) {
	if w.tried == 0 || sent < w.trying {
		w.trying = sent
	}
	if sent > 1.5*w.trying {
		w.trying, w.tried = sent, 0 // a layer more: begin anew
	}
	if w.tried += passed; w.tried < proof {
		return
	}
	if w.best = max(w.best, w.trying); w.best > 1.1*w.rate {
		w.rate = 0
	}
}

// height is the most that the estimate may be now.
func (w *wall) height(now time.Duration) float64 {
	if w.rate == 0 || now >= w.until {
		return Ceiling
	}
	return w.rate
}
