package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
)

const (
	perDevice  = 5                // wrong guesses of a device, or of a name, before it is locked
	perAddress = 30               // wrong guesses a minute from one address
	perBox     = 60               // the same at the whole box
	maxWait    = 15 * time.Minute // the longest lock
	forget     = time.Hour        // without a fault a key is new again
)

// guesses slows down whoever guesses codes and PINs. So many faults of a device or a name
// lock it for a minute, each further fault for twice as long, up to 15 minutes. What
// many share, an address and the box, is never locked: it has so many faults a minute,
// so that nobody shuts a class out with one wrong code now and then. Who knows a secret
// is not counted, as a whole class joins at once; nor does that give an address its
// faults back, or a pupil in one lesson would guess the codes of others for ever.
//
// Checks of one kind of secret run one after another, so that a hundred guesses at the
// same time are not all let in before the first of them is known to be wrong.
type guesses struct {
	mu    sync.Mutex
	turns map[string]chan struct{} // by kind of secret; never changes
	keys  map[string]*suspect      // guarded by mu
}

// key is one count of wrong guesses, and how many there may be.
type key struct {
	name   string
	limit  int
	shared bool // so many a minute, and no lock
}

type suspect struct {
	faults int
	last   time.Time
	until  time.Time   // locked
	recent []time.Time // the last limit faults of a shared key, instead of a lock
}

func newGuesses() guesses {
	turns := map[string]chan struct{}{}
	for _, op := range []string{"claim", "login", "join", "pin"} {
		turns[op] = make(chan struct{}, 1)
	}
	return guesses{turns: turns, keys: map[string]*suspect{}}
}

// turn waits until nobody else's guess at this kind of secret is being checked. The
// caller must call done.
func (g *guesses) turn(ctx context.Context, op string) (done func(), err error) {
	select {
	case g.turns[op] <- struct{}{}:
		return func() { <-g.turns[op] }, nil
	case <-ctx.Done():
		return nil, errs.New("gateway."+op, errs.Busy, context.Cause(ctx))
	}
}

// allow tells that the key may try, or how long it waits.
func (g *guesses) allow(op string, k key) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	s := g.keys[k.name]
	switch {
	case s == nil:
	case now.Before(s.until):
		return tooMany(op, s.until.Sub(now))
	case len(s.recent) >= k.limit: // a shared key's, oldest first
		if wait := s.recent[0].Add(time.Minute).Sub(now); wait > 0 {
			return tooMany(op, wait)
		}
	}
	return nil
}

// waiting is an error that knows how long to wait.
type waiting struct {
	err  *errs.Error
	wait time.Duration
}

// Error implements error.
func (w waiting) Error() string { return w.err.Error() }

// Unwrap gives the error with its kind.
func (w waiting) Unwrap() error { return w.err }

func tooMany(op string, wait time.Duration) error {
	return waiting{errs.Code(op, errs.Busy, "too_many_tries", "too many tries: wait %d seconds", int(wait.Seconds())+1), wait}
}

// fault counts a wrong guess at one key.
func (g *guesses) fault(k key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
	now := time.Now()
	s := g.keys[k.name]
	if s == nil || now.Sub(s.last) > forget {
		s = &suspect{}
		g.keys[k.name] = s
	}
	s.faults++
	s.last = now
	if k.shared {
		s.recent = append(s.recent[max(0, len(s.recent)-k.limit+1):], now)
	} else if over := s.faults - k.limit; over >= 0 {
		s.until = now.Add(min(time.Minute<<min(over, 10), maxWait))
	}
}

// right forgets the faults of a device or a name that knew.
func (g *guesses) right(k key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !k.shared {
		delete(g.keys, k.name)
	}
}

// sweep drops a few old keys on each fault. Runs with mu held.
func (g *guesses) sweep() {
	n := 0
	for key, s := range g.keys { // map order is random: over time all are met
		if time.Since(s.last) > forget {
			delete(g.keys, key)
		}
		if n++; n == 8 {
			return
		}
	}
}
