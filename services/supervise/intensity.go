package supervise

import "time"

// Backoff delays restarts: Min after the first crash, doubled with each crash that
// follows, at most Max. A child that ran for longer than Max begins with Min again.
type Backoff struct {
	Min, Max time.Duration // Max 0 is 30 s
}

const defaultBackoffMax = 30 * time.Second

func (b Backoff) maxDelay() time.Duration {
	if b.Max > 0 {
		return b.Max
	}
	return defaultBackoffMax
}

// delayFor is the pause before restart number n (from 1) in a row.
func (b Backoff) delayFor(n int) time.Duration {
	d := b.Min
	for ; n > 1 && d > 0 && d < b.maxDelay(); n-- {
		d *= 2
	}
	return min(d, b.maxDelay())
}

// restartWindow counts restarts in the last period. Its zero value is empty.
type restartWindow struct {
	times []time.Time
}

// addRestart counts a restart at now and reports whether more than limit are within period.
func (w *restartWindow) addRestart(now time.Time, limit int, period time.Duration) (exceeded bool) {
	from := now.Add(-period)
	old := 0
	for old < len(w.times) && !w.times[old].After(from) {
		old++
	}
	w.times = append(w.times[:0], w.times[old:]...)
	if len(w.times) >= limit {
		return true
	}
	w.times = append(w.times, now)
	return false
}
