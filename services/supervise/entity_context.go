package supervise

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// life is one incarnation of an entity: its state, and the context of all its calls. It
// allocates a standard context only when Done is called.
type life[S any] struct {
	lifeContext
	state *S
}

// lifeContext is the context part of a life.
type lifeContext struct {
	root  context.Context
	over  atomic.Bool
	mu    sync.Mutex // guards the fields below
	inner context.Context
	end   context.CancelFunc
}

type aliveKey struct{}

// Alive reports whether the incarnation that was given ctx, or a context made from it, is the
// current one: it has not crashed, was not fenced and has not left memory.
func Alive(ctx context.Context) bool {
	if l, ok := ctx.Value(aliveKey{}).(*lifeContext); ok {
		return !l.over.Load() && l.root.Err() == nil
	}
	return ctx.Err() == nil
}

// cancelLife ends the incarnation.
func (l *lifeContext) cancelLife() {
	l.over.Store(true)
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	if end != nil {
		end()
	}
}

func (l *lifeContext) innerContext() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == nil {
		l.inner, l.end = context.WithCancel(l.root)
		if l.over.Load() {
			l.end()
		}
	}
	return l.inner
}

// Deadline returns no deadline.
func (l *lifeContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the incarnation ends.
func (l *lifeContext) Done() <-chan struct{} { return l.innerContext().Done() }

// Err is context.Canceled when the incarnation has ended.
func (l *lifeContext) Err() error {
	if l.over.Load() {
		return context.Canceled
	}
	return l.root.Err()
}

// Value looks up key in the context of Serve.
func (l *lifeContext) Value(key any) any {
	if key == (aliveKey{}) {
		return l
	}
	l.mu.Lock()
	inner := l.inner
	l.mu.Unlock()
	if inner == nil {
		inner = l.root
	}
	return inner.Value(key)
}
