package supervise

import (
	"context"
	"sync"
	"time"
)

// Tasks are goroutines that end within the Serve that started them. Made by Group.
type Tasks struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

// Group makes an empty set of goroutines under ctx. The first that fails, by an error, a
// panic or runtime.Goexit, cancels the context of the rest. Wait must be called.
func Group(ctx context.Context) *Tasks {
	t := &Tasks{}
	t.ctx, t.cancel = context.WithCancel(ctx)
	return t
}

// Go runs fn in a goroutine of the group.
func (t *Tasks) Go(fn func(ctx context.Context) error) {
	t.wg.Go(func() {
		if err := runRecovering(func() error { return fn(t.ctx) }, t.setError); err != nil {
			t.setError(err)
		}
	})
}

func (t *Tasks) setError(err error) {
	t.once.Do(func() {
		t.err = err
		t.cancel()
	})
}

// Wait returns when all have ended, with the first error. A panic is a *PanicError.
func (t *Tasks) Wait() error {
	t.wg.Wait()
	t.cancel()
	return t.err
}

// Sleep waits for d or the end of ctx.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Spawn runs fn in a goroutine of its own, for queues that are drained only while they hold
// something. On a panic or Goexit it calls observe (which may be nil) on that goroutine, with
// name, and restarts nothing.
func Spawn(observe func(Report), name string, fn func()) {
	go runSpawned(observe, name, fn)
}

func runSpawned(observe func(Report), name string, fn func()) {
	growStack(0)
	returned := false
	defer func() {
		if returned {
			return
		}
		err := newPanicError(recover())
		if observe == nil {
			return
		}
		r := newReport("spawn", name, err, Lost, 0)
		r.Stack = stackOf(err)
		_ = runRecovering(func() error { observe(r); return nil }, nil)
	}()
	fn()
	returned = true
}
