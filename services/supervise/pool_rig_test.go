package supervise

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// testMessage is a message of the test pools.
type testMessage struct {
	do    func(ctx context.Context, s *testState) error
	name  string
	reply func(int)
}

// testState is the state of the test entities.
type testState struct {
	key   string
	lines []string
}

// poolRig is a pool in a synctest bubble.
type poolRig struct {
	t      *testing.T
	pool   *Pool[string, testState, testMessage]
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	inits   map[string]int
	initErr func(k string, n int) error
	saved   map[string][]string
	saveErr func(s *testState) error
	dead    []string
	causes  []Report
	reports []Report
}

func newPoolRig(t *testing.T, edit func(o *poolRig, k *Kind[string, testState, testMessage])) *poolRig {
	o := &poolRig{t: t, inits: map[string]int{}, saved: map[string][]string{}}
	kind := Kind[string, testState, testMessage]{
		Name: "pads", Init: o.init, Save: o.save, MaxRestarts: 100,
		Handle: func(ctx context.Context, s *testState, m testMessage) error {
			if m.do != nil {
				return m.do(ctx, s)
			}
			s.lines = append(s.lines, m.name)
			if m.reply != nil {
				m.reply(len(s.lines))
			}
			return nil
		},
		Dead: func(k string, m testMessage, cause Report) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.dead = append(o.dead, k+" "+m.name)
			o.causes = append(o.causes, cause)
		},
		Describe: func(m testMessage) string { return m.name },
		Observe: func(r Report) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.reports = append(o.reports, r)
		},
	}
	if edit != nil {
		edit(o, &kind)
	}
	o.pool = NewPool(kind)
	return o
}

func (o *poolRig) init(_ context.Context, k string) (*testState, error) {
	o.mu.Lock()
	o.inits[k]++
	n, f := o.inits[k], o.initErr
	lines := append([]string(nil), o.saved[k]...)
	o.mu.Unlock()
	if f != nil {
		if err := f(k, n); err != nil {
			return nil, err
		}
	}
	return &testState{key: k, lines: lines}, nil
}

func (o *poolRig) save(s *testState) error {
	if o.saveErr != nil {
		if err := o.saveErr(s); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.saved[s.key] = append([]string(nil), s.lines...)
	return nil
}

func (o *poolRig) run() *poolRig {
	ctx, cancel := context.WithCancel(o.t.Context())
	o.cancel, o.done = cancel, make(chan error, 1)
	go func() { o.done <- o.pool.Serve(ctx) }()
	synctest.Wait()
	return o
}

// stop ends Serve and reports how long that took.
func (o *poolRig) stop() time.Duration {
	o.t.Helper()
	begun := time.Now()
	o.cancel()
	if err := <-o.done; err != nil {
		o.t.Fatal(err)
	}
	return time.Since(begun)
}

// errNotDone is the result of a try when its handler failed.
var errNotDone = errors.New("not done")

// ask counts the lines of k. It waits an hour for the reply.
func (o *poolRig) ask(k string) (int, error) {
	reply := make(chan int, 1)
	if err := o.pool.Cast(k, testMessage{name: "ask", reply: func(n int) { reply <- n }}); err != nil {
		return 0, err
	}
	select {
	case n := <-reply:
		return n, nil
	case <-time.After(time.Hour):
		return 0, context.DeadlineExceeded
	}
}

func (o *poolRig) answers(k string, want int) {
	o.t.Helper()
	if got, err := o.ask(k); err != nil || got != want {
		o.t.Fatalf("ask %s: got %d, %v; want %d", k, got, err, want)
	}
}

// try runs f as a message of k and waits for its first run. The error is errNotDone when
// f failed.
func (o *poolRig) try(k, name string, f func(ctx context.Context, s *testState) error) error {
	done := make(chan error, 2) // a message that crashes is handled twice
	o.cast(k, name, func(ctx context.Context, s *testState) error {
		err := errNotDone
		defer func() { done <- err }()
		if e := f(ctx, s); e != nil {
			return e
		}
		err = nil
		return nil
	})
	return <-done
}

func (o *poolRig) cast(k, name string, do func(ctx context.Context, s *testState) error) {
	o.t.Helper()
	if err := o.pool.Cast(k, testMessage{name: name, do: do}); err != nil {
		o.t.Fatal(err)
	}
}

func panicHandler(context.Context, *testState) error { panic("boom") }

func (o *poolRig) decisions() (all []string) {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.reports {
		all = append(all, r.Decision)
	}
	o.reports = nil
	return all
}

// advanceTime lets time pass and runs everything that is due.
func advanceTime(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (o *poolRig) savedLines(k string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.saved[k]
}

func (o *poolRig) forget(k string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.saved, k)
}

func (o *poolRig) initCount(k string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.inits[k]
}

func (o *poolRig) deadLetters() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dead
}

func testPool(t *testing.T, edit func(o *poolRig, k *Kind[string, testState, testMessage]), f func(t *testing.T, o *poolRig)) {
	synctest.Test(t, func(t *testing.T) { f(t, newPoolRig(t, edit)) })
}

func mustBe(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || (want == nil) != (got == nil) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}
