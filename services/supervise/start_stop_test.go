package supervise

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of this and the next files carry the names of Erlang/OTP's supervisor_SUITE,
// whose behaviours they follow.

func TestSupStartNormal(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("a", Permanent), w.child("b", Permanent)}})
		w.logged("start a", "start b")
		w.is("a", "running")
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.logged("stop b", "stop a")
		w.decided()
	})
}

// A child starts only after the one before it acknowledged.
func TestSupStartIsAcknowledged(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		slow := w.child("slow", Permanent)
		inner := slow.Start
		slow.Start = func(ctx context.Context, ready func()) error {
			w.note("init slow")
			time.Sleep(time.Second)
			return inner(ctx, ready)
		}
		w.run(Spec{Children: []Child{slow, w.child("b", Permanent)}})
		w.logged("init slow")
		w.is("b", "waiting")
		time.Sleep(time.Second)
		w.logged("start slow", "start b")
		w.stop()
	})
}

func TestSupStartIgnoreInit(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		ignore := Child{ID: "i", Start: func(context.Context, func()) error { return ErrIgnore }}
		w.run(Spec{Children: []Child{ignore, w.child("b", Permanent)}})
		w.is("i", "ignored")
		w.is("b", "running")
		w.decided()
		w.stop()
	})
}

// A child that fails in its start ends the supervisor, and those before it stop.
func TestSupStartFail(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("a", Permanent), w.failing("b", 1), w.child("c", Permanent)}})
		w.ends(ErrStart)
		w.logged("start a", "fail b", "stop a")
		w.decided("b start_failed")
	})
}

// A permanent child that returns before it was ready has failed in its start.
func TestSupStartReturnsEarly(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		early := Child{ID: "e", Start: func(context.Context, func()) error { return nil }}
		w.run(Spec{Children: []Child{early}})
		w.ends(ErrStart)
	})
}

func TestSupStopDuringStart(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		never := Child{ID: "n", Start: func(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }}
		w.run(Spec{Children: []Child{w.child("a", Permanent), never, w.child("c", Permanent)}})
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.logged("start a", "stop a")
		w.decided()
	})
}

func TestSupStopInfinity(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		release := make(chan struct{})
		w.run(Spec{Children: []Child{w.deaf("d", Infinity, release)}})
		time.AfterFunc(24*time.Hour, func() { close(release) })
		begun := time.Now()
		w.stop()
		if got := time.Since(begun); got != 24*time.Hour {
			t.Fatalf("waited %v", got)
		}
		w.decided()
	})
}

func TestSupStopTimeout(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		release := make(chan struct{})
		defer close(release)
		w.run(Spec{Children: []Child{w.child("a", Permanent), w.deaf("d", time.Second, release)}})
		begun := time.Now()
		w.stop()
		if got := time.Since(begun); got != time.Second {
			t.Fatalf("waited %v", got)
		}
		w.logged("start a", "start d", "stop a")
		w.decided("d abandoned")
		if got := w.sup.Tree().Abandoned; got != 1 {
			t.Fatalf("%d abandoned", got)
		}
	})
}

func TestSupStopDefaultIsFiveSeconds(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		release := make(chan struct{})
		defer close(release)
		w.run(Spec{Children: []Child{w.deaf("d", 0, release)}})
		begun := time.Now()
		w.stop()
		if got := time.Since(begun); got != 5*time.Second {
			t.Fatalf("waited %v", got)
		}
	})
}

// A goroutine cannot be killed: it is left behind at once, and reported.
func TestSupStopBrutalKill(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		release := make(chan struct{})
		w.run(Spec{Children: []Child{w.deaf("d", BrutalKill, release)}})
		begun := time.Now()
		w.stop()
		if got := time.Since(begun); got != 0 {
			t.Fatalf("waited %v", got)
		}
		w.decided("d abandoned")
		close(release)
		synctest.Wait()
		if got := w.sup.Tree().Abandoned; got != 0 {
			t.Fatalf("%d abandoned after its end", got)
		}
	})
}

func TestStopIsInReverseOrder(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Strategy: RestForOne, Children: []Child{w.child("a", Permanent), w.child("b", Permanent)}})
		for _, id := range []string{"c", "d"} {
			if err := w.sup.Start(t.Context(), w.child(id, Permanent)); err != nil {
				t.Fatal(err)
			}
		}
		w.logged("start a", "start b", "start c", "start d")
		w.stop()
		w.logged("stop d", "stop c", "stop b", "stop a")
	})
}

// An error during the stop is reported, the end of a context is not.
func TestSupStopReportsFailingStop(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		serve := func(err error) func(context.Context, func()) error {
			return func(ctx context.Context, ready func()) error { ready(); <-ctx.Done(); return err }
		}
		w.run(Spec{Children: []Child{{ID: "a", Start: serve(context.Canceled)}, {ID: "b", Start: serve(errBoom)}}})
		w.stop()
		w.decided("b stopped")
	})
}

func TestSupFlags(t *testing.T) {
	ok := func(context.Context, func()) error { return nil }
	for _, spec := range []Spec{
		{Children: []Child{{Start: ok}}},
		{Children: []Child{{ID: "a"}}},
		{Children: []Child{{ID: "a", Start: ok}, {ID: "a", Start: ok}}},
		{Children: []Child{{ID: "a", Start: ok, Restart: 9}}},
		{Children: []Child{{ID: "a", Start: ok, Shutdown: -7}}},
		{Strategy: OneForAll, Each: true},
		{Strategy: 9},
	} {
		if err := New(spec).Serve(t.Context()); !errors.Is(err, ErrSpec) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

// tree: supervisors are children. Paths and observers go down, errors go up.
func TestTree(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		leaf := w.child("leaf", Permanent)
		inner := New(Spec{Name: "inner", Children: []Child{leaf}})
		w.run(Spec{Children: []Child{Run("in", inner), w.child("b", Permanent)}})
		w.logged("start leaf", "start b")
		w.fail("leaf")
		synctest.Wait()
		if r := w.reports[0]; r.Path != "root/inner" || r.Child != "leaf" || !errors.Is(r.Err, errBoom) {
			t.Fatalf("report %+v", r)
		}
		in := w.sup.Tree().Children[0]
		if in.Name != "in" || len(in.Children) != 1 || in.Children[0].Restarts != 1 ||
			!strings.Contains(in.Children[0].LastError, "boom") {
			t.Fatalf("tree %+v", in)
		}
		w.logged("start leaf")
		w.stop()
		w.logged("stop b", "stop leaf")
	})
}

func TestSupCannotServeTwice(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{})
		if err := w.sup.Serve(t.Context()); !errors.Is(err, ErrTaken) {
			t.Fatal(err)
		}
		w.stop()
	})
}
