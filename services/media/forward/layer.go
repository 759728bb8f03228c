package forward

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxShards         = 4
	burstPackets      = 16                     // packets of a burst
	unfinishedHold    = 5 * time.Millisecond   // wait of an unfinished frame
	maxKeyFrameAge    = 2 * time.Second        // of a key frame at which a late watcher may begin
	keyWantedInterval = 200 * time.Millisecond // at most one KeyWanted of a shard
	mailboxSize       = 4096                   // messages of a shard, a burst that finds it full is lost and counted
)

// Layer is one incoming stream: a ring of the last 512 packets.
type Layer struct {
	cfg       LayerConfig
	forwarder *Forwarder
	ring      [ringSize]packet

	// owned by the writer
	started bool

	head       atomic.Uint64 // the highest extended sequence number, plus one
	flushed    atomic.Uint64 // bursts are posted up to here
	flushing   sync.Mutex    // one burst after the other
	flushArmed atomic.Bool   // waits for flushUnfinished
	keyPos     atomic.Uint64 // position of the newest key frame, plus one, 0: none
	keyTS      uint32        // its timestamp, owned by the writer
	closed     atomic.Bool

	subscriberCount [maxShards]atomic.Int32 // slots of each shard fed by it or waiting for it
	readPos         [maxShards]atomic.Uint64
	fedSlots        [maxShards][]*Slot // owned by the shard of that number
	keyAskedAt      [maxShards]int64   // last KeyWanted, owned likewise

	tapMu sync.Mutex // guards changes of taps, which are rare
	taps  atomic.Pointer[[]*Tap]

	packets, bytes, keys, lost atomic.Uint64
	level                      atomic.Uint32 // times 256
	lastNS                     atomic.Int64
	lastTS, ssrcSeen           atomic.Uint32
}

// firstSeq is the start of the extended sequence numbers. It leaves room below for late packets.
const firstSeq = 1 << 20

// NewLayer makes a layer of this forwarder.
func (w *Forwarder) NewLayer(cfg LayerConfig) *Layer {
	l := &Layer{cfg: cfg, forwarder: w}
	l.level.Store(127 << 8)
	l.taps.Store(&[]*Tap{})
	return l
}

// Write takes one decrypted RTP packet, copies it and returns. now is monotonic ns. One
// goroutine writes a layer. An error means that the packet is not RTP, does not fit, or is too
// late.
func (l *Layer) Write(p []byte, now int64) error {
	h, err := parseRTP(p, l.cfg.LevelID)
	switch {
	case err != nil:
		return err
	case len(h.payload) > maxPayload:
		return errTooLong
	}
	pos := l.unwrapSeq(h.seq)
	if err := l.storePacket(pos, h, now); err != nil {
		return err
	}
	l.countPacket(h, now)
	l.postBurst(pos, h.marker, now)
	return nil
}

// unwrapSeq unwraps a sequence number (RFC 3550 A.1, without its probation).
func (l *Layer) unwrapSeq(seq uint16) uint64 {
	if !l.started {
		l.started = true
		l.head.Store(firstSeq + uint64(seq))
		l.flushed.Store(firstSeq + uint64(seq))
		return firstSeq + uint64(seq)
	}
	last := l.head.Load() - 1
	return last + uint64(int64(int16(seq-uint16(last))))
}

// storePacket puts the packet in its place, unless a reader is there.
func (l *Layer) storePacket(pos uint64, h rtpHeader, now int64) error {
	head := l.head.Load()
	k := &l.ring[pos%ringSize]
	old := k.pos.Load()
	if old > pos || pos+ringSize <= head { // a duplicate, or too old
		return errOld
	}
	k.pos.Store(0)
	if old != 0 && l.isRead(old-1) {
		l.lost.Add(1)
		return errBusy
	}
	k.arrivedAt, k.ts, k.marker, k.size = now, h.ts, h.marker, copy(k.payload[:], h.payload)
	k.parsePayload(l.cfg.Codec)
	if k.key && (l.keyPos.Load() == 0 || l.keyTS != h.ts) {
		l.keyTS = h.ts
		l.keyPos.Store(pos + 1)
		l.keys.Add(1)
	}
	k.pos.Store(pos + 1)
	if pos >= head {
		l.head.Store(pos + 1)
	}
	return nil
}

// isRead reports whether a reader may be at pos.
func (l *Layer) isRead(pos uint64) bool {
	for i := range l.readPos {
		if r := l.readPos[i].Load(); r != 0 && r-1 <= pos {
			return true
		}
	}
	for _, t := range *l.taps.Load() {
		if r := t.readPos.Load(); r != 0 && r-1 <= pos {
			return true
		}
	}
	return false
}

func (l *Layer) countPacket(h rtpHeader, now int64) {
	l.packets.Add(1)
	l.bytes.Add(uint64(len(h.payload)))
	l.lastNS.Store(now)
	l.lastTS.Store(h.ts)
	l.ssrcSeen.Store(h.ssrc)
	if h.hasLevel {
		old := l.level.Load()
		l.level.Store((old*3 + uint32(h.level)<<8) / 4)
	}
	l.forwarder.packetsIn.Add(1)
}

// postBurst hands over the packets that are due.
func (l *Layer) postBurst(pos uint64, marker bool, now int64) {
	if pos < l.flushed.Load() { // late: it fills a hole
		l.forwarder.postBurst(shardMessage{layer: l, from: pos, to: pos + 1, now: now})
		return
	}
	head := l.head.Load()
	if l.cfg.Codec == Opus || marker || head-l.flushed.Load() >= burstPackets {
		l.flushBurst(head, now)
		return
	}
	if l.flushArmed.CompareAndSwap(false, true) {
		select {
		case l.forwarder.unfinished <- unfinishedFrame{l, time.Now()}:
		default:
			l.flushArmed.Store(false)
			l.flushBurst(head, now)
		}
	}
}

// flushBurst posts the packets before to, in order. Both the writer and the flusher may, one
// burst at a time.
func (l *Layer) flushBurst(to uint64, now int64) {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	from := l.flushed.Load()
	if from >= to {
		return
	}
	l.flushed.Store(to)
	l.forwarder.postBurst(shardMessage{layer: l, from: from, to: to, now: now})
	for _, t := range *l.taps.Load() {
		t.wakeReader()
	}
}

// Close releases all slots that it feeds.
func (l *Layer) Close() {
	if l.closed.Swap(true) {
		return
	}
	for _, s := range l.forwarder.shards {
		s.submit(func() { s.removeLayer(l) })
	}
	for _, t := range *l.taps.Load() {
		t.wakeReader()
	}
}

// LayerStats is a snapshot for the choice of layers and speakers.
type LayerStats struct {
	Packets, Bytes uint64
	Keys           uint64 // key frames begun
	Lost           uint64 // packets that came too late or whose place was being read
	Level          uint8  // audio: dBov below full scale, 0 (loudest) to 127 (silence), smoothed, RFC 6464
	LastNS         int64  // when the last packet came
	SSRC           uint32
	LastTS         uint32 // RTP timestamp of the newest packet
	Slots          int    // slots fed by it or waiting for it
}

// Stats may be called from any goroutine.
func (l *Layer) Stats() LayerStats {
	st := LayerStats{
		Packets: l.packets.Load(), Bytes: l.bytes.Load(), Keys: l.keys.Load(), Lost: l.lost.Load(), Level: uint8(l.level.Load() >> 8),
		LastNS: l.lastNS.Load(), SSRC: l.ssrcSeen.Load(), LastTS: l.lastTS.Load(),
	}
	for i := range l.subscriberCount {
		st.Slots += int(l.subscriberCount[i].Load())
	}
	return st
}

// packetAt returns the packet at a position, or nil if it is not there. The caller has published
// its read position in readPos.
func (l *Layer) packetAt(pos uint64) *packet {
	k := &l.ring[pos%ringSize]
	if k.pos.Load() != pos+1 {
		return nil
	}
	return k
}
