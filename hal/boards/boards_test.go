package boards_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/hal/haltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func modelRoot(model string) fstest.MapFS {
	if model == "" {
		return fstest.MapFS{}
	}
	return fstest.MapFS{"sys/firmware/devicetree/base/model": {Data: []byte(model)}}
}

func TestProbeNamesTheMachineItRunsOn(t *testing.T) {
	for model, want := range map[string]hal.Board{
		"":                                 {Name: "generic"},
		"\x00":                             {Name: "generic", Appliance: true},
		"Raspberry Pi 4 Model B Rev 1\x00": {Name: "Raspberry Pi 4 Model B Rev 1", Appliance: true},
		strings.Repeat("x", 1000):          {Name: strings.Repeat("x", 64), Appliance: true},
	} {
		if got := boards.Probe(modelRoot(model)); got.Name != want.Name || got.Appliance != want.Appliance {
			t.Errorf("Probe with model %.20q: got %+v, want %+v", model, got, want)
		}
	}
}

// piRoot returns a Pi whose kernel shows only its device tree, its card and its supply.
func piRoot() fstest.MapFS {
	root := modelRoot("Raspberry Pi 5 Model B Rev 1.0\x00")
	root["sys/firmware/devicetree/base/compatible"] = &fstest.MapFile{Data: []byte("raspberrypi,5-model-b\x00brcm,bcm2712\x00")}
	root["sys/block/mmcblk0/device/type"] = &fstest.MapFile{Data: []byte("SD\n")}
	root["sys/class/hwmon/hwmon0/name"] = &fstest.MapFile{Data: []byte("rpi_volt\n")}
	root["sys/class/hwmon/hwmon0/in0_lcrit_alarm"] = &fstest.MapFile{Data: []byte("1\n")}
	return root
}

// TestPiIsFoundBeforeTheGenericBoard looks at a part that only a Pi has.
func TestPiIsFoundBeforeTheGenericBoard(t *testing.T) {
	b := boards.Probe(piRoot())
	if b.Supply == nil || b.Name != "Raspberry Pi 5 Model B Rev 1.0" {
		t.Fatalf("got %+v", b)
	}
	if low, err := b.Supply.Low(); !low || err != nil {
		t.Errorf("its supply: low %v, %v", low, err)
	}
	other := piRoot()
	other["sys/firmware/devicetree/base/compatible"] = &fstest.MapFile{Data: []byte("pine64,rock64\x00rockchip,rk3328\x00")}
	other["sys/class/leds/x:green:status/brightness"] = &fstest.MapFile{}
	if got := boards.Probe(other); got.LED != nil || !got.Appliance {
		t.Errorf("another board: got %+v", got)
	}
}

func TestEveryBoardPassesTheSuite(t *testing.T) {
	simulated := sim.New(&bytes.Buffer{})
	for _, c := range []struct {
		board hal.Board
		hands haltest.Operator
	}{
		{boards.Probe(modelRoot("")), haltest.Operator{}},
		{boards.Probe(modelRoot("Some Board")), haltest.Operator{}},
		{boards.Probe(piRoot()), haltest.Operator{}},
		{simulated.HAL(), haltest.Operator{Press: simulated.Button.Press}},
	} {
		t.Run(c.board.Name, func(t *testing.T) { haltest.TestBoard(t, c.board, c.hands) })
	}
}

func TestSimulatedBoardShowsItselfOnTheTerminal(t *testing.T) {
	var out bytes.Buffer
	b := sim.New(&out)
	page := hal.Page{Title: "LiveLearn Box", Lines: []string{"http://192.0.2.1"}, QR: "http://192.0.2.1"}
	for range 3 {
		if err := b.LED.Set(hal.Ready); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Display.Show(page); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "(o) ready"); got != 1 {
		t.Errorf("the light was written %d times, want once", got)
	}
	for _, want := range []string{page.Title, page.Lines[0], "▀"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the terminal does not show %q:\n%s", want, out.String())
		}
	}
	if b.LED.ShownPattern() != hal.Ready || !b.Display.ShownPage().Equal(page) {
		t.Error("the board does not know what it shows")
	}
}

// TestQRCodeIsSquareWithItsQuietZone reads the drawing back. Phones need the border of four light
// modules to find the code.
func TestQRCodeIsSquareWithItsQuietZone(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(sim.QR("http://192.0.2.1/j/abc"), "\n"), "\n")
	width := len([]rune(strings.TrimPrefix(lines[0], "  ")))
	if got := (width + 1) / 2; len(lines) != got {
		t.Errorf("%d lines for %d modules, want %d", len(lines), width, got)
	}
	for _, l := range lines[:2] {
		if strings.Trim(l, " █") != "" {
			t.Errorf("the quiet zone is not light: %q", l)
		}
	}
	if sim.QR(strings.Repeat("x", 8000)) != "" {
		t.Error("a text too long for a code gave one")
	}
}

func TestPressIsDroppedWhenNobodyReads(t *testing.T) {
	b := sim.New(&bytes.Buffer{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b.Button.Press(ctx, time.Millisecond) {
		t.Error("a press without a reader was taken")
	}
}
