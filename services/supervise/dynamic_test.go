package supervise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// child_adm: start, stop, restart, and the errors of each.
func TestChildAdm(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("a", Permanent)}})
		ctx := t.Context()
		for _, step := range []struct {
			name string
			do   func() error
			want error
			log  []string
		}{
			{"an id is taken", func() error { return w.sup.Start(ctx, w.child("a", Permanent)) }, ErrTaken, []string{"start a"}},
			{"an unknown id", func() error { return w.sup.Stop("q") }, ErrMissing, nil},
			{"restart an unknown id", func() error { return w.sup.Restart("q") }, ErrMissing, nil},
			{"a bad child", func() error { return w.sup.Start(ctx, Child{ID: "q"}) }, ErrSpec, nil},
			{"start", func() error { return w.sup.Start(ctx, w.child("d", Permanent)) }, nil, []string{"start d"}},
			{"restart", func() error { return w.sup.Restart("d") }, nil, []string{"stop d", "start d"}},
			{"stop", func() error { return w.sup.Stop("d") }, nil, []string{"stop d"}},
			{"it is gone", func() error { return w.sup.Stop("d") }, ErrMissing, nil},
			{"its id is free", func() error { return w.sup.Start(ctx, w.child("d", Permanent)) }, nil, []string{"start d"}},
			{"a static one stops", func() error { return w.sup.Stop("a") }, nil, []string{"stop a"}},
			{"stop again", func() error { return w.sup.Stop("a") }, nil, nil},
			{"and stays on the list", func() error { return w.sup.Start(ctx, w.child("a2", Temporary)) }, nil, []string{"start a2"}},
			{"a static one comes back", func() error { return w.sup.Restart("a") }, nil, nil},
			{"start fails", func() error { return w.sup.Start(ctx, w.failing("f", 1)) }, ErrStart, []string{"fail f"}},
			{"and is not kept", func() error { return w.sup.Stop("f") }, ErrMissing, nil},
		} {
			if err := step.do(); !errors.Is(err, step.want) {
				t.Fatalf("%s: %v, want %v", step.name, err, step.want)
			}
			synctest.Wait()
			if step.name == "a static one comes back" {
				w.is("a", "running")
				w.log = nil
				continue
			}
			w.logged(step.log...)
		}
		w.decided()
		w.stop()
		if err := w.sup.Start(ctx, w.child("late", Permanent)); !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
	})
}

// While the supervisor starts, a child that is up can be restarted, and a child that waits
// keeps its turn.
func TestRestartWhileTheSupervisorStarts(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		slow := w.child("slow", Permanent)
		inner := slow.Start
		slow.Start = func(ctx context.Context, ready func()) error {
			time.Sleep(time.Second)
			return inner(ctx, ready)
		}
		w.run(Spec{Children: []Child{w.child("a", Permanent), slow, w.child("b", Permanent)}})
		w.logged("start a")
		if err := w.sup.Restart("a"); err != nil {
			t.Fatal(err)
		}
		if err := w.sup.Restart("b"); !errors.Is(err, ErrStopped) {
			t.Fatalf("got %v, want %v", err, ErrStopped)
		}
		w.logged("stop a", "start a")
		time.Sleep(time.Second)
		w.logged("start slow", "start b")
		w.stop()
	})
}

// A start waits for ready, and not longer than its context.
func TestStartWaitsForReady(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{})
		slow := func(id string, d time.Duration) Child {
			c := w.child(id, Permanent)
			inner := c.Start
			c.Start = func(ctx context.Context, ready func()) error {
				select {
				case <-time.After(d):
					return inner(ctx, ready)
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return c
		}
		begun := time.Now()
		if err := w.sup.Start(t.Context(), slow("s", time.Second)); err != nil || time.Since(begun) != time.Second {
			t.Fatal(err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.sup.Start(ctx, slow("late", time.Minute)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		w.is("late", "absent")
		w.stop()
	})
}

// A slow start delays no other.
func TestStartsAreIndependent(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{})
		hang := Child{ID: "hang", Start: func(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }}
		failed := make(chan error, 1)
		go func() { failed <- w.sup.Start(t.Context(), hang) }()
		synctest.Wait()
		if err := w.sup.Start(t.Context(), w.child("b", Permanent)); err != nil {
			t.Fatal(err)
		}
		if err := w.sup.Stop("hang"); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		w.stop()
	})
}

func TestCountChildren(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("a", Permanent), w.child("x", Transient)}})
		for n := range 300 {
			if err := w.sup.Start(t.Context(), w.child(fmt.Sprint(n), Permanent)); err != nil {
				t.Fatal(err)
			}
		}
		w.finish("x")
		st := w.sup.Tree()
		if st.Count != 302 || st.Running != 301 || len(st.Children) != 2+maxListed {
			t.Fatalf("count %d, running %d, listed %d", st.Count, st.Running, len(st.Children))
		}
		w.stop()
	})
}

// simple_one_for_one_scale_many_temporary_children: ten thousand come and go, and stop
// together. A slow one costs its own time-out once.
func TestScaleManyTemporaryChildren(t *testing.T) {
	testSupervisor(t, func(t *testing.T, w *supervisorRig) {
		w.run(Spec{Children: []Child{w.child("a", Permanent)}})
		const many = 10_000
		for n := range many {
			c := Run(fmt.Sprint(n), serve(func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				return nil
			}))
			c.Restart = Temporary
			if err := w.sup.Start(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		for n := range many / 2 {
			go func() { _ = w.sup.Stop(fmt.Sprint(n * 2)) }()
		}
		time.Sleep(2 * time.Second)
		if got := w.sup.Tree().Count; got != 1+many/2 {
			t.Fatalf("%d children", got)
		}
		begun := time.Now()
		w.stop()
		if got := time.Since(begun); got != time.Second {
			t.Fatalf("stop took %v", got)
		}
		w.decided()
	})
}

type serve func(context.Context) error

func (f serve) Serve(ctx context.Context) error { return f(ctx) }

// After any mix of simultaneous requests nothing runs at the end, and the list matches the
// requests.
func TestRandomAdministration(t *testing.T) {
	for seed := range uint64(15) {
		testSupervisor(t, func(t *testing.T, w *supervisorRig) {
			w.run(Spec{Strategy: Strategy(seed % 3), MaxRestarts: 1 << 20})
			peace := time.Now().Add(10 * time.Second) // no crashes from here on
			const workers = 6
			done := make(chan struct{}, workers)
			for n := range workers {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				go func() {
					defer func() { done <- struct{}{} }()
					for range 60 {
						adminAtRandom(w.sup, r, peace)
					}
				}()
			}
			for range workers {
				<-done
			}
			time.Sleep(time.Minute)
			st := w.sup.Tree()
			if st.Running != st.Count || st.Abandoned != 0 {
				t.Errorf("seed %d: %d of %d run, %d abandoned", seed, st.Running, st.Count, st.Abandoned)
			}
			w.stop()
			if got := w.sup.Tree().Running; got != 0 {
				t.Errorf("seed %d: %d run after the stop", seed, got)
			}
		})
	}
}

func adminAtRandom(s *Supervisor, r *rand.Rand, peace time.Time) {
	id := fmt.Sprint(r.IntN(8))
	life, init := time.Duration(1+r.IntN(100))*time.Millisecond, time.Duration(r.IntN(3))*time.Millisecond
	switch r.IntN(4) {
	case 0, 1:
		_ = s.Start(context.Background(), Child{ID: id, Backoff: Backoff{Min: init}, Start: func(ctx context.Context, ready func()) error {
			time.Sleep(init)
			ready()
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(life):
			}
			if time.Now().After(peace) {
				<-ctx.Done()
				return nil
			}
			panic("of old age")
		}})
	case 2:
		_ = s.Stop(id)
	case 3:
		_ = s.Restart(id)
	}
	time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
}
