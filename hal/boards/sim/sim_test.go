package sim_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/sim"
)

func TestWatchdogRemembersAndIsHungry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.New(io.Discard)
		dog, err := b.HAL().Watchdog()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.HAL().Watchdog(); err == nil {
			t.Error("it was opened twice")
		}
		time.Sleep(dog.Timeout() / 2)
		if err := dog.Feed(); err != nil {
			t.Error(err)
		}
		time.Sleep(dog.Timeout())
		if times, bites := b.Dog.Fed(); times != 1 || bites {
			t.Errorf("fed %d times, bites %v", times, bites)
		}
		time.Sleep(time.Second)
		if _, bites := b.Dog.Fed(); !bites {
			t.Error("it is not hungry")
		}
	})
}

// TestHotBoardTurnsItsFan goes along the curve and back to the kernel.
func TestHotBoardTurnsItsFan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.New(io.Discard)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- hal.Cool(ctx, b.Fan, b.Oven, hal.Curve{}, func(err error) { t.Error(err) }) }()
		for _, c := range []struct {
			at   hal.MilliCelsius
			want uint8
		}{{40_000, 0}, {78_000, 255}, {74_000, 255}, {20_000, 0}} {
			if err := b.Climate(c.at, 5000); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if got, ok := b.Fan.Duty(); !ok || got != c.want {
				t.Errorf("at %v: got %d, %v, want %d", c.at, got, ok, c.want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, ok := b.Fan.Duty(); ok {
			t.Error("the kernel does not get its fan back")
		}
	})
}

func TestButtonIsHeldOnTheSimulatedBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.New(io.Discard)
		b.Button.Hold()
		time.Sleep(4 * time.Second)
		b.Button.Hold() // it is down already
		if down, err := b.HAL().Button.Down(); !down || err != nil {
			t.Errorf("got %v, %v", down, err)
		}
		go b.Button.Release(t.Context())
		for p := range b.Button.Presses(t.Context()) {
			if p.Held != 4*time.Second {
				t.Errorf("held for %v", p.Held)
			}
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.Button.Hold()
		if b.Button.Release(ctx) {
			t.Error("a press that nobody read was taken")
		}
	})
}
