package hal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/livelearn/box/hal"
)

func TestPatternsDifferAndDoNotFlicker(t *testing.T) {
	seen := map[string]bool{}
	for p := hal.Booting; p <= hal.ClaimMe; p++ {
		steps := p.Steps()
		if seen[p.String()] || len(steps) == 0 {
			t.Errorf("%v: %v", p, steps)
		}
		seen[p.String()] = true
		if rhythm := fmt.Sprint(steps); seen[rhythm] {
			t.Errorf("%v looks like another pattern", p)
		} else {
			seen[rhythm] = true
		}
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
	m := rootFS(map[string]string{"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "1\n"})
	if low, ok := hal.IsUndervolted(m); !low || !ok {
		t.Errorf("got %v, %v", low, ok)
	}
	if _, ok := hal.IsUndervolted(rootFS(nil)); ok {
		t.Error("a PC has the firmware's flags")
	}
}

// TestWeakSupplyIsPartOfTheHeat checks the usual kernel, which shows the voltage and no flags of
// the firmware.
func TestWeakSupplyIsPartOfTheHeat(t *testing.T) {
	const hwmon = "sys/class/hwmon/hwmon1/"
	m := rootFS(map[string]string{hwmon + "name": "rpi_volt\n", hwmon + "in0_lcrit_alarm": "1\n", zone0 + "type": "cpu-thermal", zone0 + "temp": "48312"})
	if h := hal.NewThermal(m).Heat(); !h.UnderVoltage || h.Throttled || len(h.Zones) != 1 {
		t.Errorf("got %+v", h)
	}
}
