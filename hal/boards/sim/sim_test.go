package sim_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

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
		if times, bites := b.Watchdog.FeedState(); times != 1 || bites {
			t.Errorf("fed %d times, bites %v", times, bites)
		}
		time.Sleep(time.Second)
		if _, bites := b.Watchdog.FeedState(); !bites {
			t.Error("it is not hungry")
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
			t.Error("a press without a reader was taken")
		}
	})
}
