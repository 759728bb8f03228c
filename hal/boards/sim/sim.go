// Package sim is a simulated board. Its display and its light are lines on a terminal, and its
// other parts have methods. Handler shows the whole board in a browser. With it the box runs on a
// laptop and in tests.
package sim

import (
	"io"
	"sync"

	"github.com/livelearn/box/hal"
)

// Board is the simulated board. Any goroutine may use its parts.
type Board struct {
	Display  *Terminal
	LED      *LED
	Button   *Button
	Thermal  *Thermal
	Fan      *Fan
	RTC      *RTC
	Watchdog *Watchdog
	Supply   *Supply
	Radio    *Radio
}

// New makes a board that shows itself on out. It writes to out from one goroutine at a time.
func New(out io.Writer) *Board {
	t := NewTerminal(out)
	return &Board{
		Display: t, LED: &LED{out: t}, Button: &Button{presses: make(chan hal.Press)}, Thermal: &Thermal{},
		Fan: &Fan{}, RTC: &RTC{}, Watchdog: &Watchdog{}, Supply: &Supply{millivolts: normalMillivolts}, Radio: &Radio{},
	}
}

// HAL returns the board in the form that firmware uses.
func (b *Board) HAL() hal.Board {
	return hal.Board{
		Name: "sim", Display: b.Display, LED: b.LED, Button: b.Button, Thermal: b.Thermal,
		Fan: b.Fan, RTC: b.RTC, Watchdog: b.Watchdog.openOnce, Supply: b.Supply, Radios: b.Radio,
	}
}

// LED is a light that prints the name of its pattern.
type LED struct {
	out *Terminal

	mu      sync.Mutex
	pattern hal.Pattern // guarded by mu
}

// Set implements hal.StatusLED. It prints a pattern only when the pattern changes.
func (l *LED) Set(p hal.Pattern) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pattern == p {
		return nil
	}
	l.pattern = p
	return l.out.writeLine("(o) " + p.String())
}

// ShownPattern returns the current pattern.
func (l *LED) ShownPattern() hal.Pattern {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pattern
}
