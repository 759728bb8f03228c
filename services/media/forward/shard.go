package forward

import (
	"context"
	"sync/atomic"
	"time"
)

// shardMessage is a request to a shard: a burst of a layer, or do.
type shardMessage struct {
	layer    *Layer
	from, to uint64
	now      int64
	do       func()
}

// shard owns its subscribers. All fields except mailbox and the counters belong to its one
// goroutine.
type shard struct {
	forwarder *Forwarder
	num       int
	mailbox   chan shardMessage
	done      chan struct{}

	subs       atomic.Int32
	unsentSubs []*Sub  // have packets queued
	backlogs   []*Slot // slots that send their layer's backlog before they go live, a little each tick
	batch      *batch

	sent, octets, retransmits, dropped, calls atomic.Uint64
}

const (
	replayInterval = 5 * time.Millisecond
	replayBatch    = 32 // packets of a slot each tick
	maxDrained     = 64 // messages handled before their packets are sent
)

func newShard(w *Forwarder, num int) *shard {
	return &shard{forwarder: w, num: num, mailbox: make(chan shardMessage, mailboxSize), done: make(chan struct{}), batch: newBatch(w)}
}

// submit runs do on the goroutine of the shard, unless the shard has ended.
func (s *shard) submit(do func()) {
	select {
	case s.mailbox <- shardMessage{do: do}:
	case <-s.done:
	}
}

// runShard runs the shard until ctx ends.
func (s *shard) runShard(ctx context.Context) error {
	defer close(s.done)
	tick := time.NewTicker(replayInterval)
	defer tick.Stop()
	tick.Stop()
	ticking := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-s.mailbox:
			s.handleMessage(j)
			s.drainMailbox()
		case <-tick.C:
			s.drainBacklogs()
		}
		s.flushSubs()
		if now := len(s.backlogs) > 0; now != ticking {
			ticking = now
			if now {
				tick.Reset(replayInterval)
			} else {
				tick.Stop()
			}
		}
	}
}

// drainMailbox takes the other waiting messages, so that packets of several layers leave
// together.
func (s *shard) drainMailbox() {
	for range maxDrained {
		select {
		case j := <-s.mailbox:
			s.handleMessage(j)
		default:
			return
		}
	}
}

func (s *shard) handleMessage(j shardMessage) {
	if j.do != nil {
		j.do()
		return
	}
	l := j.layer
	l.readPos[s.num].Store(j.from + 1)
	for _, sl := range l.fedSlots[s.num] {
		sl.forwardBurst(l, j)
	}
	l.readPos[s.num].Store(0)
}

// drainBacklogs sends a part of the backlog of each slot that catches up.
func (s *shard) drainBacklogs() {
	kept := s.backlogs[:0]
	for _, sl := range s.backlogs {
		if sl.replaying && sl.replaySome() {
			kept = append(kept, sl)
		}
	}
	clear(s.backlogs[len(kept):])
	s.backlogs = kept
}

// flushSubs seals and sends the queued packets.
func (s *shard) flushSubs() {
	if len(s.unsentSubs) == 0 {
		return
	}
	for i, sub := range s.unsentSubs {
		sub.sendQueued(s.batch)
		s.unsentSubs[i] = nil
	}
	s.unsentSubs = s.unsentSubs[:0]
	s.batch.flushSlab(s)
}

// allocSlabSlot finds a place in the slab for a packet of sub.
func (s *shard) allocSlabSlot(sub *Sub) int {
	if s.batch.used == slabSize {
		s.flushSubs()
	}
	if len(sub.queue) == 0 {
		s.unsentSubs = append(s.unsentSubs, sub)
	}
	i := s.batch.used
	s.batch.used++
	sub.queue = append(sub.queue, i)
	return i
}

// removeLayer detaches a layer from all slots.
func (s *shard) removeLayer(l *Layer) {
	for _, sl := range l.fedSlots[s.num] {
		sl.dropLayer(l)
	}
	clear(l.fedSlots[s.num])
	l.fedSlots[s.num] = nil
	l.subscriberCount[s.num].Store(0)
}
