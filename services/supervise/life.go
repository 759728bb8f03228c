package supervise

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// life is one incarnation of an entity: its state, and the context of all its calls. As a
// context it costs a standard one only when somebody asks for Done.
type life[S any] struct {
	span
	state *S
}

// span is the context part of a life.
type span struct {
	root  context.Context
	over  atomic.Bool
	mu    sync.Mutex // guards the fields below
	inner context.Context
	end   context.CancelFunc
}

type aliveKey struct{}

// Alive tells that the incarnation which was given ctx, or a context made from it, is the
// present one: it has not crashed, was not fenced and has not left memory.
func Alive(ctx context.Context) bool {
	if l, ok := ctx.Value(aliveKey{}).(*span); ok {
		return !l.over.Load() && l.root.Err() == nil
	}
	return ctx.Err() == nil
}

// cancel ends the incarnation.
func (l *span) cancel() {
	l.over.Store(true)
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	if end != nil {
		end()
	}
}

func (l *span) context() context.Context {
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

// Deadline is none.
func (l *span) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the incarnation ends.
func (l *span) Done() <-chan struct{} { return l.context().Done() }

// Err is context.Canceled when the incarnation has ended.
func (l *span) Err() error {
	if l.over.Load() {
		return context.Canceled
	}
	return l.root.Err()
}

// Value looks up key in the context of Serve.
func (l *span) Value(key any) any {
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
