package signin

import (
	"net/http"
	"time"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

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

// countGuess counts a wrong code. It reports whether an alarm begins with it.
func (t *throttle) countGuess(now time.Time) (alarm bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := &t.codes
	if g.recent = append(g.recent, now); len(g.recent) > guessAlarm {
		g.recent = g.recent[1:]
	}
	if len(g.recent) < guessAlarm || now.Sub(g.recent[0]) > guessWindow {
		return false
	}
	if now.Sub(g.lastAlarm) > guessWindow {
		g.count, alarm = guessAlarm-1, true
	}
	g.count++
	g.lastAlarm = now
	return alarm
}

// SomebodyGuesses reports whether there is an alarm.
func (a *API) SomebodyGuesses() bool {
	last, _ := a.GuessedCodes()
	return time.Since(last) <= guessWindow
}

// openLobbies lets new devices of all open lessons wait for their teachers, because a guesser may
// find a code. It runs once in an alarm, so a teacher who closes the lobby keeps it closed.
func (a *API) openLobbies(r *http.Request) {
	lessons, err := a.Roster.OpenLobbies()
	if err != nil {
		a.Log.Error("codes of lessons are guessed, and the lobbies are not open", "err", err)
		return
	}
	for _, id := range lessons {
		a.Audit.Record(r, httpapi.Caller{}, audit.Entry{Action: "lobby.guessing", Target: id})
	}
}

// CheckForOtherBox runs check, which looks for a lesson's code that a person with the address from typed at
// another box of the school. The other box has limits of its own, but one that was taken over keeps to
// none, so this box counts too. Its lobbies open at the alarm, whichever box the guesser is at.
func (a *API) CheckForOtherBox(from string, check func() error) error {
	const op = "join"
	key := throttleKey{op + " other boxes", triesOfOthers, time.Minute}
	if wait := a.throttle.wait(key); wait > 0 {
		return tooMany(op, wait)
	}
	err := check()
	if err != nil && errs.BodyOf(err).Code == "no_lesson" {
		a.throttle.countFailure(key)
		if a.throttle.countGuess(time.Now()) {
			a.openLobbies(&http.Request{RemoteAddr: from})
		}
	}
	return err
}

// GuessedCodes returns when somebody who guesses codes of lessons was last wrong, and how often.
func (a *API) GuessedCodes() (last time.Time, times int) {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	return a.throttle.codes.lastAlarm, a.throttle.codes.count
}
