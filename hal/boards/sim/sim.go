// Package sim is a board made of text: its display and its light are lines on a terminal, the
// rest are methods; and all of it is a page in a browser, see Handler. It makes the box whole
// on a laptop and in tests.
package sim

import (
	"io"
	"sync"

	"github.com/livelearn/box/hal"
)

// Board is the simulated board. Its parts may be used from any goroutine.
type Board struct {
	Display *Terminal
	LED     *LED
	Button  *Button
	Oven    *Oven
	Fan     *Fan
	Clock   *Clock
	Dog     *Dog
	Supply  *Supply
	Radio   *Radio
}

// New makes a board that shows itself on out. Writes to out come one at a time.
func New(out io.Writer) *Board {
	t := NewTerminal(out)
	return &Board{
		Display: t, LED: &LED{out: t}, Button: &Button{presses: make(chan hal.Press)}, Oven: &Oven{},
		Fan: &Fan{}, Clock: &Clock{}, Dog: &Dog{}, Supply: &Supply{millivolts: good}, Radio: &Radio{},
	}
}

// HAL is the board as firmware takes it.
func (b *Board) HAL() hal.Board {
	return hal.Board{
		Name: "sim", Display: b.Display, LED: b.LED, Button: b.Button, Thermal: b.Oven,
		Fan: b.Fan, RTC: b.Clock, Watchdog: b.Dog.open, Supply: b.Supply, Radios: b.Radio,
	}
}

// LED is a light that says its pattern in words.
type LED struct {
	out *Terminal

	mu  sync.Mutex
	now hal.Pattern // guarded by mu
}

// Set implements hal.StatusLED. A pattern that is shown already is not written again.
func (l *LED) Set(p hal.Pattern) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == p {
		return nil
	}
	l.now = p
	return l.out.line("(o) " + p.String())
}

// Pattern is what the light shows.
func (l *LED) Pattern() hal.Pattern {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}
