package hardware

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

// checkNamed returns the check of that name, without its time.
func checkNamed(h *health.Health, name string) health.Check {
	for _, c := range h.List() {
		if c.Name == name {
			c.Since = time.Time{}
			return c
		}
	}
	return health.Check{}
}

// wantCheck compares the check of that name with a level, a code and a part of its text.
func wantCheck(t *testing.T, h *health.Health, name string, level health.Level, code, text string) {
	t.Helper()
	got := checkNamed(h, name)
	if got.Name == "" || got.Level != level || got.Code != code || !strings.Contains(got.Text, text) {
		t.Errorf("got %+v, want %s at %v with code %q and %q", got, name, level, code, text)
	}
}

type brokenRadios struct{ list []hal.Radio }

func (r brokenRadios) List() ([]hal.Radio, error) {
	if r.list == nil {
		return nil, errors.New("nl80211: no answer")
	}
	return r.list, nil
}

type brokenSupply struct{}

func (brokenSupply) Low() (bool, error) { return false, errors.New("supply: no answer") }

func TestLowVoltageIsAHealthWarningUntilItIsNormalAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, h := sim.New(io.Discard), health.New(nil)
		w := &Watch{supply: board.Supply, radios: board.Radio, health: h, log: slog.New(slog.DiscardHandler)}
		g := supervise.Group(t.Context())
		g.Go(w.Serve)
		synctest.Wait()
		wantCheck(t, h, "supply", health.OK, "", "")
		wantCheck(t, h, "radios", health.OK, "", "wlan-sim (AP, 19 clients)")
		for _, c := range []struct {
			millivolts int
			level      health.Level
			code, text string
		}{{4500, health.Warn, "voltage_low", "a short thick cable"}, {5100, health.OK, "", ""}} {
			board.Supply.SetVoltage(c.millivolts)
			time.Sleep(interval)
			synctest.Wait()
			wantCheck(t, h, "supply", c.level, c.code, c.text)
		}
		if ready, list := h.Ready(); !ready {
			t.Errorf("a lesson needs no voltage: %+v", list)
		}
	})
}

func TestPartsThatCannotBeReadAreWarnings(t *testing.T) {
	h := health.New(nil)
	w := &Watch{supply: brokenSupply{}, radios: brokenRadios{}, health: h, log: slog.New(slog.DiscardHandler)}
	w.lookAtSupply()
	w.lookAtRadios()
	wantCheck(t, h, "supply", health.Warn, "supply_unreadable", "no answer")
	wantCheck(t, h, "radios", health.Warn, "radios_unreadable", "nl80211")
	w.radios = brokenRadios{list: []hal.Radio{}}
	w.lookAtRadios()
	wantCheck(t, h, "radios", health.OK, "radios_none", "")
	w.radios = brokenRadios{list: []hal.Radio{{Name: "wlan0", AP: true}, {Name: "wlan1"}}}
	w.lookAtRadios()
	wantCheck(t, h, "radios", health.OK, "", "wlan0 (AP), wlan1")
}
