package forward

import (
	"context"
	"sync/atomic"
	"time"
)

// job is what a shard is asked: a burst of a layer, or do.
type job struct {
	layer    *Layer
	from, to uint64
	now      int64
	do       func()
}

// shard owns its subscribers. Everything here but mail and the counters belongs to its one
// goroutine.
type shard struct {
	works *Works
	num   int
	mail  chan job
	done  chan struct{}

	subs  atomic.Int32
	dirty []*Sub  // have packets queued
	chase []*Slot // send what was kept before they go live, a little each tick
	out   *batch

	sent, octets, again, dropped, calls atomic.Uint64
}

const (
	chaseEvery = 5 * time.Millisecond
	chaseSize  = 32 // packets of a slot each tick
	drainMax   = 64 // jobs before what they queued is sent
)

func newShard(w *Works, num int) *shard {
	return &shard{works: w, num: num, mail: make(chan job, mailboxLen), done: make(chan struct{}), out: newBatch(w)}
}

// order posts work of its own to the shard; after its end nothing is done.
func (s *shard) order(do func()) {
	select {
	case s.mail <- job{do: do}:
	case <-s.done:
	}
}

// serve runs the shard until ctx ends.
func (s *shard) serve(ctx context.Context) error {
	defer close(s.done)
	tick := time.NewTicker(chaseEvery)
	defer tick.Stop()
	tick.Stop()
	ticking := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-s.mail:
			s.take(j)
			s.drain()
		case <-tick.C:
			s.pursue()
		}
		s.flush()
		if now := len(s.chase) > 0; now != ticking {
			ticking = now
			if now {
				tick.Reset(chaseEvery)
			} else {
				tick.Stop()
			}
		}
	}
}

// drain takes what else waits, so that packets of several layers leave together.
func (s *shard) drain() {
	for range drainMax {
		select {
		case j := <-s.mail:
			s.take(j)
		default:
			return
		}
	}
}

func (s *shard) take(j job) {
	if j.do != nil {
		j.do()
		return
	}
	l := j.layer
	l.reading[s.num].Store(j.from + 1)
	for _, sl := range l.fed[s.num] {
		sl.burst(l, j)
	}
	l.reading[s.num].Store(0)
}

// pursue lets the slots that began with kept packets catch up.
func (s *shard) pursue() {
	kept := s.chase[:0]
	for _, sl := range s.chase {
		if sl.chasing && sl.catchUp() {
			kept = append(kept, sl)
		}
	}
	clear(s.chase[len(kept):])
	s.chase = kept
}

// flush seals and sends what is queued.
func (s *shard) flush() {
	if len(s.dirty) == 0 {
		return
	}
	for i, sub := range s.dirty {
		sub.send(s.out)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	s.out.flush(s)
}

// place gives a packet of sub a place in the slab.
func (s *shard) place(sub *Sub) int {
	if s.out.used == slabSize {
		s.flush()
	}
	if len(sub.queue) == 0 {
		s.dirty = append(s.dirty, sub)
	}
	i := s.out.used
	s.out.used++
	sub.queue = append(sub.queue, i)
	return i
}

// forget takes a layer from all slots.
func (s *shard) forget(l *Layer) {
	for _, sl := range l.fed[s.num] {
		sl.lose(l)
	}
	clear(l.fed[s.num])
	l.fed[s.num] = nil
	l.fans[s.num].Store(0)
}
