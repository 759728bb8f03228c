package supervise

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func testHanging(t *testing.T, f func(t *testing.T, o *poolRig)) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.Hang = 8 * time.Second }, f)
}

// A handler that takes too long is fenced: its context ends, the message counts as a crash, a
// new incarnation handles the mail, and the writes of the old one have no effect.
func TestHungHandlerIsFenced(t *testing.T) {
	testHanging(t, func(t *testing.T, o *poolRig) {
		o.run()
		gate := make(chan struct{})
		begun := time.Now()
		fenced := make(chan struct{}, 2)
		stuck := func(ctx context.Context, s *testState) error {
			<-ctx.Done()
			fenced <- struct{}{}
			if Alive(ctx) {
				t.Error("a fenced incarnation is alive")
			}
			<-gate
			s.lines = append(s.lines, "from beyond")
			return nil
		}
		o.cast("a", "stuck", stuck)
		synctest.Wait()
		o.cast("a", "m", nil)
		o.answers("b", 1)
		<-fenced
		if got := time.Since(begun); got < 8*time.Second || got > 10*time.Second {
			t.Fatalf("fenced after %v", got)
		}
		o.answers("a", 2)
		if !slices.Equal(o.deadLetters(), []string{"a stuck"}) || o.pool.Hung() != 2 {
			t.Fatalf("dead %v, %d hung", o.deadLetters(), o.pool.Hung())
		}
		close(gate)
		synctest.Wait()
		if o.pool.Hung() != 0 {
			t.Fatalf("%d hung", o.pool.Hung())
		}
		o.answers("a", 3)
		if d := o.decisions(); !slices.Equal(d, []string{Fenced, Restarted, Fenced, Buried}) {
			t.Fatalf("decisions %v", d)
		}
		o.stop()
		if slices.Contains(o.savedLines("a"), "from beyond") {
			t.Fatal("the fence leaks")
		}
	})
}

// A crash of a fenced handler has no effect.
func TestFencedHandlerMayCrash(t *testing.T) {
	testHanging(t, func(t *testing.T, o *poolRig) {
		o.run()
		var tries atomic.Int32
		o.cast("a", "stuck", func(ctx context.Context, _ *testState) error {
			if tries.Add(1) == 1 {
				<-ctx.Done()
				panic("late")
			}
			return nil
		})
		advanceTime(time.Minute)
		o.answers("a", 1)
		if d := o.decisions(); !slices.Equal(d, []string{Fenced, Restarted}) || o.pool.Hung() != 0 {
			t.Fatalf("decisions %v, %d hung", d, o.pool.Hung())
		}
		o.stop()
	})
}

// A hanging Init is fenced and tried again, and the message is not blamed.
func TestHungInitIsFenced(t *testing.T) {
	var tries atomic.Int32
	testPool(t, func(o *poolRig, k *Kind[string, testState, testMessage]) {
		k.Hang = 8 * time.Second
		k.Init = func(ctx context.Context, key string) (*testState, error) {
			s, err := o.init(ctx, key)
			if tries.Add(1) <= 3 {
				<-ctx.Done()
			}
			return s, err
		}
	}, func(t *testing.T, o *poolRig) {
		o.run()
		o.answers("a", 1)
		if o.deadLetters() != nil || o.initCount("a") != 4 || o.pool.Hung() != 0 {
			t.Fatalf("dead %v, inits %v, %d hung", o.deadLetters(), o.initCount("a"), o.pool.Hung())
		}
		o.stop()
	})
}

// A hanging Save holds up no other entity for longer than Hang.
func TestHungSaveIsFenced(t *testing.T) {
	testPool(t, func(o *poolRig, k *Kind[string, testState, testMessage]) {
		k.Hang, k.Idle = 8*time.Second, time.Minute
	}, func(t *testing.T, o *poolRig) {
		gate := make(chan struct{})
		o.saveErr = func(s *testState) error {
			if s.key == "stuck" {
				<-gate
			}
			return nil
		}
		o.run()
		for _, k := range []string{"stuck", "b", "c", "d", "e"} {
			o.answers(k, 1)
		}
		advanceTime(2 * time.Minute)
		for _, k := range []string{"b", "c", "d", "e"} {
			if o.savedLines(k) == nil {
				t.Fatalf("%s is not saved", k)
			}
		}
		o.answers("stuck", 1)
		close(gate)
		advanceTime(2 * time.Minute)
		if o.pool.Len() != 0 || o.pool.Hung() != 0 {
			t.Fatalf("%d entities, %d hung", o.pool.Len(), o.pool.Hung())
		}
		o.stop()
	})
}

// Many short messages are no hang, however long they last.
func TestBusyIsNotHung(t *testing.T) {
	testHanging(t, func(t *testing.T, o *poolRig) {
		o.run()
		n := 0
		var again func(context.Context, *testState) error
		again = func(context.Context, *testState) error {
			advanceTime(time.Second)
			if n++; n < 100 {
				return o.pool.Cast("a", testMessage{do: again})
			}
			return nil
		}
		o.cast("a", "busy", again)
		advanceTime(time.Hour)
		if n != 100 || len(o.decisions()) != 0 {
			t.Fatalf("%d turns", n)
		}
		o.stop()
	})
}
