package forward

import (
	"errors"
	"net/netip"
)

// Writer is the plain path: it takes finished RTP packets (unsealed) of one subscriber, from
// the shard's goroutine. It must not keep packet.
type Writer interface{ WriteRTP(packet []byte) error }

// SubConfig describes one subscriber: Keys and Addr, or Plain.
type SubConfig struct {
	Keys  Keys
	Addr  netip.AddrPort
	Plain Writer
}

// Sub is one subscriber's connection, owned by one shard.
type Sub struct {
	shard *shard

	// owned by the shard
	seal   *sealer // nil: plain
	plain  Writer
	dest   destination
	slots  []*Slot
	queue  []int // places in the shard's slab
	closed bool
}

var errNoSocket = errors.New("forward: no socket to send on")

// Subscribe gives a new subscriber to the shard with the fewest. An error names what is
// wrong with the keys or the address.
func (w *Works) Subscribe(cfg SubConfig) (*Sub, error) {
	s := &Sub{plain: cfg.Plain, queue: make([]int, 0, slabSize)}
	if cfg.Plain == nil {
		if w.conn == nil {
			return nil, errNoSocket
		}
		if !cfg.Addr.IsValid() {
			return nil, errors.New("forward: the address is not valid")
		}
		var err error
		if s.seal, err = newSealer(cfg.Keys); err != nil {
			return nil, err
		}
		s.dest.set(cfg.Addr, w.six)
	}
	s.shard = w.shards[0]
	for _, x := range w.shards[1:] {
		if x.subs.Load() < s.shard.subs.Load() {
			s.shard = x
		}
	}
	s.shard.subs.Add(1)
	return s, nil
}

// Move sends to addr from now on (ICE selected another pair).
func (s *Sub) Move(addr netip.AddrPort) {
	if addr.IsValid() && s.plain == nil {
		s.shard.order(func() { s.dest.set(addr, s.shard.works.six) })
	}
}

// Close returns when the shard has let go of it: the keys are never used again.
func (s *Sub) Close() {
	gone := make(chan struct{})
	s.shard.order(func() {
		if !s.closed {
			s.closed = true
			s.shard.subs.Add(-1)
			for _, sl := range s.slots {
				sl.leave()
			}
			s.queue = s.queue[:0]
		}
		close(gone)
	})
	select {
	case <-gone:
	case <-s.shard.done:
	}
}

// send makes messages of what is queued: runs of packets of one size, the last of a run may
// be shorter.
func (s *Sub) send(b *batch) {
	queue := s.queue
	s.queue = s.queue[:0]
	if s.plain != nil {
		for _, i := range queue {
			b.wrote(s.plain.WriteRTP(b.packet(i)))
		}
		return
	}
	for len(queue) > 0 {
		n := 1
		if b.works.gso.Load() {
			n = b.run(queue, s.seal.overhead)
		}
		for _, i := range queue[:n] {
			b.slab[i].size = len(s.seal.seal(b.packet(i), b.slab[i].index))
		}
		b.add(&s.dest, queue[:n])
		queue = queue[n:]
	}
}
