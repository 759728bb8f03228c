package gateway

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/livelearn/box/services/errs"
)

const (
	perDevice  = 5                // wrong guesses of a device, or of a name, before it is locked
	perAddress = 30               // the same of an address
	perBox     = 60               // wrong guesses a minute at the whole box
	maxWait    = 15 * time.Minute // the longest lock
	forget     = time.Hour        // without a fault a key is new again
)

// guesses slows down whoever guesses codes and PINs. So many faults of one key lock it
// for a minute, each further fault for twice as long, up to 15 minutes. All keys of one kind
// have perBox faults a minute, so that many devices guess no faster. Who knows a secret
// is never counted: a whole class joins at once.
//
// Checks of one kind of secret run one after another, so that a hundred guesses at the
// same time are not all let in before the first of them is known to be wrong.
type guesses struct {
	mu    sync.Mutex
	box   map[string]*rate.Limiter // by kind of secret; never changes
	turns map[string]chan struct{} // the same
	keys  map[string]*suspect      // guarded by mu
}

type suspect struct {
	faults int
	last   time.Time
	until  time.Time // locked
}

func newGuesses() guesses {
	box, turns := map[string]*rate.Limiter{}, map[string]chan struct{}{}
	for _, op := range []string{"claim", "login", "join"} {
		box[op] = rate.NewLimiter(rate.Every(time.Minute/perBox), perBox)
		turns[op] = make(chan struct{}, 1)
	}
	return guesses{box: box, turns: turns, keys: map[string]*suspect{}}
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
func (g *guesses) allow(op, key string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if s := g.keys[key]; s != nil && now.Before(s.until) {
		return tooMany(op, s.until.Sub(now))
	}
	return nil
}

// open tells that the whole box has tries left, or how long it waits.
func (g *guesses) open(op string) error {
	now := time.Now()
	if have := g.box[op].TokensAt(now); have < 1 {
		return tooMany(op, time.Duration((1-have)*float64(time.Minute)/perBox))
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

// wrong counts a wrong guess at the whole box.
func (g *guesses) wrong(op string) { g.box[op].Allow() }

// fault counts a wrong guess at one key.
func (g *guesses) fault(key string, limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
	now := time.Now()
	s := g.keys[key]
	if s == nil || now.Sub(s.last) > forget {
		s = &suspect{}
		g.keys[key] = s
	}
	s.faults++
	if over := s.faults - limit; over >= 0 {
		s.until = now.Add(min(time.Minute<<min(over, 10), maxWait))
	}
	s.last = now
}

// right forgets the faults of a key that knew.
func (g *guesses) right(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.keys, key)
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
