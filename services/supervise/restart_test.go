package supervise

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// ways are the ways in which a child ends by itself.
var ways = map[string]func(*supervisorRig, string){
	"normal": (*supervisorRig).finish,
	"shutdown": func(w *supervisorRig, id string) {
		w.order(id, func() error { return fmt.Errorf("enough: %w", ErrShutdown) })
	},
	"abnormal": (*supervisorRig).fail,
	"panic":    (*supervisorRig).crash,
	"goexit":   (*supervisorRig).exit,
}

func checkEnded(t *testing.T, kind Restart, way string, restarts bool) {
	t.Helper()
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("a", Permanent), w.child("x", kind)}})
		w.logged("start a", "start x")
		ways[way](w, "x")
		if restarts {
			w.logged("start x")
			w.is("x", "running")
			w.decided("x restarted")
		} else {
			w.logged()
			w.is("x", "finished")
		}
		w.is("a", "running")
		w.stop()
	})
}

func TestPermanentNormal(t *testing.T)   { checkEnded(t, Permanent, "normal", true) }
func TestPermanentShutdown(t *testing.T) { checkEnded(t, Permanent, "shutdown", true) }
func TestPermanentAbnormal(t *testing.T) { checkEnded(t, Permanent, "abnormal", true) }
func TestPermanentPanic(t *testing.T)    { checkEnded(t, Permanent, "panic", true) }
func TestGoexitIsACrash(t *testing.T)    { checkEnded(t, Transient, "goexit", true) }
func TestTransientNormal(t *testing.T)   { checkEnded(t, Transient, "normal", false) }
func TestTransientShutdown(t *testing.T) { checkEnded(t, Transient, "shutdown", false) }
func TestTransientAbnormal(t *testing.T) { checkEnded(t, Transient, "abnormal", true) }
func TestTransientPanic(t *testing.T)    { checkEnded(t, Transient, "panic", true) }
func TestTemporaryNormal(t *testing.T)   { checkEnded(t, Temporary, "normal", false) }
func TestTemporaryShutdown(t *testing.T) { checkEnded(t, Temporary, "shutdown", false) }
func TestTemporaryAbnormal(t *testing.T) { checkEnded(t, Temporary, "abnormal", false) }
func TestTemporaryPanic(t *testing.T)    { checkEnded(t, Temporary, "panic", false) }

// temporary_bystander: a temporary child that goes down with its siblings stays down.
func TestTemporaryBystander(t *testing.T) {
	for _, strategy := range []Strategy{OneForAll, RestForOne} {
		testSupervisor(t, func(t *testing.T, w *supervisorRig) {
			w.run(Spec{Strategy: strategy, Children: []Child{w.child("a", Permanent), w.child("temp", Temporary)}})
			if err := w.sup.Start(t.Context(), w.child("dyn", Temporary)); err != nil {
				t.Fatal(err)
			}
			w.logged("start a", "start temp", "start dyn")
			w.crash("a")
			w.logged("stop dyn", "stop temp", "start a")
			w.is("temp", "stopped")
			w.is("dyn", "absent")
			w.stop()
		})
	}
}

func TestMultipleRestarts(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{MaxRestarts: 3, Period: time.Minute, Children: []Child{w.child("x", Permanent)}})
		for range 3 {
			w.crash("x")
			w.is("x", "running")
		}
		time.Sleep(time.Minute) // the three are forgotten
		for range 3 {
			w.fail("x")
			w.is("x", "running")
		}
		if got := w.sup.Tree().Children[0].Restarts; got != 6 {
			t.Fatalf("%d restarts", got)
		}
		w.stop()
	})
}

func TestIntensityExceededEndsTheSupervisor(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{MaxRestarts: 2, Period: time.Minute, Children: []Child{w.child("a", Permanent), w.child("x", Permanent)}})
		w.logged("start a", "start x")
		w.crash("x")
		w.crash("x")
		w.crash("x")
		w.ends(ErrIntensity)
		w.logged("start x", "start x", "stop a")
		w.decided("x restarted", "x restarted", "x escalated")
	})
}

func TestNegativeIntensityAllowsNone(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{MaxRestarts: -1, Children: []Child{w.child("x", Permanent)}})
		w.fail("x")
		w.ends(ErrIntensity)
	})
}

// A temporary child's crash counts in no budget.
func TestTemporaryCountsNot(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{MaxRestarts: -1})
		for n := range 20 {
			id := fmt.Sprint(n)
			if err := w.sup.Start(t.Context(), w.child(id, Temporary)); err != nil {
				t.Fatal(err)
			}
			w.crash(id)
			w.is(id, "absent")
		}
		w.stop()
	})
}

func TestBackoffDoublesAndForgets(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		c := w.child("x", Permanent)
		c.Backoff = Backoff{Min: time.Second, Max: 3 * time.Second}
		w.run(Spec{MaxRestarts: 100, Children: []Child{c}})
		w.logged("start x")
		for _, d := range []time.Duration{1, 2, 3, 3} {
			w.crash("x")
			w.is("x", "waiting")
			time.Sleep(d*time.Second - 1)
			w.logged()
			time.Sleep(time.Nanosecond)
			w.logged("start x")
		}
		time.Sleep(time.Minute)
		w.crash("x")
		time.Sleep(time.Second)
		w.logged("start x")
		w.crash("x")
		begun := time.Now()
		w.stop()
		if time.Since(begun) != 0 {
			t.Fatal("the back-off delayed the stop")
		}
		w.logged()
	})
}

// Each: one child's budget is its own.
func TestBudgetPerChildEscalatesNot(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{
			Each: true, MaxRestarts: 1, Period: time.Minute,
			Children: []Child{w.child("a", Permanent), w.child("x", Permanent)},
		})
		w.crash("x")
		w.crash("a")
		w.crash("x")
		w.is("x", "spent")
		w.is("a", "running")
		w.decided("x restarted", "a restarted", "x spent")
		if err := w.sup.Restart("x"); err != nil {
			t.Fatal(err)
		}
		w.is("x", "running")
		w.stop()
	})
}

func TestReportTellsPanicStackAndCount(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("x", Permanent)}})
		w.crash("x")
		w.exit("x")
		synctest.Wait()
		r := w.reports[0]
		if r.Panic != "x was ordered to" || r.Restarts != 0 || !bytes.Contains(r.Stack, []byte("rig_test.go")) {
			t.Fatalf("report %+v\n%s", r, r.Stack)
		}
		r = w.reports[1]
		if !errors.Is(r.Err, ErrExited) || r.Restarts != 1 || len(r.Stack) == 0 {
			t.Fatalf("report %+v\n%s", r, r.Stack)
		}
		w.stop()
	})
}
