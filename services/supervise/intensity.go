package supervise

import "time"

// Backoff delays restarts: Min after the first crash, doubled with each crash that
// follows, at most Max. A child that ran for longer than Max begins with Min again.
type Backoff struct {
	Min, Max time.Duration // Max 0 is 30 s
}

const defaultBackoffMax = 30 * time.Second

func (b Backoff) max() time.Duration {
	if b.Max > 0 {
		return b.Max
	}
	return defaultBackoffMax
}

// delay is the pause before restart number n (from 1) of a row.
func (b Backoff) delay(n int) time.Duration {
	d := b.Min
	for ; n > 1 && d > 0 && d < b.max(); n-- {
		d *= 2
	}
	return min(d, b.max())
}

// window counts restarts in the last period. Its zero value is empty.
type window struct {
	times []time.Time
}

// add counts a restart at now and tells whether more than limit are within period.
func (w *window) add(now time.Time, limit int, period time.Duration) (exceeded bool) {
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
