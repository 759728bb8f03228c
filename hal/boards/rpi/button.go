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
	buttonLine   = 21                     // line of the header: pin 40, next to a ground pin
	debounceTime = 20 * time.Millisecond  // the contacts have settled after this time
	edgeTimeout  = 250 * time.Millisecond // a reader notices the end of its context within this time
)

// Button is a switch between a line of the header and ground. The line has its pull-up, so an
// unconnected line reads as released.
type Button struct {
	openPin func() (gpio.PinIn, error)

	mu  sync.Mutex
	pin gpio.PinIn // guarded by mu, nil before the first use
}

// NewButton returns the button on the line that open returns. It opens the line at the first use.
func NewButton(open func() (gpio.PinIn, error)) *Button { return &Button{openPin: open} }

// findButton returns the button of the header, nil if the lines of the header are not available.
func findButton(root fs.FS) hal.Button {
	chips, err := fs.Glob(root, "dev/gpiochip*")
	if err != nil || len(chips) == 0 || hal.DevicePath(root, chips[0]) != "/"+chips[0] {
		return nil // the driver below only knows the chips of this machine
	}
	return NewButton(func() (gpio.PinIn, error) { return FindLine("pinctrl-", buttonLine) })
}

// FindLine returns line number n of the first GPIO chip of this machine with this prefix of the
// label. The chip of the header is "pinctrl-bcm2835", "pinctrl-bcm2711" or "pinctrl-rp1". Its line
// numbers are the GPIO numbers of the pins.
func FindLine(label string, n int) (gpio.PinIn, error) {
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

// openLine opens the pin at the first call and returns it.
func (b *Button) openLine() (gpio.PinIn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pin != nil {
		return b.pin, nil
	}
	p, err := b.openPin()
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
	p, err := b.openLine()
	if err != nil {
		return false, err
	}
	return p.Read() == gpio.Low, nil
}

// Presses implements hal.Button. The time of a press that began before the read counts from the
// start of the read.
func (b *Button) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		p, err := b.openLine()
		if err != nil {
			return // without a line there is no press
		}
		began, down := time.Now(), p.Read() == gpio.Low
		for ctx.Err() == nil {
			edge := p.WaitForEdge(edgeTimeout)
			now := time.Now()
			for edge && ctx.Err() == nil && p.WaitForEdge(debounceTime) { // wait until the contacts settle
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
