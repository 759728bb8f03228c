package haltest

import (
	"errors"
	"testing"
	"time"

	"github.com/livelearn/box/hal"
)

// testFan sets speeds and gives the fan back, twice. A program that stops and starts again finds
// the fan unchanged.
func testFan(t *testing.T, f hal.Fan) {
	for range 2 {
		for _, duty := range []uint8{0, 128, 255, 255} {
			if err := f.Set(duty); err != nil {
				t.Errorf("Set(%d): %v", duty, err)
			}
		}
		for range 2 {
			if err := f.Auto(); err != nil {
				t.Errorf("Auto: %v", err)
			}
		}
	}
}

// testRTC sets the clock and restores it, to a second or two.
func testRTC(t *testing.T, c hal.RTC) {
	before, err := c.Read()
	began := time.Now()
	if err != nil && !errors.Is(err, hal.ErrUnset) {
		t.Fatalf("Read: %v", err)
	}
	if err == nil {
		defer func() {
			if err := c.Set(before.Add(time.Since(began))); err != nil {
				t.Errorf("the clock is not restored: %v", err)
			}
		}()
	}
	for _, want := range []time.Time{
		time.Date(2028, 2, 29, 23, 59, 50, 0, time.UTC),
		time.Date(2031, 12, 31, 12, 0, 0, 0, time.FixedZone("far", 14*3600)),
	} {
		if err := c.Set(want); err != nil {
			t.Fatalf("Set(%v): %v", want, err)
		}
		got, err := c.Read()
		if d := got.Sub(want); err != nil || d < -time.Second || d > 5*time.Second {
			t.Errorf("set to %v: got %v, %v", want, got, err)
		}
		if got.Location() != time.UTC {
			t.Errorf("the time is in %v, want UTC", got.Location())
		}
	}
}

// testWatchdog opens the watchdog, feeds it and stops it. The machine keeps running if the driver
// can be stopped.
func testWatchdog(t *testing.T, open func() (hal.Watchdog, error)) {
	w, err := open()
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	if d := w.Timeout(); d < time.Second || d > 10*time.Minute {
		t.Errorf("the timeout is %v", d)
	}
	for range 3 {
		if err := w.Feed(); err != nil {
			t.Errorf("Feed: %v", err)
		}
	}
	if err := w.Disarm(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Disarm: %v", err)
	}
	if err := w.Feed(); err == nil {
		t.Error("a stopped watchdog accepts a feed")
	}
}

// testSupply and testRadios read values without a reference to compare them with.
func testSupply(t *testing.T, s hal.Supply) {
	if _, err := s.Low(); err != nil {
		t.Errorf("Low: %v", err)
	}
}

func testRadios(t *testing.T, r hal.Radios) {
	list, err := r.List()
	if err != nil {
		t.Errorf("List: %v", err)
	}
	seen := map[string]bool{}
	for _, one := range list {
		if one.Name == "" || one.Name != hal.CleanWord(one.Name) || seen[one.Name] || one.Clients < 0 {
			t.Errorf("got %+v among %+v", one, list)
		}
		seen[one.Name] = true
	}
}

func testThermal(t *testing.T, th hal.Thermal) {
	heat := th.Heat()
	for _, z := range heat.Zones {
		if z.Temp < -50_000 || z.Temp > 150_000 {
			t.Errorf("%s is at %v", z.Name, z.Temp)
		}
	}
	if hot, ok := heat.Hottest(); ok != (len(heat.Zones) > 0) || ok && hot.Temp < heat.Zones[0].Temp {
		t.Errorf("the hottest of %+v is %+v", heat.Zones, hot)
	}
}

// testStorage reads values without a reference too.
func testStorage(t *testing.T, s hal.Storage) {
	seen := map[string]bool{}
	for _, one := range s.List() {
		if one.Name == "" || seen[one.Name] || one.Used < 0 || one.Used > 110 || one.Wear > hal.WearOver {
			t.Errorf("got %+v", one)
		}
		seen[one.Name] = true
	}
}
