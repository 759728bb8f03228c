package supervise

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// note is a message of the test pools.
type note struct {
	do    func(ctx context.Context, s *pad) error
	name  string
	reply func(int, error)
}

// pad is the state of the test entities.
type pad struct {
	key   string
	lines []string
}

// office is a pool in a synctest bubble.
type office struct {
	t      *testing.T
	pool   *Pool[string, pad, note]
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	inits   map[string]int
	initErr func(k string, n int) error
	saved   map[string][]string
	saveErr func(s *pad) error
	dead    []string
	causes  []Report
	reports []Report
}

func newOffice(t *testing.T, edit func(o *office, k *Kind[string, pad, note])) *office {
	o := &office{t: t, inits: map[string]int{}, saved: map[string][]string{}}
	kind := Kind[string, pad, note]{
		Name: "pads", Init: o.init, Save: o.save, MaxRestarts: 100,
		Handle: func(ctx context.Context, s *pad, m note) error {
			if m.do != nil {
				return m.do(ctx, s)
			}
			s.lines = append(s.lines, m.name)
			if m.reply != nil {
				m.reply(len(s.lines), nil)
			}
			return nil
		},
		Dead: func(k string, m note, cause Report) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.dead = append(o.dead, k+" "+m.name)
			o.causes = append(o.causes, cause)
		},
		Describe: func(m note) string { return m.name },
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

func (o *office) init(_ context.Context, k string) (*pad, error) {
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
	return &pad{key: k, lines: lines}, nil
}

func (o *office) save(s *pad) error {
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

func (o *office) run() *office {
	ctx, cancel := context.WithCancel(o.t.Context())
	o.cancel, o.done = cancel, make(chan error, 1)
	go func() { o.done <- o.pool.Serve(ctx) }()
	synctest.Wait()
	return o
}

// stop ends Serve and tells how long that took.
func (o *office) stop() time.Duration {
	o.t.Helper()
	begun := time.Now()
	o.cancel()
	if err := <-o.done; err != nil {
		o.t.Fatal(err)
	}
	return time.Since(begun)
}

// ask is a Call that counts the lines of k.
func (o *office) ask(k string) (int, error) {
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Hour)
	defer cancel()
	return Call(ctx, o.pool, k, func(reply func(int, error)) note { return note{name: "ask", reply: reply} })
}

func (o *office) answers(k string, want int) {
	o.t.Helper()
	if got, err := o.ask(k); err != nil || got != want {
		o.t.Fatalf("ask %s: got %d, %v; want %d", k, got, err, want)
	}
}

// try is a Call whose handler is f.
func (o *office) try(k, name string, f func(ctx context.Context, s *pad) error) error {
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Hour)
	defer cancel()
	_, err := Call(ctx, o.pool, k, func(reply func(int, error)) note {
		return note{name: name, do: func(ctx context.Context, s *pad) error {
			if err := f(ctx, s); err != nil {
				return err
			}
			reply(0, nil)
			return nil
		}}
	})
	return err
}

func (o *office) cast(k, name string, do func(ctx context.Context, s *pad) error) {
	o.t.Helper()
	if err := o.pool.Cast(k, note{name: name, do: do}); err != nil {
		o.t.Fatal(err)
	}
}

func boom(context.Context, *pad) error { panic("boom") }

func (o *office) decisions() (all []string) {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.reports {
		all = append(all, r.Decision)
	}
	o.reports = nil
	return all
}

// pass lets time pass, and what is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (o *office) kept(k string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.saved[k]
}

func (o *office) forget(k string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.saved, k)
}

func (o *office) inited(k string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.inits[k]
}

func (o *office) letters() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dead
}

func pools(t *testing.T, edit func(o *office, k *Kind[string, pad, note]), f func(t *testing.T, o *office)) {
	synctest.Test(t, func(t *testing.T) { f(t, newOffice(t, edit)) })
}

func mustBe(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || (want == nil) != (got == nil) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}
