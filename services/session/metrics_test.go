package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/session"
)

// counted is how many commands the histogram that health reads has seen.
func (r *rig) counted() uint64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == health.AnswerSeconds {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	r.t.Fatalf("there is no %s", health.AnswerSeconds)
	return 0
}

func TestWhatWasSavedIsTimedAndWhatWasRefusedIsNot(t *testing.T) {
	withRig(t, session.Config{}, nil, func(t *testing.T, r *rig) {
		ben := r.joined("p1")
		mustBody(t)(ben.SendCommand(sayCommand("a", "hello", "all")))
		time.Sleep(time.Second)
		mustBody(t)(ben.SendCommand(sayCommand("b", "again", "all")))
		if _, err := ben.SendCommand(sayCommand("c", "", "all")); err == nil {
			t.Error("an empty text was taken")
		}
		synctest.Wait()
		if n := r.counted(); n != 2 {
			t.Errorf("%d commands were timed, want 2", n)
		}
	})
}
