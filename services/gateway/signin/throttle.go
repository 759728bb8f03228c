package signin

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// The limits on guessing. A lesson's code has six digits. In one hour, the devices with a
// count have at most 2 * TriesOfCounted wrong guesses (the burst and the refill), and all
// other devices have TriesPerBox in each of 61 minutes. That is 8,660 of 1,000,000 codes, so a
// guesser finds the code of a one-hour lesson with a probability below 0.9 %. At the other boxes
// of a school together a guesser has triesOfOthers in each of 61 minutes, however many boxes
// there are. That makes 15,980 codes and a probability below 1.6 %, and after guessAlarm of them
// the lobbies are open. A teacher's PIN has six digits or more and TriesPerName wrong guesses a
// day. The probability on the first day is below 0.02 %.
const (
	TriesPerDevice    = 5                // wrong guesses of a device until it is locked
	TriesPerAddress   = 30               // a minute, for all devices without a count at one address
	triesPerNetwork   = 45               // a minute, for one IPv6 /64
	TriesPerBox       = 60               // a minute, for the whole box
	TriesOfCounted    = 2500             // an hour, for all devices with a count
	triesOfOthers     = 120              // a minute, for codes of lessons that were typed at other boxes
	TriesPerName      = 100              // a day, for the PIN of one teacher. Devices on which the teacher signed in do not count
	CountedPerAddress = 250              // devices an hour at one address that get a count
	countedPerNetwork = 750              // devices an hour in one IPv6 /64 that get a count
	maxLock           = 15 * time.Minute // the longest lock
	forgetAfter       = time.Hour        // a count without a wrong guess for this long is dropped
	maxWait           = 15 * time.Second // longest wait of a guess. A longer one is refused
	MaxWaiting        = 64               // guesses that may wait at once. More are refused
)

// throttle is the login throttle. It slows guesses at codes and PINs down, and it locks no
// device for the mistakes of others.
//
// A count of one device locks the device for a minute when it reaches its limit. Each further
// wrong guess doubles the time, up to 15 minutes. A shared count, such as that of an address,
// is a GCRA bucket (ITU-T I.371). It has a number of wrong guesses in a window, and they
// refill one by one. While the bucket is empty, a guess waits for its turn. If the guess is
// then wrong, the answer is that there were too many.
//
// A device has a count of its own if it opened a page while its address had counts left (see
// SetDeviceCookie). Other devices do not affect that count, except for one limit on all such
// devices that a single address cannot reach. Devices without a count share the buckets of
// their address. A device that throws its cookie away becomes one of them.
//
// Right guesses are not counted, because a whole class joins at once. A right lesson code does
// not reset a count either. Otherwise a pupil in one lesson could guess the codes of other
// lessons without end.
//
// Checks of one kind of secret run one after another. Without that, a hundred guesses at the
// same time would pass before the first of them counts.
type throttle struct {
	mu        sync.Mutex
	kindLocks map[string]chan struct{} // by kind of secret. Never changes
	waiting   chan struct{}            // holds one value for each guess that waits
	byName    map[string]*attempts     // guarded by mu
	codes     guesses                  // wrong codes of lessons, guarded by mu
}

// throttleKey names one count of wrong guesses and its limit.
type throttleKey struct {
	name   string
	limit  int
	window time.Duration // of a bucket: limit refills in this time. Zero: the count locks one device
}

// attempts is the state of one count.
type attempts struct {
	failures    int
	lastFailure time.Time
	lockedUntil time.Time // end of the lock. For a bucket: when it is full again
	shared      bool
}

func newThrottle() throttle {
	turns := map[string]chan struct{}{}
	for _, op := range []string{"claim", "login", "join", "pin"} {
		turns[op] = make(chan struct{}, 1)
	}
	return throttle{kindLocks: turns, waiting: make(chan struct{}, MaxWaiting), byName: map[string]*attempts{}}
}

// enter waits until no other guess at this kind of secret is being checked. The caller must
// call done.
func (t *throttle) enter(ctx context.Context, op string) (done func(), err error) {
	select {
	case t.kindLocks[op] <- struct{}{}:
		return func() { <-t.kindLocks[op] }, nil
	case <-ctx.Done():
		return nil, errs.New("gateway."+op, errs.Busy, context.Cause(ctx))
	}
}

// wait returns how long the key must wait before its next guess.
func (t *throttle) wait(k throttleKey) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byName[k.name]
	if s == nil {
		return 0
	}
	if k.window == 0 {
		return time.Until(s.lockedUntil)
	}
	return time.Until(s.lockedUntil) - k.window + k.window/time.Duration(k.limit) // GCRA, ITU-T I.371
}

// choose returns the first route whose keys all allow a guess. If there is none, it returns
// the shortest wait, and whether only shared counts cause that wait.
func (t *throttle) choose(routes [][]throttleKey) (route []throttleKey, wait time.Duration, shared bool) {
	for _, keys := range routes {
		longest, open := time.Duration(0), true
		for _, k := range keys {
			w := t.wait(k)
			longest, open = max(longest, w), open && (w <= 0 || k.window > 0)
		}
		if longest == 0 {
			return keys, 0, false
		}
		if wait == 0 || longest < wait {
			wait, shared = longest, open
		}
	}
	return nil, wait, shared
}

// turn is one guess that may be checked now.
type turn struct {
	keys   []throttleKey // the counts of this guess
	done   func()        // the caller must call it
	waited time.Duration // for the refill of a shared count
}

// admit waits until a guess may be checked. It waits for the turn of the guess and for the
// refill of shared counts. It refuses a device that used its own tries up.
func (t *throttle) admit(ctx context.Context, op string, routes [][]throttleKey) (turn, error) {
	for waited := time.Duration(0); ; {
		done, err := t.enter(ctx, op)
		if err != nil {
			return turn{}, err
		}
		keys, wait, shared := t.choose(routes)
		if keys != nil {
			return turn{keys, done, waited}, nil
		}
		done()
		if !shared || waited+wait > maxWait {
			return turn{}, tooMany(op, wait)
		}
		if err := t.pause(ctx, op, wait); err != nil {
			return turn{}, err
		}
		waited += wait
	}
}

// pause waits for the given time, or refuses the guess if too many others wait already.
func (t *throttle) pause(ctx context.Context, op string, wait time.Duration) error {
	select {
	case t.waiting <- struct{}{}:
		defer func() { <-t.waiting }()
	default:
		return tooMany(op, wait)
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return errs.New("gateway."+op, errs.Busy, context.Cause(ctx))
	}
}

// tooMany returns the error for a guess that must wait.
func tooMany(op string, wait time.Duration) error {
	return httpapi.RetryError{Err: errs.NewCode(op, errs.Busy, "too_many_tries", "too many tries: wait %d seconds", int(wait.Seconds())+1), Wait: wait}
}

// countFailure counts a wrong guess under one key.
func (t *throttle) countFailure(k throttleKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetOld()
	now := time.Now()
	s := t.byName[k.name]
	if s == nil || s.over() {
		s = &attempts{lockedUntil: now, shared: k.window > 0}
		t.byName[k.name] = s
	}
	s.failures++
	s.lastFailure = now
	if k.window > 0 {
		s.lockedUntil = s.lockedUntil.Add(k.window / time.Duration(k.limit))
	} else if over := s.failures - k.limit; over >= 0 {
		s.lockedUntil = now.Add(min(time.Minute<<min(over, 10), maxLock))
	}
}

// over reports whether the wrong guesses no longer count.
func (s *attempts) over() bool {
	if s.shared {
		return time.Now().After(s.lockedUntil)
	}
	return time.Since(s.lastFailure) > forgetAfter
}

// resetFailures clears the count of a device that knew the secret.
func (t *throttle) resetFailures(k throttleKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.window == 0 {
		delete(t.byName, k.name)
	}
}

// forgetOld drops a few old counts on each wrong guess. The caller holds mu.
func (t *throttle) forgetOld() {
	n := 0
	for key, s := range t.byName { // map order is random, so every key comes up over time
		if s.over() {
			delete(t.byName, key)
		}
		if n++; n == 8 {
			return
		}
	}
}
