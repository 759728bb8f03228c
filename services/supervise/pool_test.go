package supervise

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// simple_one_for_one: an entity exists from its first message.
func TestEntityStartsOnFirstMessage(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		o.run()
		o.answers("a", 1)
		o.answers("a", 2)
		o.answers("b", 1)
		keys := o.pool.Keys()
		slices.Sort(keys)
		if !slices.Equal(keys, []string{"a", "b"}) || o.pool.Len() != 2 {
			t.Fatalf("keys %v", keys)
		}
		o.stop()
		if o.pool.Len() != 0 || len(o.savedLines("a")) != 2 {
			t.Fatalf("after the stop: %d entities, saved %v", o.pool.Len(), o.savedLines("a"))
		}
	})
}

func TestMailKeepsItsOrderAndUrgentGoesFirst(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		for n := range 3 {
			o.cast("a", fmt.Sprint("m", n), nil)
		}
		for n := range 2 {
			mustBe(t, o.pool.Urgent("a", testMessage{name: fmt.Sprint("u", n)}), nil)
		}
		o.run() // mail that came before Serve waited
		o.stop()
		if want := []string{"u0", "u1", "m0", "m1", "m2"}; !slices.Equal(o.savedLines("a"), want) {
			t.Fatalf("got %v, want %v", o.savedLines("a"), want)
		}
	})
}

func TestFullMailboxIsAnError(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.Mailbox = 3 }, func(t *testing.T, o *poolRig) {
		o.run()
		gate := make(chan struct{})
		o.cast("a", "slow", func(context.Context, *testState) error { <-gate; return nil })
		synctest.Wait()
		for range 3 {
			o.cast("a", "m", nil)
		}
		mustBe(t, o.pool.Cast("a", testMessage{}), ErrFull)
		_, err := o.ask("a")
		mustBe(t, err, ErrFull)
		for range 100 {
			mustBe(t, o.pool.Urgent("a", testMessage{name: "u"}), nil)
		}
		mustBe(t, o.pool.Cast("b", testMessage{}), nil)
		close(gate)
		synctest.Wait()
		o.answers("a", 104)
		o.stop()
	})
}

// simple_one_for_one_shutdown: the mail in the mailboxes is handled and saved, and no more is
// taken.
func TestStopDrainsAndSaves(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		o.run()
		for k := range 200 {
			for range 10 {
				o.cast(fmt.Sprint(k), "m", func(_ context.Context, s *testState) error {
					time.Sleep(10 * time.Millisecond)
					s.lines = append(s.lines, "m")
					return nil
				})
			}
		}
		o.cancel()
		time.Sleep(time.Millisecond)
		mustBe(t, o.pool.Cast("a", testMessage{}), ErrStopped)
		mustBe(t, o.pool.Urgent("none", testMessage{}), ErrStopped)
		mustBe(t, o.pool.Urgent("7", testMessage{name: "commit"}), nil)
		<-o.done
		mustBe(t, o.pool.Urgent("7", testMessage{}), ErrStopped)
		for k := range 200 {
			if got := len(o.savedLines(fmt.Sprint(k))); got != 10 && k != 7 || k == 7 && got != 11 {
				t.Fatalf("entity %d saved %d lines", k, got)
			}
		}
	})
}

func TestStopIsBounded(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.Drain = time.Second }, func(t *testing.T, o *poolRig) {
		o.run()
		gate := make(chan struct{})
		o.cast("a", "stuck", func(ctx context.Context, _ *testState) error { <-gate; return nil })
		o.cast("a", "m", nil)
		o.cast("b", "m", nil)
		synctest.Wait()
		if got := o.stop(); got != time.Second {
			t.Fatalf("stop took %v", got)
		}
		if got := o.reports[0].Err.Error(); !strings.Contains(got, "2 messages lost") {
			t.Fatal(got)
		}
		if d := o.decisions(); !slices.Equal(d, []string{Abandoned}) {
			t.Fatalf("decisions %v", d)
		}
		if o.pool.Hung() != 1 || len(o.savedLines("b")) != 1 {
			t.Fatalf("%d hung, saved %v", o.pool.Hung(), o.savedLines("a"))
		}
		close(gate)
		synctest.Wait()
		if o.pool.Hung() != 0 {
			t.Fatal("the late end is not counted")
		}
	})
}

// Mail for an entity that does not exist is dropped, and nothing is charged.
func TestIgnoredEntity(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		o.initErr = func(string, int) error { return fmt.Errorf("no such pad: %w", ErrIgnore) }
		o.run()
		o.cast("a", "m", nil)
		synctest.Wait()
		if o.pool.Len() != 0 || len(o.decisions()) != 0 || o.deadLetters() != nil {
			t.Fatal("it left a trace")
		}
		o.stop()
	})
}

func TestIdleEntityIsSavedAndComesBack(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.Idle = time.Minute }, func(t *testing.T, o *poolRig) {
		o.run()
		for range 4 {
			o.cast("busy", "m", nil)
			o.answers("a", 1)
			advanceTime(55 * time.Second)
			if o.pool.Len() != 2 {
				t.Fatal("too early")
			}
			o.cast("busy", "m", nil)
			advanceTime(25 * time.Second)
			if o.pool.Len() != 1 || len(o.savedLines("a")) != 1 {
				t.Fatalf("%d entities, saved %v", o.pool.Len(), o.savedLines("a"))
			}
			o.forget("a")
		}
		if o.initCount("a") != 4 || o.initCount("busy") != 1 {
			t.Fatalf("inits %v", o.initCount("a"))
		}
		if len(o.decisions()) != 0 {
			t.Fatal("passivation is no crash")
		}
		o.stop()
	})
}

// Mail that comes while the entity is being saved keeps it in memory.
func TestMailDuringSaveIsNotLost(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.Idle, k.Drain = time.Minute, time.Minute }, func(t *testing.T, o *poolRig) {
		o.saveErr = func(*testState) error { time.Sleep(5 * time.Second); return nil }
		o.run()
		o.answers("a", 1)
		advanceTime(70 * time.Second)
		o.answers("a", 2)
		if o.initCount("a") != 1 {
			t.Fatal("it was rebuilt")
		}
		advanceTime(time.Hour)
		o.answers("a", 3)
		if o.initCount("a") != 2 {
			t.Fatalf("inits %v", o.initCount("a"))
		}
		o.stop()
	})
}

// An idle entity that cannot be saved stays in memory and is tried again.
func TestFailingSaveKeepsTheState(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.Idle = time.Minute }, func(t *testing.T, o *poolRig) {
		fails := 2
		o.saveErr = func(*testState) error {
			if fails--; fails >= 0 {
				return errBoom
			}
			return nil
		}
		o.run()
		o.answers("a", 1)
		advanceTime(150 * time.Second)
		if o.pool.Len() != 1 || o.savedLines("a") != nil {
			t.Fatal("not kept")
		}
		advanceTime(time.Hour)
		if o.pool.Len() != 0 || len(o.savedLines("a")) != 1 {
			t.Fatal("not tried again")
		}
		if d := o.decisions(); !slices.Equal(d, []string{Unsaved, Unsaved}) {
			t.Fatalf("decisions %v", d)
		}
		o.stop()
	})
}

func TestStopEntity(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		o.run()
		o.pool.Stop("unknown")
		o.answers("a", 1)
		o.pool.Stop("a")
		synctest.Wait()
		if o.pool.Len() != 0 || len(o.savedLines("a")) != 1 {
			t.Fatal("not stopped")
		}
		o.cast("a", "slow", func(context.Context, *testState) error { time.Sleep(time.Second); return nil })
		o.cast("a", "m", nil)
		o.pool.Stop("a")
		advanceTime(2 * time.Second)
		if o.pool.Len() != 0 || len(o.savedLines("a")) != 2 {
			t.Fatalf("saved %v", o.savedLines("a"))
		}
		o.answers("a", 3)
		o.stop()
	})
}

// A pool that is served again starts from empty.
func TestPoolServesAgain(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		for n := range 3 {
			o.run()
			o.answers("a", n+1)
			o.stop()
			mustBe(t, o.pool.Cast("a", testMessage{}), ErrStopped)
		}
		if o.initCount("a") != 3 {
			t.Fatalf("inits %v", o.initCount("a"))
		}
	})
}
