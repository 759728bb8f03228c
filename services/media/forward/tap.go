package forward

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync/atomic"
)

const tapReorderPackets = 100 // how far the layer may be ahead of a missing packet

// Tap reads a layer's packets in order for a recorder. One goroutine reads it.
type Tap struct {
	layer   *Layer
	readPos atomic.Uint64
	wake    chan struct{}
	next    uint64
	closed  atomic.Bool
}

// OpenTap begins with the next packet. A video begins with the key frame in the ring.
func (l *Layer) OpenTap() *Tap {
	t := &Tap{layer: l, wake: make(chan struct{}, 1)}
	t.next = l.flushed.Load()
	if key := l.keyPos.Load(); key != 0 {
		t.next = key - 1
	}
	l.tapMu.Lock()
	defer l.tapMu.Unlock()
	list := append(slices.Clone(*l.taps.Load()), t)
	l.taps.Store(&list)
	t.wakeReader()
	return t
}

func (t *Tap) wakeReader() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Next copies the next packet, header extensions removed, into buf. It waits for a missing
// packet until the layer is 100 packets ahead, then skips it. If the ring overtook a slow
// reader, it continues with the oldest packet. io.EOF: the layer or tap is closed.
func (t *Tap) Next(ctx context.Context, buf []byte) (n int, err error) {
	l := t.layer
	for {
		if end := l.flushed.Load(); t.next < end {
			if n = t.readNext(end, buf); n > 0 {
				return n, nil
			}
			if n < 0 {
				continue
			}
		}
		if t.closed.Load() || l.closed.Load() {
			return 0, io.EOF
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// readNext copies the packet at next. It returns the size, 0 to wait for the packet, or -1 to
// continue with another.
func (t *Tap) readNext(end uint64, buf []byte) int {
	l := t.layer
	t.readPos.Store(t.next + 1)
	defer t.readPos.Store(0)
	k := l.packetAt(t.next)
	if k == nil {
		if end-t.next < tapReorderPackets {
			return 0
		}
		t.next = max(t.next+1, oldestPos(end))
		return -1
	}
	pos := t.next
	t.next++
	if len(buf) < headerSize+k.size {
		return -1
	}
	buf[0], buf[1] = 0x80, 96
	if k.marker {
		buf[1] |= 0x80
	}
	binary.BigEndian.PutUint16(buf[2:], uint16(pos))
	binary.BigEndian.PutUint32(buf[4:], k.ts)
	binary.BigEndian.PutUint32(buf[8:], l.ssrcSeen.Load())
	return headerSize + copy(buf[headerSize:], k.payload[:k.size])
}

func oldestPos(end uint64) uint64 {
	if end < ringSize {
		return 0
	}
	return end - ringSize + burstPackets
}

// Close ends the tap.
func (t *Tap) Close() {
	if t.closed.Swap(true) {
		return
	}
	l := t.layer
	l.tapMu.Lock()
	defer l.tapMu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*l.taps.Load()), func(x *Tap) bool { return x == t })
	l.taps.Store(&list)
	t.wakeReader()
}
