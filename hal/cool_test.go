package hal_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/quick"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
)

// TestFanCurveIsMonotonicAndFull holds for every curve: a hotter board never has a slower
// fan, the ends are off and full, and a fan that turns turns at least at Slowest.
func TestFanCurveIsMonotonicAndFull(t *testing.T) {
	err := quick.Check(func(low, span uint16, slowest, was uint8, slack uint16, a, b int32) bool {
		c := hal.Curve{Low: hal.MilliCelsius(low), High: hal.MilliCelsius(low) + hal.MilliCelsius(span) + 1, Slowest: slowest, Slack: hal.MilliCelsius(slack)}
		cool, hot := hal.MilliCelsius(min(a, b)%200_000), hal.MilliCelsius(max(a, b)%200_000)
		if cool > hot {
			cool, hot = hot, cool
		}
		up := c.Duty(cool, was) <= c.Duty(hot, was)
		ends := c.Duty(c.High, was) == 255 && c.Duty(c.Low-1-c.Slack, was) == 0
		d := c.Duty(hot, 0)
		return up && ends && (d == 0 || d >= slowest) && c.Duty(hot, was) >= d
	}, &quick.Config{MaxCount: 20_000})
	if err != nil {
		t.Error(err)
	}
}

// TestFanDoesNotSwing: whatever a temperature does within Slack, the fan changes its speed
// upwards only, so that nobody hears it hunt.
func TestFanDoesNotSwing(t *testing.T) {
	err := quick.Check(func(base uint16, swings []uint16) bool {
		duty := uint8(0)
		for _, s := range swings {
			t := hal.MilliCelsius(base) + hal.MilliCelsius(s)%hal.DefaultCurve.Slack
			next := hal.DefaultCurve.Duty(t, duty)
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
	if got := hal.DefaultCurve.Duty(30_000, 255); got != 0 {
		t.Errorf("a cold board has a fan at %d", got)
	}
	if got, want := (hal.Curve{}).Duty(60_000, 0), hal.DefaultCurve.Duty(60_000, 0); got != want || got == 0 {
		t.Errorf("the zero curve: got %d, want %d", got, want)
	}
}

type fan struct {
	said []int // -1: auto
	err  error
}

func (f *fan) Set(d uint8) error { f.said = append(f.said, int(d)); return f.err }
func (f *fan) Auto() error       { f.said = append(f.said, -1); return f.err }

type heats []hal.MilliCelsius

func (h *heats) Heat() hal.Heat {
	if len(*h) == 0 || (*h)[0] == 0 {
		return hal.Heat{}
	}
	now := (*h)[0]
	*h = (*h)[1:]
	return hal.Heat{Zones: []hal.Zone{{Temp: now}}}
}

func TestFanIsGivenBackToTheKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		f, faults := &fan{err: errors.New("stuck")}, 0
		if err := hal.Cool(ctx, f, &heats{40_000, 80_000, 79_000, 60_000}, hal.Curve{}, func(error) { faults++ }); err == nil {
			t.Error("the fan's error at the end is lost")
		}
		// 60 degrees: as fast as for 65. The fifth reading fails: the kernel has it, also at the end.
		if want := []int{0, 255, 255, 183, -1, -1}; !slices.Equal(f.said, want) {
			t.Errorf("got %v, want %v", f.said, want)
		}
		if faults != 1 {
			t.Errorf("%d faults told, want the first of a row", faults)
		}
	})
}

func TestPatternsDifferAndDoNotFlicker(t *testing.T) {
	seen := map[string]bool{}
	for p := hal.Booting; p <= hal.Updating; p++ {
		steps := p.Steps()
		if seen[p.String()] || len(steps) == 0 {
			t.Errorf("%v: %v", p, steps)
		}
		seen[p.String()] = true
		for i, s := range steps {
			next := steps[(i+1)%len(steps)]
			if len(steps) > 1 && (s.On == next.On || s.For+next.For < time.Second/3) {
				t.Errorf("%v flickers: %v", p, steps)
			}
		}
	}
	if got := hal.Pattern(0).Steps(); got != nil {
		t.Errorf("off: got %v", got)
	}
	if got := hal.Pattern(99); got.String() != "unknown" || got.Steps() != nil {
		t.Errorf("a pattern of the future: %v %v", got, got.Steps())
	}
}

func TestWeakSupplyOfAPi5IsSeen(t *testing.T) {
	m := machine(map[string]string{"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "1\n"})
	if low, ok := hal.Undervolted(m); !low || !ok {
		t.Errorf("got %v, %v", low, ok)
	}
	if _, ok := hal.Undervolted(machine(nil)); ok {
		t.Error("a PC has the firmware's flags")
	}
}

// TestWeakSupplyIsPartOfTheHeat: the usual kernel shows it, and no flags of the firmware.
func TestWeakSupplyIsPartOfTheHeat(t *testing.T) {
	const hwmon = "sys/class/hwmon/hwmon1/"
	m := machine(map[string]string{hwmon + "name": "rpi_volt\n", hwmon + "in0_lcrit_alarm": "1\n", zone0 + "type": "cpu-thermal", zone0 + "temp": "48312"})
	if h := hal.NewThermal(m).Heat(); !h.Weak || h.Slow || len(h.Zones) != 1 {
		t.Errorf("got %+v", h)
	}
}
