package forward

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync/atomic"
)

const tapPatience = 100 // packets that the layer may be ahead of a missing one

// Tap reads a layer's packets in order for a recorder. One goroutine reads it.
type Tap struct {
	layer   *Layer
	reading atomic.Uint64
	wake    chan struct{}
	next    uint64
	closed  atomic.Bool
}

// Tap begins with the packets that come from now on (a video's from its kept key frame).
func (l *Layer) Tap() *Tap {
	t := &Tap{layer: l, wake: make(chan struct{}, 1)}
	t.next = l.flushed.Load()
	if key := l.keyPos.Load(); key != 0 {
		t.next = key - 1
	}
	l.tapMu.Lock()
	defer l.tapMu.Unlock()
	list := append(slices.Clone(*l.taps.Load()), t)
	l.taps.Store(&list)
	t.ring()
	return t
}

func (t *Tap) ring() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Next copies the next packet, header extensions removed, into buf. It waits for a missing
// packet until the layer is 100 packets ahead, then leaves it out; a reader so slow that the
// ring overtook it goes on with the oldest. io.EOF: the layer or tap is closed.
func (t *Tap) Next(ctx context.Context, buf []byte) (n int, err error) {
	l := t.layer
	for {
		if end := l.flushed.Load(); t.next < end {
			if n = t.read(end, buf); n > 0 {
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

// read takes the packet at next: its size, 0 to wait for it, -1 to go on with another.
func (t *Tap) read(end uint64, buf []byte) int {
	l := t.layer
	t.reading.Store(t.next + 1)
	defer t.reading.Store(0)
	k := l.at(t.next)
	if k == nil {
		if end-t.next < tapPatience {
			return 0
		}
		t.next = max(t.next+1, oldest(end))
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

func oldest(end uint64) uint64 {
	if end < ringSize {
		return 0
	}
	return end - ringSize + frameMax
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
	t.ring()
}
