package sim

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
)

// Button is a button that Press presses and Hold holds down.
type Button struct {
	presses chan hal.Press

	mu    sync.Mutex
	since time.Time // guarded by mu, start of Hold, zero while the button is up
}

// Press presses the button for this long. It waits until a reader takes the press or ctx ends, and
// reports whether a reader took it.
func (b *Button) Press(ctx context.Context, held time.Duration) bool {
	select {
	case b.presses <- hal.Press{Held: held}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Hold holds the button down.
func (b *Button) Hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		b.since = time.Now()
	}
}

// Release ends a Hold. It is a press if a reader takes it before ctx ends.
func (b *Button) Release(ctx context.Context) bool {
	b.mu.Lock()
	since := b.since
	b.since = time.Time{}
	b.mu.Unlock()
	return since.IsZero() || b.Press(ctx, max(time.Since(since), time.Millisecond))
}

// Down implements hal.Button.
func (b *Button) Down() (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero(), nil
}

// Presses implements hal.Button.
func (b *Button) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		for {
			select {
			case p := <-b.presses:
				if !yield(p) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
