package rpi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"

	"github.com/livelearn/box/hal"
)

const (
	buttonLine = 21                     // of the header: pin 40, beside a ground
	bounce     = 20 * time.Millisecond  // contacts have come to rest after that
	look       = 250 * time.Millisecond // how soon a reader sees that it is to end
)

// Button is a switch between a line of the header and ground. The line has its pull-up, so
// that one with nothing on it stays quiet.
type Button struct {
	open func() (gpio.PinIn, error)

	mu  sync.Mutex
	pin gpio.PinIn // guarded by mu; nil before the first use
}

// NewButton is the button at the line that open gives. It is opened at the first use.
func NewButton(open func() (gpio.PinIn, error)) *Button { return &Button{open: open} }

// findButton is nil where the header's lines are not to be had.
func findButton(root fs.FS) hal.Button {
	chips, err := fs.Glob(root, "dev/gpiochip*")
	if err != nil || len(chips) == 0 || hal.Path(root, chips[0]) != "/"+chips[0] {
		return nil // the driver below knows this machine's chips only
	}
	return NewButton(func() (gpio.PinIn, error) { return Line("pinctrl-", buttonLine) })
}

// Line is line number n of the first GPIO chip of this machine whose label begins so. The
// header's chip is "pinctrl-bcm2835", "pinctrl-bcm2711" or "pinctrl-rp1", and its lines have
// the numbers of their names.
func Line(label string, n int) (gpio.PinIn, error) {
	if _, err := driverreg.Init(); err != nil {
		return nil, fmt.Errorf("gpio: %w", err)
	}
	for _, c := range gpioioctl.Chips {
		if !strings.HasPrefix(c.Label(), label) {
			continue
		}
		if l := c.ByNumber(n); l != nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("gpio: a chip %s* with line %d: %w", label, n, errors.ErrUnsupported)
}

// line is the pin, ready to be read.
func (b *Button) line() (gpio.PinIn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pin != nil {
		return b.pin, nil
	}
	p, err := b.open()
	if err != nil {
		return nil, err
	}
	if err := p.In(gpio.PullUp, gpio.BothEdges); err != nil {
		return nil, fmt.Errorf("gpio %s: %w", p.Name(), err)
	}
	b.pin = p
	return p, nil
}

// Down implements hal.Button.
func (b *Button) Down() (bool, error) {
	p, err := b.line()
	if err != nil {
		return false, err
	}
	return p.Read() == gpio.Low, nil
}

// Presses implements hal.Button. A press that began before it is read counts from then.
func (b *Button) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		p, err := b.line()
		if err != nil {
			return // there is no line to press
		}
		began, down := time.Now(), p.Read() == gpio.Low
		for ctx.Err() == nil {
			edge := p.WaitForEdge(look)
			now := time.Now()
			for edge && ctx.Err() == nil && p.WaitForEdge(bounce) { // until the contacts rest
			}
			was := down
			if down = p.Read() == gpio.Low; down == was {
				continue
			}
			if down {
				began = now
			} else if ctx.Err() == nil && !yield(hal.Press{Held: max(now.Sub(began), time.Millisecond)}) {
				return
			}
		}
	}
}
