// Package haltest is the test suite for every board, real or simulated.
package haltest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/timetest"
)

// Operator is the person in front of the board. A nil field means that there is no such person. The
// suite then leaves out the tests that need a hand.
type Operator struct {
	Press func(ctx context.Context, held time.Duration) bool // presses the button
}

// TestBoard checks the promises of package hal for each part of b.
func TestBoard(t *testing.T, b hal.Board, hands Operator) {
	t.Helper()
	if b.Name == "" {
		t.Error("the board has no name")
	}
	if b.Display != nil {
		t.Run("display", func(t *testing.T) { testDisplay(t, b.Display) })
	}
	if b.LED != nil {
		t.Run("led", func(t *testing.T) { testLED(t, b.LED) })
	}
	if b.Button != nil {
		t.Run("button", func(t *testing.T) { testButton(t, b.Button, hands) })
	}
	if b.Thermal != nil {
		t.Run("thermal", func(t *testing.T) { testThermal(t, b.Thermal) })
	}
	if b.Fan != nil {
		t.Run("fan", func(t *testing.T) { testFan(t, b.Fan) })
	}
	if b.RTC != nil {
		t.Run("rtc", func(t *testing.T) { testRTC(t, b.RTC) })
	}
	if b.Watchdog != nil {
		t.Run("watchdog", func(t *testing.T) { testWatchdog(t, b.Watchdog) })
	}
	if b.Supply != nil {
		t.Run("supply", func(t *testing.T) { testSupply(t, b.Supply) })
	}
	if b.Radios != nil {
		t.Run("radios", func(t *testing.T) { testRadios(t, b.Radios) })
	}
	if b.Storage != nil {
		t.Run("storage", func(t *testing.T) { testStorage(t, b.Storage) })
	}
}

func testDisplay(t *testing.T, d hal.Display) {
	pages := []hal.Page{
		{},
		{Title: "LiveLearn Box", Lines: []string{"http://192.0.2.1", "code 123 456"}, QR: "http://192.0.2.1/j/abc", State: "lesson"},
		{Title: "a title that is much longer than any display of one of our boards is wide", Lines: make([]string, 40)},
		{Title: "فصل", Lines: []string{"١٢٣"}, QR: string(make([]byte, 8000))},
	}
	for _, p := range pages {
		if err := d.Show(p); err != nil {
			t.Errorf("Show(%.20q): %v", p.Title, err)
		}
	}
}

func testLED(t *testing.T, l hal.StatusLED) {
	for _, p := range []hal.Pattern{hal.Booting, hal.Ready, hal.Ready, hal.Lesson, hal.Attention, hal.Updating, hal.NoNetwork, hal.NoAddress, hal.ClaimMe, 0} {
		start := time.Now()
		if err := l.Set(p); err != nil {
			t.Errorf("Set(%v): %v", p, err)
		}
		timetest.CheckBudget(t, fmt.Sprintf("Set(%v)", p), time.Since(start), time.Second)
	}
}

// testButton reads presses, and checks that the read ends with its context.
func testButton(t *testing.T, b hal.Button, hands Operator) {
	if down, err := b.Down(); err != nil || down {
		t.Errorf("a released button: got down %v, %v", down, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timetest.Patience)
	defer cancel()
	if hands.Press != nil {
		go hands.Press(ctx, 50*time.Millisecond)
		got := false
		for p := range b.Presses(ctx) {
			if got = true; p.Held <= 0 {
				t.Errorf("a press was held for %v", p.Held)
			}
			break
		}
		if !got {
			t.Error("no press arrived")
		}
	}
	cancel()
	for range b.Presses(ctx) {
		t.Error("a press came after the context had ended")
	}
}
