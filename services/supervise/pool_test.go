package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// simple_one_for_one: an entity exists from its first message.
func TestEntityStartsOnFirstMessage(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
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
		if o.pool.Len() != 0 || len(o.kept("a")) != 2 {
			t.Fatalf("after the stop: %d entities, saved %v", o.pool.Len(), o.kept("a"))
		}
	})
}

func TestMailKeepsItsOrderAndUrgentGoesFirst(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		for n := range 3 {
			o.cast("a", fmt.Sprint("m", n), nil)
		}
		for n := range 2 {
			mustBe(t, o.pool.Urgent("a", note{name: fmt.Sprint("u", n)}), nil)
		}
		o.run() // mail that came before Serve waited
		o.stop()
		if want := []string{"u0", "u1", "m0", "m1", "m2"}; !slices.Equal(o.kept("a"), want) {
			t.Fatalf("got %v, want %v", o.kept("a"), want)
		}
	})
}

func TestFullMailboxIsAnError(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.Mailbox = 3 }, func(t *testing.T, o *office) {
		o.run()
		gate := make(chan struct{})
		o.cast("a", "slow", func(context.Context, *pad) error { <-gate; return nil })
		synctest.Wait()
		for range 3 {
			o.cast("a", "m", nil)
		}
		mustBe(t, o.pool.Cast("a", note{}), ErrFull)
		_, err := o.ask("a")
		mustBe(t, err, ErrFull)
		for range 100 {
			mustBe(t, o.pool.Urgent("a", note{name: "u"}), nil)
		}
		mustBe(t, o.pool.Cast("b", note{}), nil)
		close(gate)
		synctest.Wait()
		o.answers("a", 104)
		o.stop()
	})
}

// simple_one_for_one_shutdown: what is in the mailboxes is handled and saved, and no more
// is taken.
func TestStopDrainsAndSaves(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		for k := range 200 {
			for range 10 {
				o.cast(fmt.Sprint(k), "m", func(_ context.Context, s *pad) error {
					time.Sleep(10 * time.Millisecond)
					s.lines = append(s.lines, "m")
					return nil
				})
			}
		}
		o.cancel()
		time.Sleep(time.Millisecond)
		mustBe(t, o.pool.Cast("a", note{}), ErrStopped)
		mustBe(t, o.pool.Urgent("none", note{}), ErrStopped)
		mustBe(t, o.pool.Urgent("7", note{name: "commit"}), nil)
		<-o.done
		mustBe(t, o.pool.Urgent("7", note{}), ErrStopped)
		for k := range 200 {
			if got := len(o.kept(fmt.Sprint(k))); got != 10 && k != 7 || k == 7 && got != 11 {
				t.Fatalf("entity %d saved %d lines", k, got)
			}
		}
	})
}

func TestStopIsBounded(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.Drain = time.Second }, func(t *testing.T, o *office) {
		o.run()
		gate := make(chan struct{})
		o.cast("a", "stuck", func(ctx context.Context, _ *pad) error { <-gate; return nil })
		failed := make(chan error, 1)
		go func() { _, err := o.ask("a"); failed <- err }()
		o.cast("b", "m", nil)
		synctest.Wait()
		if got := o.stop(); got != time.Second {
			t.Fatalf("stop took %v", got)
		}
		mustBe(t, <-failed, ErrStopped)
		if d := o.decisions(); !slices.Equal(d, []string{Abandoned}) {
			t.Fatalf("decisions %v", d)
		}
		if o.pool.Hung() != 1 || len(o.kept("b")) != 1 {
			t.Fatalf("%d hung, saved %v", o.pool.Hung(), o.kept("a"))
		}
		close(gate)
		synctest.Wait()
		if o.pool.Hung() != 0 {
			t.Fatal("the late end is not counted")
		}
	})
}

// A reply may be given after the handler returned; the stop waits for it.
func TestDeferredReply(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.Idle = time.Minute }, func(t *testing.T, o *office) {
		o.run()
		replies := make(chan func(int, error), 1)
		answer := make(chan int, 1)
		go func() {
			n, err := Call(t.Context(), o.pool, "a", func(reply func(int, error)) note {
				return note{do: func(context.Context, *pad) error { replies <- reply; return nil }}
			})
			mustBe(t, err, nil)
			answer <- n
		}()
		reply := <-replies
		pass(time.Hour)
		if o.pool.Len() != 1 {
			t.Fatal("left memory while a call was unanswered")
		}
		o.cancel()
		pass(time.Second)
		reply(7, nil)
		reply(8, errBoom)
		if got := <-answer; got != 7 {
			t.Fatalf("got %d", got)
		}
		mustBe(t, <-o.done, nil)
	})
}

func TestCallEndsWithItsContext(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := Call(ctx, o.pool, "a", func(func(int, error)) note { return note{name: "no reply"} })
		mustBe(t, err, context.DeadlineExceeded)
		o.answers("a", 2)
		o.stop()
	})
}

// There is no such entity: callers hear it at once, and nothing is charged.
func TestIgnoredEntity(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		none := errors.New("no such pad")
		o.initErr = func(string, int) error { return fmt.Errorf("%w: %w", none, ErrIgnore) }
		o.run()
		_, err := o.ask("a")
		mustBe(t, err, none)
		if o.pool.Len() != 0 || len(o.decisions()) != 0 {
			t.Fatal("it left a trace")
		}
		o.stop()
	})
}

func TestIdleEntityIsSavedAndComesBack(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.Idle = time.Minute }, func(t *testing.T, o *office) {
		o.run()
		for range 4 {
			o.cast("busy", "m", nil)
			o.answers("a", 1)
			pass(55 * time.Second)
			if o.pool.Len() != 2 {
				t.Fatal("too early")
			}
			o.cast("busy", "m", nil)
			pass(25 * time.Second)
			if o.pool.Len() != 1 || len(o.kept("a")) != 1 {
				t.Fatalf("%d entities, saved %v", o.pool.Len(), o.kept("a"))
			}
			o.forget("a")
		}
		if o.inited("a") != 4 || o.inited("busy") != 1 {
			t.Fatalf("inits %v", o.inited("a"))
		}
		if len(o.decisions()) != 0 {
			t.Fatal("passivation is no crash")
		}
		o.stop()
	})
}

// Mail that comes while the entity is being saved keeps it in memory.
func TestMailDuringSaveIsNotLost(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.Idle, k.Drain = time.Minute, time.Minute }, func(t *testing.T, o *office) {
		o.saveErr = func(*pad) error { time.Sleep(5 * time.Second); return nil }
		o.run()
		o.answers("a", 1)
		pass(70 * time.Second)
		o.answers("a", 2)
		if o.inited("a") != 1 {
			t.Fatal("it was rebuilt")
		}
		pass(time.Hour)
		o.answers("a", 3)
		if o.inited("a") != 2 {
			t.Fatalf("inits %v", o.inited("a"))
		}
		o.stop()
	})
}

// An idle entity that cannot be saved stays in memory and is tried again.
func TestFailingSaveKeepsTheState(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.Idle = time.Minute }, func(t *testing.T, o *office) {
		fails := 2
		o.saveErr = func(*pad) error {
			if fails--; fails >= 0 {
				return errBoom
			}
			return nil
		}
		o.run()
		o.answers("a", 1)
		pass(150 * time.Second)
		if o.pool.Len() != 1 || o.kept("a") != nil {
			t.Fatal("not kept")
		}
		pass(time.Hour)
		if o.pool.Len() != 0 || len(o.kept("a")) != 1 {
			t.Fatal("not tried again")
		}
		if d := o.decisions(); !slices.Equal(d, []string{Unsaved, Unsaved}) {
			t.Fatalf("decisions %v", d)
		}
		o.stop()
	})
}

func TestStopEntity(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		o.pool.Stop("unknown")
		o.answers("a", 1)
		o.pool.Stop("a")
		synctest.Wait()
		if o.pool.Len() != 0 || len(o.kept("a")) != 1 {
			t.Fatal("not stopped")
		}
		o.cast("a", "slow", func(context.Context, *pad) error { time.Sleep(time.Second); return nil })
		o.cast("a", "m", nil)
		o.pool.Stop("a")
		pass(2 * time.Second)
		if o.pool.Len() != 0 || len(o.kept("a")) != 2 {
			t.Fatalf("saved %v", o.kept("a"))
		}
		o.answers("a", 3)
		o.stop()
	})
}

// A pool that is served again begins anew.
func TestPoolServesAgain(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		for n := range 3 {
			o.run()
			o.answers("a", n+1)
			o.stop()
			mustBe(t, o.pool.Cast("a", note{}), ErrStopped)
		}
		if o.inited("a") != 3 {
			t.Fatalf("inits %v", o.inited("a"))
		}
	})
}
