package rpi_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/rpi"
)

// fakePin is a line with a switch to ground.
type fakePin struct {
	gpio.PinIO // unused by a button
	pull       gpio.Pull
	level      chan gpio.Level // holds the level
	edges      chan struct{}
}

func newPin() *fakePin {
	p := &fakePin{PinIO: gpio.INVALID, level: make(chan gpio.Level, 1), edges: make(chan struct{}, 16)}
	p.level <- gpio.High
	return p
}

func (p *fakePin) open() (gpio.PinIn, error) { return p, nil }

func (p *fakePin) In(pull gpio.Pull, edge gpio.Edge) error {
	if p.pull = pull; edge != gpio.BothEdges {
		return errors.New("both edges are wanted")
	}
	return nil
}

func (p *fakePin) Read() gpio.Level {
	l := <-p.level
	p.level <- l
	return l
}

func (p *fakePin) WaitForEdge(timeout time.Duration) bool {
	select {
	case <-p.edges:
		return true
	case <-time.After(timeout):
		return false
	}
}

// to sets the line to l, with bouncing contacts.
func (p *fakePin) to(l gpio.Level, bounces int) {
	for i := range 2*bounces + 1 {
		<-p.level
		p.level <- l != (i%2 == 1)
		p.edges <- struct{}{}
		time.Sleep(time.Millisecond)
	}
}

// press returns the function that presses the button.
func (p *fakePin) press(_ context.Context, held time.Duration) bool {
	p.to(gpio.Low, 3)
	time.Sleep(held)
	p.to(gpio.High, 3)
	return true
}

// TestEachPressIsOneHoweverTheContactsBounce compares the times with the bounce of the contacts.
func TestEachPressIsOneHoweverTheContactsBounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPin()
		want := []time.Duration{100 * time.Millisecond, 5 * time.Second, 50 * time.Millisecond}
		go func() {
			for _, d := range want {
				p.press(ctx, d)
				time.Sleep(time.Second)
			}
			p.to(gpio.High, 2) // a spark
			time.Sleep(time.Second)
			cancel()
		}()
		var got []time.Duration
		for press := range rpi.NewButton(p.open).Presses(ctx) {
			got = append(got, press.Held.Truncate(50*time.Millisecond))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if p.pull != gpio.PullUp {
			t.Error("a line with nothing on it is not quiet")
		}
	})
}

func TestButtonHeldAtPowerOnIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPin()
		b := rpi.NewButton(p.open)
		if down, err := b.Down(); down || err != nil {
			t.Errorf("got %v, %v", down, err)
		}
		p.to(gpio.Low, 0)
		if down, err := b.Down(); !down || err != nil {
			t.Errorf("held: got %v, %v", down, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			time.Sleep(4 * time.Second)
			p.to(gpio.High, 1)
		}()
		for press := range b.Presses(ctx) {
			if press.Held < 3*time.Second || press.Held > 5*time.Second {
				t.Errorf("held for %v", press.Held)
			}
			cancel()
		}
	})
}

func TestButtonWithoutALineIsSilent(t *testing.T) {
	b := rpi.NewButton(func() (gpio.PinIn, error) { return rpi.FindLine("no such chip", 21) })
	if _, err := b.Down(); err == nil {
		t.Error("a line of no chip is up")
	}
	for range b.Presses(t.Context()) {
		t.Error("it was pressed")
	}
	var _ hal.Button = b
}
