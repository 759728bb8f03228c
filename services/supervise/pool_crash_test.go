package supervise

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The message that crashes is tried once more, then it is dead, and the entity handles the rest
// of its mail.
func TestPoisonMessageIsDeadLettered(t *testing.T) {
	for name, crash := range map[string]func(context.Context, *testState) error{
		"panic": panicHandler,
		"error": func(context.Context, *testState) error { return errBoom },
		"exit":  func(context.Context, *testState) error { runtime.Goexit(); return nil },
		"nil":   func(context.Context, *testState) error { var p *testState; p.key = ""; return nil },
	} {
		testPool(t, nil, func(t *testing.T, o *poolRig) {
			tries := 0
			o.cast("a", "m1", nil)
			o.cast("a", "poison", func(ctx context.Context, s *testState) error { tries++; return crash(ctx, s) })
			o.cast("a", "m2", nil)
			o.cast("a", "m3", nil)
			o.run()
			o.answers("a", 3)
			if tries != 2 || !slices.Equal(o.deadLetters(), []string{"a poison"}) || o.initCount("a") != 3 {
				t.Fatalf("%s: %d tries, dead %v, inits %v", name, tries, o.deadLetters(), o.initCount("a"))
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
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		o.run()
		tries := 0
		o.cast("a", "flaky", func(ctx context.Context, s *testState) error {
			if tries++; tries == 1 {
				return errBoom
			}
			s.lines = append(s.lines, "flaky")
			return nil
		})
		o.answers("a", 2)
		if tries != 2 || o.deadLetters() != nil {
			t.Fatalf("%d tries, dead %v", tries, o.deadLetters())
		}
		o.stop()
	})
}

func TestBudgetIsPerEntity(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) {
		k.MaxRestarts, k.Period = 3, time.Minute
	}, func(t *testing.T, o *poolRig) {
		o.cast("a", "p1", panicHandler)
		o.cast("a", "p2", panicHandler)
		o.cast("a", "m1", nil)
		o.run()
		synctest.Wait()
		mustBe(t, o.pool.Cast("a", testMessage{}), ErrSpent)
		mustBe(t, o.pool.Urgent("a", testMessage{}), ErrSpent)
		_, err := o.ask("a")
		mustBe(t, err, ErrSpent)
		o.answers("b", 1)
		if want := []string{"a p1", "a p2", "a m1"}; !slices.Equal(o.deadLetters(), want) {
			t.Fatalf("dead %v", o.deadLetters())
		}
		if d := o.decisions(); !slices.Equal(d, []string{Restarted, Buried, Restarted, Spent}) {
			t.Fatalf("decisions %v", d)
		}
		advanceTime(time.Minute)
		o.answers("a", 1)
		o.stop()
	})
}

func TestWaitingMailIsDeadWhenTheBudgetIsSpent(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.MaxRestarts = -1 }, func(t *testing.T, o *poolRig) {
		gate := make(chan struct{})
		o.cast("a", "x", func(context.Context, *testState) error { <-gate; return errBoom })
		o.cast("a", "m", nil)
		o.run()
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if want := []string{"a x", "a m"}; !slices.Equal(o.deadLetters(), want) {
			t.Fatalf("dead %v", o.deadLetters())
		}
		o.stop()
	})
}

// Init fails some times. Mail waits for the back-off, and no message is lost or blamed.
func TestFailingInitKeepsTheMail(t *testing.T) {
	for _, way := range []func() error{
		func() error { return errBoom },
		func() error { panic("boom") },
		func() error { runtime.Goexit(); return nil },
	} {
		testPool(t, nil, func(t *testing.T, o *poolRig) {
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
			if o.deadLetters() != nil {
				t.Fatalf("dead %v", o.deadLetters())
			}
			o.stop()
		})
	}
}

func TestInitThatNeverWorksSpendsTheBudget(t *testing.T) {
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) { k.MaxRestarts = 3 }, func(t *testing.T, o *poolRig) {
		o.initErr = func(string, int) error { return errBoom }
		o.run()
		o.cast("a", "m1", nil)
		o.cast("a", "m2", nil)
		advanceTime(time.Second)
		if o.initCount("a") != 4 || !slices.Equal(o.deadLetters(), []string{"a m1", "a m2"}) {
			t.Fatalf("inits %v, dead %v", o.initCount("a"), o.deadLetters())
		}
		mustBe(t, o.pool.Cast("a", testMessage{}), ErrSpent)
		o.stop()
	})
}

// Init may take its time: mail waits for it.
func TestMailWaitsForInit(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
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

// The context of an incarnation lives as long as the incarnation, and Alive reports it.
func TestContextEndsWithTheIncarnation(t *testing.T) {
	testPool(t, nil, func(t *testing.T, o *poolRig) {
		o.run()
		var ctx, derived context.Context
		keep := func(c context.Context, _ *testState) error {
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
		mustBe(t, o.try("a", "x", panicHandler), errNotDone)
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
	testPool(t, func(_ *poolRig, k *Kind[string, testState, testMessage]) {
		k.Dead = func(string, testMessage, Report) { panic("dead") }
		k.Describe = func(testMessage) string { panic("describe") }
		k.Observe = func(Report) { panic("observe") }
	}, func(t *testing.T, o *poolRig) {
		o.run()
		o.cast("a", "x", panicHandler)
		o.answers("a", 1)
		o.stop()
	})
}

func TestExitInDeadAndSave(t *testing.T) {
	testPool(t, func(o *poolRig, k *Kind[string, testState, testMessage]) {
		k.Dead = func(string, testMessage, Report) { runtime.Goexit() }
		k.Observe = func(Report) { runtime.Goexit() }
		k.Idle = time.Minute
		o.saveErr = func(*testState) error { runtime.Goexit(); return nil }
	}, func(t *testing.T, o *poolRig) {
		o.run()
		o.cast("a", "x", panicHandler)
		o.answers("a", 1)
		o.answers("b", 1)
		advanceTime(time.Hour)
		if o.pool.Len() != 0 {
			t.Fatal("still there")
		}
		o.answers("b", 1)
		o.stop()
	})
}
