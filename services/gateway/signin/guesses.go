package signin

import "time"

// Wrong codes of lessons are a few in each lesson: somebody mistypes one. More within guessWindow
// than guessAlarm are somebody who guesses.
const (
	guessAlarm  = 20
	guessWindow = 5 * time.Minute
)

// guesses counts the wrong codes of lessons on the whole box.
type guesses struct {
	recent    []time.Time // the last guessAlarm of them, oldest first
	count     int         // since the alarm began
	lastAlarm time.Time   // the last wrong code of an alarm
}

// countGuess counts a wrong code.
func (t *throttle) countGuess(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := &t.codes
	if g.recent = append(g.recent, now); len(g.recent) > guessAlarm {
		g.recent = g.recent[1:]
	}
	if len(g.recent) < guessAlarm || now.Sub(g.recent[0]) > guessWindow {
		return
	}
	if now.Sub(g.lastAlarm) > guessWindow {
		g.count = guessAlarm - 1
	}
	g.count++
	g.lastAlarm = now
}

// GuessedCodes returns when somebody who guesses codes of lessons was last wrong, and how often.
func (a *API) GuessedCodes() (last time.Time, times int) {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	return a.throttle.codes.lastAlarm, a.throttle.codes.count
}
