package cooling

import (
	"testing"
	"testing/quick"

	"github.com/livelearn/box/hal"
)

// TestFanCurveIsMonotonicAndFull holds for every curve. A hotter board never has a slower
// fan, the ends are off and full speed, and a fan that turns has a duty of MinDuty or more.
func TestFanCurveIsMonotonicAndFull(t *testing.T) {
	err := quick.Check(func(low, span uint16, slowest, was uint8, slack uint16, a, b int32) bool {
		c := Curve{Low: hal.MilliCelsius(low), High: hal.MilliCelsius(low) + hal.MilliCelsius(span) + 1, MinDuty: slowest, Hysteresis: hal.MilliCelsius(slack)}
		cool, hot := hal.MilliCelsius(min(a, b)%200_000), hal.MilliCelsius(max(a, b)%200_000)
		if cool > hot {
			cool, hot = hot, cool
		}
		up := c.Duty(cool, was) <= c.Duty(hot, was)
		ends := c.Duty(c.High, was) == 255 && c.Duty(c.Low-1-c.Hysteresis, was) == 0
		d := c.Duty(hot, 0)
		return up && ends && (d == 0 || d >= slowest) && c.Duty(hot, was) >= d
	}, &quick.Config{MaxCount: 20_000})
	if err != nil {
		t.Error(err)
	}
}

// TestFanDoesNotSwing checks that a temperature that swings within Hysteresis only makes the
// fan faster. People would hear a fan that follows each swing.
func TestFanDoesNotSwing(t *testing.T) {
	err := quick.Check(func(base uint16, swings []uint16) bool {
		duty := uint8(0)
		for _, s := range swings {
			t := hal.MilliCelsius(base) + hal.MilliCelsius(s)%DefaultCurve.Hysteresis
			next := DefaultCurve.Duty(t, duty)
			if next < duty {
				return false
			}
			duty = next
		}
		return true
	}, &quick.Config{MaxCount: 5000})
	if err != nil {
		t.Error(err)
	}
	if got := DefaultCurve.Duty(30_000, 255); got != 0 {
		t.Errorf("a cold board has a fan at %d", got)
	}
	if got, want := (Curve{}).Duty(60_000, 0), DefaultCurve.Duty(60_000, 0); got != want || got == 0 {
		t.Errorf("the zero curve: got %d, want %d", got, want)
	}
}
