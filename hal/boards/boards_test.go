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

func machine(model string) fstest.MapFS {
	if model == "" {
		return fstest.MapFS{}
	}
	return fstest.MapFS{"sys/firmware/devicetree/base/model": {Data: []byte(model)}}
}

func TestProbeNamesTheMachineItRunsOn(t *testing.T) {
	for model, want := range map[string]hal.Board{
		"":                                 {Name: "generic"},
		"\x00":                             {Name: "generic", Real: true},
		"Raspberry Pi 4 Model B Rev 1\x00": {Name: "Raspberry Pi 4 Model B Rev 1", Real: true},
		strings.Repeat("x", 1000):          {Name: strings.Repeat("x", 64), Real: true},
	} {
		if got := boards.Probe(machine(model)); got.Name != want.Name || got.Real != want.Real {
			t.Errorf("Probe with model %.20q: got %+v, want %+v", model, got, want)
		}
	}
}

// pi is a Pi whose kernel shows nothing but its device tree and its supply.
func pi() fstest.MapFS {
	root := machine("Raspberry Pi 5 Model B Rev 1.0\x00")
	root["sys/firmware/devicetree/base/compatible"] = &fstest.MapFile{Data: []byte("raspberrypi,5-model-b\x00brcm,bcm2712\x00")}
	root["sys/class/hwmon/hwmon0/name"] = &fstest.MapFile{Data: []byte("rpi_volt\n")}
	root["sys/class/hwmon/hwmon0/in0_lcrit_alarm"] = &fstest.MapFile{Data: []byte("1\n")}
	return root
}

// TestPiIsFoundBeforeTheGenericBoard: what only a Pi has shows which one took the machine.
func TestPiIsFoundBeforeTheGenericBoard(t *testing.T) {
	b := boards.Probe(pi())
	if b.Supply == nil || b.Name != "Raspberry Pi 5 Model B Rev 1.0" {
		t.Fatalf("got %+v", b)
	}
	if low, err := b.Supply.Low(); !low || err != nil {
		t.Errorf("its supply: low %v, %v", low, err)
	}
	other := pi()
	other["sys/firmware/devicetree/base/compatible"] = &fstest.MapFile{Data: []byte("pine64,rock64\x00rockchip,rk3328\x00")}
	other["sys/class/leds/x:green:status/brightness"] = &fstest.MapFile{}
	if got := boards.Probe(other); got.LED != nil || !got.Real {
		t.Errorf("another board: got %+v", got)
	}
}

func TestEveryBoardPassesTheSuite(t *testing.T) {
	simulated := sim.New(&bytes.Buffer{})
	for _, c := range []struct {
		board hal.Board
		hands haltest.Hands
	}{
		{boards.Probe(machine("")), haltest.Hands{}},
		{boards.Probe(machine("Some Board")), haltest.Hands{}},
		{boards.Probe(pi()), haltest.Hands{}},
		{simulated.HAL(), haltest.Hands{Press: simulated.Button.Press}},
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
	if b.LED.Pattern() != hal.Ready || !b.Display.Page().Equal(page) {
		t.Error("the board does not know what it shows")
	}
}

// TestQRCodeIsSquareWithItsQuietZone reads the drawing back: the border of four light
// modules is what phones need to find the code.
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
		t.Error("a press that nobody read was taken")
	}
}
