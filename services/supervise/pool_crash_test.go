package supervise

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The message that crashes is tried once more, then it is dead, and the entity goes on with
// the rest of its mail.
func TestPoisonMessageIsDeadLettered(t *testing.T) {
	for name, crash := range map[string]func(context.Context, *pad) error{
		"panic": boom,
		"error": func(context.Context, *pad) error { return errBoom },
		"exit":  func(context.Context, *pad) error { runtime.Goexit(); return nil },
		"nil":   func(context.Context, *pad) error { var p *pad; p.key = ""; return nil },
	} {
		pools(t, nil, func(t *testing.T, o *office) {
			tries := 0
			o.cast("a", "m1", nil)
			o.cast("a", "poison", func(ctx context.Context, s *pad) error { tries++; return crash(ctx, s) })
			o.cast("a", "m2", nil)
			o.cast("a", "m3", nil)
			o.run()
			o.answers("a", 3)
			if tries != 2 || !slices.Equal(o.letters(), []string{"a poison"}) || o.inited("a") != 3 {
				t.Fatalf("%s: %d tries, dead %v, inits %v", name, tries, o.letters(), o.inited("a"))
			}
			if d := o.decisions(); !slices.Equal(d, []string{Restarted, Buried}) {
				t.Fatalf("%s: decisions %v", name, d)
			}
			c := o.causes[0]
			if c.Path != "pads" || c.Child != "a" || c.Last != "poison" || c.Restarts != 2 || c.Decision != Buried {
				t.Fatalf("%s: cause %+v", name, c)
			}
			if name != "error" && len(c.Stack) == 0 {
				t.Fatalf("%s: no stack", name)
			}
			o.stop()
		})
	}
}

// A fault that passes: the second try succeeds and nothing is dead.
func TestCrashIsRetriedOnce(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		tries := 0
		o.cast("a", "flaky", func(ctx context.Context, s *pad) error {
			if tries++; tries == 1 {
				return errBoom
			}
			s.lines = append(s.lines, "flaky")
			return nil
		})
		o.answers("a", 2)
		if tries != 2 || o.letters() != nil {
			t.Fatalf("%d tries, dead %v", tries, o.letters())
		}
		o.stop()
	})
}

func TestCallToCrashedReturnsAtOnce(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		begun := time.Now()
		mustBe(t, o.try("a", "x", boom), ErrCrashed)
		if got := time.Since(begun); got != 0 {
			t.Fatalf("waited %v", got)
		}
		o.stop()
	})
}

// A call that waits for a deferred reply fails when a later message crashes the entity.
func TestDeferredCallFailsWithTheCrash(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		failed := make(chan error, 1)
		go func() {
			_, err := Call(t.Context(), o.pool, "a", func(func(int, error)) note { return note{name: "later"} })
			failed <- err
		}()
		synctest.Wait()
		o.cast("a", "x", boom)
		mustBe(t, <-failed, ErrCrashed)
		o.stop()
	})
}

func TestBudgetIsPerEntity(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) {
		k.MaxRestarts, k.Period = 3, time.Minute
	}, func(t *testing.T, o *office) {
		o.cast("a", "p1", boom)
		o.cast("a", "p2", boom)
		o.cast("a", "m1", nil)
		o.run()
		synctest.Wait()
		mustBe(t, o.pool.Cast("a", note{}), ErrSpent)
		mustBe(t, o.pool.Urgent("a", note{}), ErrSpent)
		_, err := o.ask("a")
		mustBe(t, err, ErrSpent)
		o.answers("b", 1)
		if want := []string{"a p1", "a p2", "a m1"}; !slices.Equal(o.letters(), want) {
			t.Fatalf("dead %v", o.letters())
		}
		if d := o.decisions(); !slices.Equal(d, []string{Restarted, Buried, Restarted, Spent}) {
			t.Fatalf("decisions %v", d)
		}
		pass(time.Minute)
		o.answers("a", 1)
		o.stop()
	})
}

func TestWaitingCallFailsWhenTheBudgetIsSpent(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.MaxRestarts = -1 }, func(t *testing.T, o *office) {
		gate := make(chan struct{})
		o.cast("a", "x", func(context.Context, *pad) error { <-gate; return errBoom })
		failed := make(chan error, 1)
		o.run()
		go func() { _, err := o.ask("a"); failed <- err }()
		synctest.Wait()
		close(gate)
		mustBe(t, <-failed, ErrSpent)
		o.stop()
	})
}

// Init fails some times: mail waits, with back-off, and none is lost or blamed.
func TestFailingInitKeepsTheMail(t *testing.T) {
	for _, way := range []func() error{
		func() error { return errBoom },
		func() error { panic("boom") },
		func() error { runtime.Goexit(); return nil },
	} {
		pools(t, nil, func(t *testing.T, o *office) {
			o.initErr = func(_ string, n int) error {
				if n <= 4 {
					return way()
				}
				return nil
			}
			o.run()
			o.cast("a", "m", nil)
			begun := time.Now()
			o.answers("a", 2)
			if got := time.Since(begun); got != 150*time.Millisecond { // 10+20+40+80
				t.Fatalf("waited %v", got)
			}
			if o.letters() != nil {
				t.Fatalf("dead %v", o.letters())
			}
			o.stop()
		})
	}
}

func TestInitThatNeverWorksSpendsTheBudget(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) { k.MaxRestarts = 3 }, func(t *testing.T, o *office) {
		o.initErr = func(string, int) error { return errBoom }
		o.run()
		o.cast("a", "m", nil)
		_, err := o.ask("a")
		mustBe(t, err, ErrSpent)
		synctest.Wait()
		if o.inited("a") != 4 || !slices.Equal(o.letters(), []string{"a m", "a ask"}) {
			t.Fatalf("inits %v, dead %v", o.inited("a"), o.letters())
		}
		o.stop()
	})
}

// Init may take its time: mail waits for it.
func TestMailWaitsForInit(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.initErr = func(string, int) error { time.Sleep(50 * time.Millisecond); return nil }
		o.run()
		o.cast("a", "m", nil)
		begun := time.Now()
		o.answers("a", 2)
		if got := time.Since(begun); got != 50*time.Millisecond {
			t.Fatalf("waited %v", got)
		}
		o.stop()
	})
}

// The context of an incarnation lives as long as the incarnation, and Alive tells.
func TestContextEndsWithTheIncarnation(t *testing.T) {
	pools(t, nil, func(t *testing.T, o *office) {
		o.run()
		var ctx, derived context.Context
		keep := func(c context.Context, _ *pad) error {
			var cancel context.CancelFunc
			ctx = c
			derived, cancel = context.WithTimeout(c, time.Hour)
			context.AfterFunc(derived, cancel)
			return nil
		}
		alive := func(want bool) {
			t.Helper()
			synctest.Wait()
			if Alive(ctx) != want || Alive(derived) != want || (ctx.Err() == nil) != want || (derived.Err() == nil) != want {
				t.Fatalf("alive %t %t, err %v %v", Alive(ctx), Alive(derived), ctx.Err(), derived.Err())
			}
		}
		mustBe(t, o.try("a", "keep", keep), nil)
		alive(true)
		mustBe(t, o.try("a", "x", boom), ErrCrashed)
		alive(false)
		o.answers("a", 1)
		mustBe(t, o.try("a", "keep", keep), nil)
		alive(true)
		o.pool.Stop("a")
		alive(false)
		mustBe(t, o.try("a", "keep", keep), nil)
		o.stop()
		alive(false)
	})
}

// A panicking Dead, Describe or Observe harms nothing.
func TestPanickingCallbacks(t *testing.T) {
	pools(t, func(_ *office, k *Kind[string, pad, note]) {
		k.Dead = func(string, note, Report) { panic("dead") }
		k.Describe = func(note) string { panic("describe") }
		k.Observe = func(Report) { panic("observe") }
	}, func(t *testing.T, o *office) {
		o.run()
		o.cast("a", "x", boom)
		o.answers("a", 1)
		o.stop()
	})
}

func TestExitInDeadAndSave(t *testing.T) {
	pools(t, func(o *office, k *Kind[string, pad, note]) {
		k.Dead = func(string, note, Report) { runtime.Goexit() }
		k.Observe = func(Report) { runtime.Goexit() }
		k.Idle = time.Minute
		o.saveErr = func(*pad) error { runtime.Goexit(); return nil }
	}, func(t *testing.T, o *office) {
		o.run()
		o.cast("a", "x", boom)
		o.answers("a", 1)
		o.answers("b", 1)
		pass(time.Hour)
		if o.pool.Len() != 0 {
			t.Fatal("still there")
		}
		o.answers("b", 1)
		o.stop()
	})
}
