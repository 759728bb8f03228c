package roster

import (
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
)

// setClock is a clock that people and servers set, and the time that really passes.
type setClock struct {
	wall    int64
	elapsed time.Duration
}

func (c *setClock) pass(d time.Duration) { c.wall, c.elapsed = c.wall+d.Milliseconds(), c.elapsed+d }
func (c *setClock) step(d time.Duration) { c.wall += d.Milliseconds() }

// useSetClock makes a roster use the clock for everything.
func (s school) useSetClock() *setClock {
	c := &setClock{wall: nowMillis()}
	wall, elapsed := func() int64 { return c.wall }, func() time.Duration { return c.elapsed }
	s.UseClock(wall, elapsed)
	s.tokenTime = newStepWatch(wall, elapsed)
	return c
}

// A board without a clock of its own starts at the last time that it saw, and a time server sets it
// later, by days.
func TestAStepOfTheClockSignsNobodyOut(t *testing.T) {
	for name, steps := range map[string][]time.Duration{
		"forward":            {13 * time.Hour},
		"by days":            {72 * time.Hour},
		"by decades":         {20 * 365 * 24 * time.Hour},
		"forward twice":      {13 * time.Hour, 13 * time.Hour},
		"back":               {-72 * time.Hour},
		"back and forward":   {-72 * time.Hour, 72 * time.Hour},
		"many, each an hour": {time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchool(t)
			c := s.useSetClock()
			_, pass := s.pass(t, "camera")
			for _, d := range steps {
				c.pass(time.Minute)
				c.step(d)
				if _, err := s.Authenticate(s.token); err != nil {
					t.Fatalf("after %v the teacher is out: %v", d, err)
				}
				if _, _, err := s.PassOf(pass); err != nil {
					t.Fatalf("after %v the camera is out: %v", d, err)
				}
			}
			// A restart finds the times as they were moved.
			if err := s.sweepExpired(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Authenticate(s.token); err != nil {
				t.Errorf("after a sweep: %v", err)
			}
			// Time that passes still counts, and no more of it.
			c.pass(12*time.Hour + time.Second)
			if _, err := s.Authenticate(s.token); errs.KindOf(err) != errs.Denied {
				t.Errorf("after 12 hours without a request the teacher is in: %v", err)
			}
			s.void(t, pass)
		})
	}
}
