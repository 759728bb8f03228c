package supervise

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errBoom = errors.New("boom")

// supervisorRig is a supervisor in a synctest bubble with children that follow orders.
type supervisorRig struct {
	t      *testing.T
	sup    *Supervisor
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	log     []string
	orders  map[string]chan func() error
	reports []Report
	starts  map[string]int
}

func newSupervisorRig(t *testing.T) *supervisorRig {
	return &supervisorRig{t: t, orders: map[string]chan func() error{}, starts: map[string]int{}}
}

// child is ready at once and waits for orders.
func (w *supervisorRig) child(id string, restart Restart) Child {
	orders := make(chan func() error)
	w.orders[id] = orders
	return Child{ID: id, Restart: restart, Start: func(ctx context.Context, ready func()) error {
		w.note("start " + id)
		w.mu.Lock()
		w.starts[id]++
		w.mu.Unlock()
		ready()
		select {
		case do := <-orders:
			return do()
		case <-ctx.Done():
			w.note("stop " + id)
			return nil
		}
	}}
}

// failing is a child that fails its first n starts before it is ready.
func (w *supervisorRig) failing(id string, n int) Child {
	c := w.child(id, Permanent)
	inner := c.Start
	c.Start = func(ctx context.Context, ready func()) error {
		if n--; n >= 0 {
			w.note("fail " + id)
			return errBoom
		}
		return inner(ctx, ready)
	}
	return c
}

// deaf is a child that does not listen to its context until release is closed.
func (w *supervisorRig) deaf(id string, shutdown time.Duration, release chan struct{}) Child {
	return Child{ID: id, Shutdown: shutdown, Start: func(_ context.Context, ready func()) error {
		w.note("start " + id)
		ready()
		<-release
		return nil
	}}
}

func (w *supervisorRig) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, s)
}

func (w *supervisorRig) observe(r Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
}

// run serves spec until stop or the end of the test.
func (w *supervisorRig) run(spec Spec) *supervisorRig {
	if spec.Observe == nil {
		spec.Observe = w.observe
	}
	if spec.Name == "" {
		spec.Name = "root"
	}
	w.sup = New(spec)
	ctx, cancel := context.WithCancel(w.t.Context())
	w.cancel, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.sup.Serve(ctx) }()
	synctest.Wait()
	return w
}

func (w *supervisorRig) stop() error {
	w.cancel()
	return <-w.done
}

func (w *supervisorRig) order(id string, do func() error) {
	w.t.Helper()
	select {
	case w.orders[id] <- do:
	case <-time.After(time.Minute):
		w.t.Fatalf("child %s does not run", id)
	}
	synctest.Wait()
}

func (w *supervisorRig) crash(id string)  { w.order(id, func() error { panic(id + " was ordered to") }) }
func (w *supervisorRig) fail(id string)   { w.order(id, func() error { return errBoom }) }
func (w *supervisorRig) finish(id string) { w.order(id, func() error { return nil }) }
func (w *supervisorRig) exit(id string)   { w.order(id, func() error { runtime.Goexit(); return nil }) }

// logged compares the events since the last call.
func (w *supervisorRig) logged(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(w.log, want); diff != "" && len(w.log)+len(want) > 0 {
		w.t.Fatalf("what happened (-got +want):\n%s", diff)
	}
	w.log = nil
}

// decided compares the decisions since the last call.
func (w *supervisorRig) decided(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, r := range w.reports {
		got = append(got, r.Child+" "+r.Decision)
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("decisions: got %q, want %q", got, want)
	}
	w.reports = nil
}

func (w *supervisorRig) state(id string) string {
	for _, c := range w.sup.Tree().Children {
		if c.Name == id {
			return c.State
		}
	}
	return "absent"
}

func (w *supervisorRig) is(id, want string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.state(id); got != want {
		w.t.Fatalf("child %s is %s, want %s", id, got, want)
	}
}

// ends waits for the supervisor's own end.
func (w *supervisorRig) ends(want error) {
	w.t.Helper()
	select {
	case err := <-w.done:
		if !errors.Is(err, want) {
			w.t.Fatalf("supervisor ended with %v, want %v", err, want)
		}
	case <-time.After(time.Hour):
		w.t.Fatal("the supervisor still runs")
	}
}

func testSupervisor(t *testing.T, f func(t *testing.T, w *supervisorRig)) {
	synctest.Test(t, func(t *testing.T) { f(t, newSupervisorRig(t)) })
}
