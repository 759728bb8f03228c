package cooling

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
)

// auto is the record of a call of Auto.
const auto = -1

type recordingFan struct {
	calls []int
	err   error
}

func (f *recordingFan) Set(d uint8) error { f.calls = append(f.calls, int(d)); return f.err }
func (f *recordingFan) Auto() error       { f.calls = append(f.calls, auto); return f.err }

// fakeThermal gives one temperature a reading. A zero, or the end of the list, is a reading
// without an answer.
type fakeThermal []hal.MilliCelsius

func (h *fakeThermal) Heat() hal.Heat {
	if len(*h) == 0 {
		return hal.Heat{}
	}
	now := (*h)[0]
	*h = (*h)[1:]
	if now == 0 {
		return hal.Heat{}
	}
	return hal.Heat{Zones: []hal.Zone{{Temp: now}}}
}

// runFor serves f for d, and returns its error and the reports.
func runFor(t *testing.T, f *Fan, d time.Duration) (reports []error, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	f.Report = func(err error) { reports = append(reports, err) }
	err = f.Serve(ctx)
	return reports, err
}

func TestFanIsAtFullSpeedWithoutATemperatureAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &recordingFan{}
		reports, err := runFor(t, &Fan{Device: dev, Thermal: &fakeThermal{40_000, 80_000, 79_000, 60_000, 0, 60_000}}, 11*time.Second)
		if err != nil {
			t.Error(err)
		}
		// At 60 degrees the duty is that of 65. It stays at full speed after the failed reading
		// and falls at the next one. The end is full speed, then the kernel.
		if want := []int{0, 255, 255, 183, 255, 183, 255, auto}; !slices.Equal(dev.calls, want) {
			t.Errorf("got %v, want %v", dev.calls, want)
		}
		if len(reports) != 3 || reports[0] != nil || !errors.Is(reports[1], ErrNoTemperature) || reports[2] != nil {
			t.Errorf("got reports %v", reports)
		}
	})
}

func TestFanThatDoesNotObeyIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &recordingFan{err: errors.New("stuck")}
		reports, err := runFor(t, &Fan{Device: dev, Thermal: &fakeThermal{40_000, 80_000, 79_000, 60_000}}, 7*time.Second)
		if err == nil {
			t.Error("the fan's error at the end is lost")
		}
		if len(reports) != 1 || !errors.Is(reports[0], dev.err) {
			t.Errorf("got reports %v, want the first of a row", reports)
		}
		if n := len(dev.calls); n != 6 || dev.calls[n-2] != 255 || dev.calls[n-1] != auto {
			t.Errorf("got %v, want a try of each step", dev.calls)
		}
	})
}

type brokenThermal struct{}

func (brokenThermal) Heat() hal.Heat { panic("a driver with a fault") }

func TestFanIsAtFullSpeedAfterAPanic(t *testing.T) {
	dev := &recordingFan{}
	defer func() {
		if recover() == nil {
			t.Error("the panic is lost")
		}
		if want := []int{255, auto}; !slices.Equal(dev.calls, want) {
			t.Errorf("got %v, want %v", dev.calls, want)
		}
	}()
	_, _ = runFor(t, &Fan{Device: dev, Thermal: brokenThermal{}}, time.Second)
}

// TestHotBoardTurnsItsFan follows the curve and gives the fan back to the kernel.
func TestHotBoardTurnsItsFan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.New(io.Discard)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		f := &Fan{Device: b.Fan, Thermal: b.Thermal, Report: func(err error) {
			if err != nil {
				t.Error(err)
			}
		}}
		go func() { ended <- f.Serve(ctx) }()
		for _, c := range []struct {
			at   hal.MilliCelsius
			want uint8
		}{{40_000, 0}, {78_000, 255}, {74_000, 255}, {20_000, 0}} {
			if err := b.SetClimate(c.at, 5000); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if got, ok := b.Fan.LastDuty(); !ok || got != c.want {
				t.Errorf("at %v: got %d, %v, want %d", c.at, got, ok, c.want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, ok := b.Fan.LastDuty(); ok {
			t.Error("the kernel does not get its fan back")
		}
	})
}
