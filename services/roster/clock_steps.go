package roster

import (
	"sync"
	"time"

	"github.com/livelearn/box/services/checkedkv"
)

// minStep is the smallest step of a clock that counts.
const minStep = time.Minute

// stepWatch finds the steps of a wall clock: a time server, a browser or a person sets it. No time
// passes in a step, so nothing may expire in it.
type stepWatch struct {
	mu      sync.Mutex
	wall    func() int64         // milliseconds since 1970
	elapsed func() time.Duration // since some moment; never steps
	last    int64                // guarded by mu: wall minus elapsed, without the steps that are not moved yet
}

func newStepWatch(wall func() int64, elapsed func() time.Duration) *stepWatch {
	return &stepWatch{wall: wall, elapsed: elapsed, last: wall() - elapsed().Milliseconds()}
}

// step returns the steps that stored times have not been moved by, in milliseconds.
func (s *stepWatch) step() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.wall() - s.elapsed().Milliseconds() - s.last
	if time.Duration(d).Abs()*time.Millisecond < minStep {
		return 0
	}
	return d
}

// settle moves stored times by the steps.
func (s *stepWatch) settle(move func(step int64) error) error {
	step := s.step()
	if step == 0 {
		return nil
	}
	if err := move(step); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last += step
	return nil
}

// now returns the wall time without the steps that stored times have not been moved by.
func (s *stepWatch) now() int64 { return s.wall() - s.step() }

// UseClock sets another clock than the machine's for the times of lessons: one that a teacher's
// browser may have set. elapsed is a clock that nobody sets, and that does not stop while the
// machine sleeps. UseClock must be called before the roster is used.
func (r *Roster) UseClock(wall func() int64, elapsed func() time.Duration) {
	r.clock, r.passTime, r.tokenTime = wall, newStepWatch(wall, elapsed), newStepWatch(nowMillis, elapsed)
}

// followClocks moves the times of tokens and passes along with a clock that was set. If the disk
// refuses, the roster counts without the step and tries again.
func (r *Roster) followClocks() {
	r.moving.Lock()
	defer r.moving.Unlock()
	err := r.tokenTime.settle(func(step int64) error {
		return r.writeTx("roster.step", func(tx *checkedkv.Tx) error {
			if err := moveAll(r, tx, bucketWaiting, func(w *storedWaiting) { w.move(step) }); err != nil {
				return err
			}
			return moveAll(r, tx, bucketTokens, func(t *storedToken) { t.Created, t.Seen = t.Created+step, t.Seen+step })
		})
	})
	if err != nil {
		r.log.Warn("the times of tokens do not follow the clock yet", "err", err)
	}
	err = r.passTime.settle(func(step int64) error {
		return r.writeTx("roster.step", func(tx *checkedkv.Tx) error {
			return moveAll(r, tx, bucketPasses, func(p *Pass) { p.Created += step })
		})
	})
	if err != nil {
		r.log.Warn("the times of passes do not follow the clock yet", "err", err)
	}
}

// moveAll changes each value of a bucket.
func moveAll[T any](r *Roster, tx *checkedkv.Tx, bucket string, move func(*T)) error {
	keys, values := collectValues[T](r, tx, bucket, "")
	for i := range values {
		move(&values[i])
		if err := checkedkv.Put(tx, bucket, keys[i], values[i]); err != nil {
			return err
		}
	}
	return nil
}
