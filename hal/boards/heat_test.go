package boards_test

import (
	"testing"
	"testing/fstest"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/hal/haltest"
)

func TestBoardWithThermometerPassesTheSuite(t *testing.T) {
	root := modelRoot("Raspberry Pi 4 Model B Rev 1.4")
	root["sys/class/thermal/thermal_zone0/type"] = &fstest.MapFile{Data: []byte("cpu-thermal\n")}
	root["sys/class/thermal/thermal_zone0/temp"] = &fstest.MapFile{Data: []byte("48312\n")}
	b := boards.Probe(root)
	if b.Thermal == nil {
		t.Fatalf("parts are missing: %+v", b)
	}
	haltest.TestBoard(t, b, haltest.Operator{})
}

func TestSimulatedBoardGetsHotWhenTold(t *testing.T) {
	b := sim.New(t.Output())
	if h := b.HAL().Thermal.Heat(); h.Throttled {
		t.Errorf("it is hot from the start: %+v", h)
	}
	b.Thermal.SetHeat(hal.Heat{Throttled: true})
	if h := b.HAL().Thermal.Heat(); !h.Throttled {
		t.Error("it does not get hot")
	}
}
