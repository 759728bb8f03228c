package event

// Stopwatch measures how long something was on. It reads the monotonic time in facts, so a replay
// gives the same result. The monotonic time of another boot begins at the start of the program:
// the watch stops while the box is down.
type Stopwatch struct {
	Ran  int64 // ms, up to the stamp below
	Boot uint64
	Mono int64
	On   bool
}

// Elapsed is the measured time. Now is not before the last fact.
func (w Stopwatch) Elapsed(now Stamp) int64 {
	switch {
	case !w.On:
		return w.Ran
	case now.Boot != w.Boot:
		return w.Ran + now.Mono
	}
	return w.Ran + max(now.Mono-w.Mono, 0)
}

// AdvanceTo measures up to a fact. After it the watch runs or is stopped.
func (w *Stopwatch) AdvanceTo(now Stamp, on bool) {
	*w = Stopwatch{Ran: w.Elapsed(now), Boot: now.Boot, Mono: now.Mono, On: on}
}
