package supervise

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func runThree(w *supervisorRig, s Strategy, restarts int) {
	w.run(Spec{
		Strategy: s, MaxRestarts: restarts, Period: time.Hour,
		Children: []Child{w.child("a", Permanent), w.child("b", Permanent), w.child("c", Permanent)},
	})
	w.logged("start a", "start b", "start c")
}

func TestOneForOne(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		runThree(w, OneForOne, 3)
		w.crash("b")
		w.logged("start b")
		w.stop()
		w.logged("stop c", "stop b", "stop a")
	})
}

func TestOneForOneEscalation(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		runThree(w, OneForOne, 1)
		w.crash("b")
		w.crash("a")
		w.ends(ErrIntensity)
		w.logged("start b", "stop c", "stop b")
	})
}

func TestOneForAll(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		runThree(w, OneForAll, 3)
		w.crash("b")
		w.logged("stop c", "stop a", "start a", "start b", "start c")
		w.decided("b group")
		w.stop()
	})
}

func TestOneForAllEscalation(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		runThree(w, OneForAll, 1)
		w.crash("b")
		w.logged("stop c", "stop a", "start a", "start b", "start c")
		w.crash("c")
		w.ends(ErrIntensity)
		w.logged("stop b", "stop a")
		w.decided("b group", "c escalated")
	})
}

// otherFails: b crashes, and in the restart c fails to start n times.
func otherFails(w *supervisorRig, s Strategy, n int) {
	c := w.child("c", Permanent)
	inner, starts := c.Start, 0
	c.Start = func(ctx context.Context, ready func()) error {
		if starts++; starts > 1 && starts <= 1+n {
			w.note("fail c")
			return errBoom
		}
		return inner(ctx, ready)
	}
	w.run(Spec{
		Strategy: s, MaxRestarts: 3, Period: time.Hour,
		Children: []Child{w.child("a", Permanent), w.child("b", Permanent), c},
	})
	w.logged("start a", "start b", "start c")
	w.crash("b")
}

func TestOneForAllOtherChildFailsRestart(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		otherFails(w, OneForAll, 1)
		w.logged("stop c", "stop a", "start a", "start b", "fail c", "stop b", "stop a", "start a", "start b", "start c")
		w.stop()
	})
}

func TestOneForAllOtherChildFailsRestartEscalation(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		otherFails(w, OneForAll, 100)
		w.ends(ErrIntensity)
		w.decided("b group", "c group", "c group", "c escalated")
	})
}

func TestRestForOne(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		runThree(w, RestForOne, 3)
		w.crash("b")
		w.logged("stop c", "start b", "start c")
		w.crash("c")
		w.logged("start c")
		w.stop()
		w.logged("stop c", "stop b", "stop a")
	})
}

func TestRestForOneEscalation(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		runThree(w, RestForOne, 1)
		w.crash("a")
		w.logged("stop c", "stop b", "start a", "start b", "start c")
		w.crash("b")
		w.ends(ErrIntensity)
		w.logged("stop c", "stop a")
	})
}

func TestRestForOneOtherChildFailsRestart(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		otherFails(w, RestForOne, 1)
		w.logged("stop c", "start b", "fail c", "start c")
		w.stop()
	})
}

// Escalation: the parent restarts the supervisor that gave up, with fresh children.
func TestEscalationRestartsTheBranch(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		inner := New(Spec{
			Name: "inner", MaxRestarts: 1, Period: time.Hour,
			Children: []Child{w.child("x", Permanent), w.child("y", Permanent)},
		})
		w.run(Spec{MaxRestarts: 1, Period: time.Hour, Children: []Child{Run("in", inner), w.child("b", Permanent)}})
		if err := inner.Start(t.Context(), w.child("dyn", Permanent)); err != nil {
			t.Fatal(err)
		}
		w.logged("start x", "start y", "start b", "start dyn")
		w.crash("x")
		w.logged("start x")
		w.crash("x")
		w.logged("stop dyn", "stop y", "start x", "start y")
		w.decided("x restarted", "x escalated", "in restarted")
		for range 2 {
			w.crash("x")
		}
		w.ends(ErrIntensity)
	})
}

// hanging_restart_loop: a child that hangs in its restart blocks neither the other
// requests nor the stop.
func TestHangingRestartLoop(t *testing.T) {
	for _, s := range []Strategy{OneForOne, OneForAll} {
		testSupervisor(t, func(t *testing.T, w *supervisorRig) {
			c := w.child("x", Permanent)
			inner, starts := c.Start, 0
			c.Start = func(ctx context.Context, ready func()) error {
				if starts++; starts == 1 {
					return inner(ctx, ready)
				}
				<-ctx.Done()
				return ctx.Err()
			}
			w.run(Spec{Strategy: s, Children: []Child{c, w.child("b", Permanent)}})
			w.crash("x")
			w.is("x", "starting")
			if err := w.sup.Start(t.Context(), w.child("dyn", Permanent)); err != nil {
				t.Fatal(err)
			}
			if err := w.sup.Stop("dyn"); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := w.stop(); err != nil || time.Since(begun) != 0 {
				t.Fatalf("stop took %v: %v", time.Since(begun), err)
			}
		})
	}
}

// child_unlink: a child that ignores its context is left behind and replaced, and its late end
// changes nothing.
func TestChildUnlink(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		release := make(chan struct{})
		deaf := w.deaf("d", time.Second, release)
		w.run(Spec{Strategy: OneForAll, Children: []Child{w.child("a", Permanent), deaf}})
		w.logged("start a", "start d")
		w.crash("a")
		time.Sleep(time.Second)
		w.logged("start a", "start d")
		w.decided("a group", "d abandoned")
		if got := w.sup.Tree().Abandoned; got != 1 {
			t.Fatalf("%d abandoned", got)
		}
		w.cancel()
		synctest.Wait()
		close(release)
		w.ends(nil)
		w.decided()
		synctest.Wait()
		if got := w.sup.Tree().Abandoned; got != 0 {
			t.Fatalf("%d abandoned after the end", got)
		}
	})
}

// A crash while the group is being restarted is not lost.
func TestCrashDuringGroupRestart(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		slow := w.child("slow", Permanent)
		inner := slow.Start
		slow.Start = func(ctx context.Context, ready func()) error {
			time.Sleep(time.Second)
			return inner(ctx, ready)
		}
		w.run(Spec{Strategy: OneForAll, Children: []Child{w.child("a", Permanent), slow}})
		time.Sleep(time.Second)
		w.logged("start a", "start slow")
		w.crash("a")
		w.crash("a") // slow is still starting
		time.Sleep(5 * time.Second)
		w.logged("stop slow", "start a", "start slow", "stop slow", "start a", "start slow")
		w.decided("a group", "a group")
		w.stop()
	})
}
