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

// Subscribe adds a subscriber to the shard with the fewest. An error names the fault in the
// keys or the address.
func (w *Forwarder) Subscribe(cfg SubConfig) (*Sub, error) {
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
		s.dest.setAddr(cfg.Addr, w.ipv6)
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

// SetAddr sends to addr from now on (ICE selected another pair).
func (s *Sub) SetAddr(addr netip.AddrPort) {
	if addr.IsValid() && s.plain == nil {
		s.shard.submit(func() { s.dest.setAddr(addr, s.shard.forwarder.ipv6) })
	}
}

// Close returns when the shard has released it: the keys are never used again.
func (s *Sub) Close() {
	gone := make(chan struct{})
	s.shard.submit(func() {
		if !s.closed {
			s.closed = true
			s.shard.subs.Add(-1)
			for _, sl := range s.slots {
				sl.detachLayers()
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

// sendQueued makes messages of the queued packets: runs of packets of one size. The last of a
// run may be shorter.
func (s *Sub) sendQueued(b *batch) {
	queue := s.queue
	s.queue = s.queue[:0]
	if s.plain != nil {
		for _, i := range queue {
			b.countWrite(s.plain.WriteRTP(b.packetAt(i)))
		}
		return
	}
	for len(queue) > 0 {
		n := 1
		if b.forwarder.gso.Load() {
			n = b.padSegments(queue, s.seal.overhead)
		}
		for _, i := range queue[:n] {
			b.slab[i].size = len(s.seal.seal(b.packetAt(i), b.slab[i].index))
		}
		b.addMessage(&s.dest, queue[:n])
		queue = queue[n:]
	}
}
