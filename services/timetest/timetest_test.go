package timetest

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a test whose failure is noted. A fatal failure ends its goroutine.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Logf(string, ...any)       {}
func (r *recorder) Errorf(f string, a ...any) { r.said = fmt.Sprintf(f, a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }

func TestABudgetCountsOnAnIdleMachine(t *testing.T) {
	for _, c := range []struct {
		took     time.Duration
		pressure float64
		fails    bool
	}{{time.Second, 0, false}, {time.Second + 1, 0, true}, {time.Second + 1, mostPressure, true}, {time.Minute, mostPressure + 1, false}} {
		r := &recorder{TB: t}
		if checkBudget(r, "it", c.took, time.Second, c.pressure); (r.said != "") != c.fails {
			t.Errorf("%+v: %q", c, r.said)
		}
	}
}

func TestPressureIsRead(t *testing.T) {
	text := "some avg10=12.50 avg60=3.00 avg300=1.00 total=7\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=0\n"
	if got := parsePressure(text); got != 12.5 {
		t.Errorf("got %v", got)
	}
	if got := parsePressure("full avg10=1.00"); got != 100 {
		t.Errorf("without a figure: %v", got)
	}
}

func TestWaitsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if took := WaitUntil(t, "a second", func() bool { return time.Since(began) >= time.Second }); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() { defer close(done); WaitUntil(r, "rain", func() bool { return false }) }()
		<-done
		if want := "waited 2m0s in vain for rain"; r.said != want {
			t.Errorf("said %q, want %q", r.said, want)
		}
	})
}
