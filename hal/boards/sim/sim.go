// Package sim is a board made of text: its display and its light are lines on a
// terminal, its button and its thermometer are methods. It makes the box whole on a laptop and in tests.
package sim

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
)

// Board is the simulated board. Its parts may be used from any goroutine.
type Board struct {
	Display *Terminal
	LED     *LED
	Button  *Button
	Oven    *Oven
}

// New makes a board that shows itself on out. Writes to out come one at a time.
func New(out io.Writer) *Board {
	t := NewTerminal(out)
	return &Board{Display: t, LED: &LED{out: t}, Button: &Button{presses: make(chan hal.Press)}, Oven: &Oven{}}
}

// HAL is the board as firmware takes it.
func (b *Board) HAL() hal.Board {
	return hal.Board{Name: "sim", Display: b.Display, LED: b.LED, Button: b.Button, Thermal: b.Oven}
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

// Button is pressed by Press.
type Button struct {
	presses chan hal.Press
}

// Press presses the button for so long. It waits until somebody reads the press or ctx
// ends, and tells which.
func (b *Button) Press(ctx context.Context, held time.Duration) bool {
	select {
	case b.presses <- hal.Press{Held: held}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Presses implements hal.Button.
func (b *Button) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		for {
			select {
			case p := <-b.presses:
				if !yield(p) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// Down implements hal.Button: nobody leans on a simulated one.
func (b *Button) Down() (bool, error) { return false, nil }
