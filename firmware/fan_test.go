package firmware

import (
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/health"
)

// checkNamed returns the check of that name, or none.
func checkNamed(h *health.Health, name string) health.Check {
	list := h.List()
	if i := slices.IndexFunc(list, func(c health.Check) bool { return c.Name == name }); i >= 0 {
		return list[i]
	}
	return health.Check{}
}

// TestFanOfABoxFollowsItsBoard runs the whole box on the simulated board.
func TestFanOfABoxFollowsItsBoard(t *testing.T) {
	board := sim.New(io.Discard)
	if err := board.SetClimate(80_000, 4500); err != nil {
		t.Fatal(err)
	}
	b, stop := startBox(t, testConfig(t, t.TempDir()), Parts{Board: board.HAL()})
	waitUntil(t, func() bool {
		duty, ok := board.Fan.LastDuty()
		return ok && duty == 255 && checkNamed(b.health, "fan").Name != "" && checkNamed(b.health, "supply").Level == health.Warn
	})
	if c := checkNamed(b.health, "fan"); c.Level != health.OK || c.Code != "" {
		t.Errorf("got %+v", c)
	}
	board.Thermal.SetHeat(hal.Heat{})
	waitUntil(t, func() bool { return checkNamed(b.health, "fan").Code == "temperature_unknown" })
	stop()
	if _, ok := board.Fan.LastDuty(); ok {
		t.Error("the kernel does not get its fan back")
	}
}

func TestBoardWithoutAFanHasNoChildForIt(t *testing.T) {
	full := sim.New(io.Discard).HAL()
	for name, c := range map[string]struct {
		board hal.Board
		want  []string
	}{
		"all parts":      {full, []string{"fan", "hardware"}},
		"no parts":       {hal.Board{}, nil},
		"no thermometer": {hal.Board{Fan: full.Fan, Radios: full.Radios}, []string{"hardware"}},
		"no fan":         {hal.Board{Thermal: full.Thermal, Supply: full.Supply}, []string{"hardware"}},
	} {
		b, err := New(testConfig(t, t.TempDir()), Parts{Board: c.board, Pages: testPages()})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, child := range b.optionalChildren() {
			if child.ID == "fan" || child.ID == "hardware" {
				got = append(got, child.ID)
			}
		}
		if d := cmp.Diff(got, c.want); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
