package gateway

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
)

// rule is how many wrong tries are allowed and what happens then.
type rule struct {
	tries int           // at once, and within per
	per   time.Duration // in which as many are given back
	lock  time.Duration // when they are used up; doubles each time, up to maxLock; 0: no lock
}

// ask is one limit that a try is counted against.
type ask struct {
	key string
	rule
}

const (
	maxLock    = time.Hour
	maxBuckets = 8192
	forgetting = 2 * time.Hour // without a lock, and the next one is short again
)

// guesses limits the guessing of one kind of secret each.
type guesses struct {
	claim, join, pin *guard
}

func newGuesses(log *slog.Logger, refused *prometheus.CounterVec) guesses {
	make := func(kind string) *guard {
		return &guard{kind: kind, log: log, refused: refused.WithLabelValues(kind), buckets: map[string]*bucket{}}
	}
	return guesses{claim: make("claim"), join: make("join"), pin: make("pin")}
}

// guard counts wrong tries. A try is taken before the answer is known and given back
// when it was right, so that tries at the same time count too.
type guard struct {
	kind    string
	log     *slog.Logger
	refused prometheus.Counter

	mu      sync.Mutex // guards buckets
	buckets map[string]*bucket
}

type bucket struct {
	left    float64   // tries
	at      time.Time // when left was right
	until   time.Time // locked until then
	strikes int       // locks in a row
	rule    rule
}

// try takes one try from each of asks, or none: then the error says after what time.
// right gives them back and forgets the locks; call it when the guess was right.
func (g *guard) try(asks ...ask) (right func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	var wait time.Duration
	taken := make([]*bucket, 0, len(asks))
	for _, a := range asks {
		b := g.bucket(a, now)
		if w := b.wait(now); w > 0 {
			wait = max(wait, w)
			if b.strikes == 1 && b.at.Equal(now) {
				g.log.Warn("too many wrong tries, locked", "kind", g.kind, "dur", w)
			}
		}
		taken = append(taken, b)
	}
	if wait > 0 {
		g.refused.Inc()
		e := errs.Code("gateway", errs.Busy, "too_many_tries", "too many tries; wait %s", wait.Round(time.Second))
		return nil, &later{e, wait}
	}
	for _, b := range taken {
		b.left--
	}
	return func() { g.forgive(taken) }, nil
}

func (g *guard) forgive(taken []*bucket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range taken {
		b.left = min(b.left+1, float64(b.rule.tries))
		b.strikes = 0
	}
}

// bucket is the bucket of a, brought up to now. Runs with mu held.
func (g *guard) bucket(a ask, now time.Time) *bucket {
	b := g.buckets[a.key]
	if b == nil {
		if len(g.buckets) >= maxBuckets {
			g.sweep(now)
		}
		if len(g.buckets) >= maxBuckets {
			a.key = "others" // an attacker with very many addresses: all new ones share one
			if b = g.buckets[a.key]; b != nil {
				b.refill(now)
				return b
			}
		}
		b = &bucket{left: float64(a.tries), at: now, rule: a.rule}
		g.buckets[a.key] = b
	}
	b.refill(now)
	return b
}

func (b *bucket) refill(now time.Time) {
	if now.Before(b.until) {
		return
	}
	if b.until.After(b.at) { // a lock has ended: all tries are back
		b.left, b.at = float64(b.rule.tries), b.until
	}
	gained := now.Sub(b.at).Seconds() / b.rule.per.Seconds() * float64(b.rule.tries)
	b.left, b.at = min(b.left+gained, float64(b.rule.tries)), now
	if b.strikes > 0 && now.Sub(b.until) > forgetting {
		b.strikes = 0
	}
}

// wait is how long a try has to wait: 0 when there is one left. With none left it locks.
func (b *bucket) wait(now time.Time) time.Duration {
	switch {
	case now.Before(b.until):
		return b.until.Sub(now)
	case b.left >= 1:
		return 0
	case b.rule.lock == 0:
		return time.Duration((1 - b.left) / float64(b.rule.tries) * float64(b.rule.per))
	}
	lock := min(b.rule.lock<<min(b.strikes, 10), maxLock)
	b.strikes++
	b.until = now.Add(lock)
	return lock
}

// sweep forgets buckets that are as good as new. Runs with mu held.
func (g *guard) sweep(now time.Time) {
	for key, b := range g.buckets {
		if b.refill(now); !now.Before(b.until) && b.strikes == 0 && b.left >= float64(b.rule.tries) {
			delete(g.buckets, key)
		}
	}
}

// The limits. Six digits hold a million codes: 60 tries a minute find one of a few
// lessons in a 45-minute lesson with a chance of some 0.3 % a lesson. An address gets
// half of what the box gets, so that one machine cannot use up everybody's tries.
func codeAsks(c *caller) []ask {
	return []ask{
		{"device " + c.device(), rule{5, time.Minute, time.Minute}},
		{"address " + c.address(), rule{30, time.Minute, time.Minute}},
		{"box", rule{60, time.Minute, 0}},
	}
}

// pinAsks counts by the teacher's name too. A device that signed in under the name before
// has a count of its own, so that pupils cannot lock a teacher out by guessing.
func pinAsks(c *caller, name string) []ask {
	if c.trusted(name) {
		return []ask{{"name " + name + " device " + c.device(), rule{5, time.Minute, time.Minute}}}
	}
	return append(codeAsks(c), ask{"name " + name, rule{5, time.Minute, time.Minute}})
}
