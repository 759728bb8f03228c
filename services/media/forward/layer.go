package forward

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxShards  = 4
	frameMax   = 16                     // packets of a burst
	frameHold  = 5 * time.Millisecond   // that an unfinished frame waits
	keyAge     = 2 * time.Second        // of a key frame that a late watcher still begins with
	keyEvery   = 200 * time.Millisecond // at most one KeyWanted of a shard
	mailboxLen = 4096                   // jobs of a shard; a burst that finds it full is lost and counted
)

// Layer is one incoming stream: a ring of the last 512 packets.
type Layer struct {
	cfg   LayerConfig
	works *Works
	ring  [ringSize]packet

	// owned by the writer
	begun bool

	head     atomic.Uint64 // the highest extended sequence number, and one
	flushed  atomic.Uint64 // bursts are posted up to here
	flushing sync.Mutex    // one burst after the other
	armed    atomic.Bool   // waits for the flusher
	keyPos   atomic.Uint64 // where the newest key frame begins, and one; 0: none
	keyTS    uint32        // its timestamp; owned by the writer
	closed   atomic.Bool

	fans    [maxShards]atomic.Int32 // slots of each shard that it feeds or that wait for it
	reading [maxShards]atomic.Uint64
	fed     [maxShards][]*Slot // owned by the shard of that number
	asked   [maxShards]int64   // last KeyWanted, owned likewise

	tapMu sync.Mutex // of the list; taps come and go seldom
	taps  atomic.Pointer[[]*Tap]

	packets, bytes, keys, lost atomic.Uint64
	level                      atomic.Uint32 // times 256
	lastNS                     atomic.Int64
	lastTS, ssrcSeen           atomic.Uint32
}

// first is where extended sequence numbers begin: room below for late packets.
const first = 1 << 20

// Layer makes a layer of these works.
func (w *Works) Layer(cfg LayerConfig) *Layer {
	l := &Layer{cfg: cfg, works: w}
	l.level.Store(127 << 8)
	l.taps.Store(&[]*Tap{})
	return l
}

// Write takes one decrypted RTP packet, copies it and returns; now is monotonic ns. One
// goroutine writes a layer. An error means that the packet is no RTP, does not fit, or is of
// no use any more.
func (l *Layer) Write(p []byte, now int64) error {
	h, err := parse(p, l.cfg.LevelID)
	switch {
	case err != nil:
		return err
	case len(h.payload) > maxPayload:
		return errTooLong
	}
	pos := l.extend(h.seq)
	if err := l.store(pos, h, now); err != nil {
		return err
	}
	l.count(h, now)
	l.post(pos, h.marker, now)
	return nil
}

// extend unwraps a sequence number (RFC 3550 A.1, without its probation).
func (l *Layer) extend(seq uint16) uint64 {
	if !l.begun {
		l.begun = true
		l.head.Store(first + uint64(seq))
		l.flushed.Store(first + uint64(seq))
		return first + uint64(seq)
	}
	last := l.head.Load() - 1
	return last + uint64(int64(int16(seq-uint16(last))))
}

// store puts the packet in its place, unless somebody reads what is there.
func (l *Layer) store(pos uint64, h rtpHeader, now int64) error {
	head := l.head.Load()
	k := &l.ring[pos%ringSize]
	old := k.pos.Load()
	if old > pos || pos+ringSize <= head { // seen, or overtaken
		return errOld
	}
	k.pos.Store(0)
	if old != 0 && l.isRead(old-1) {
		l.lost.Add(1)
		return errBusy
	}
	k.at, k.ts, k.marker, k.size = now, h.ts, h.marker, copy(k.payload[:], h.payload)
	k.look(l.cfg.Codec)
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

// isRead tells that a reader may be at pos.
func (l *Layer) isRead(pos uint64) bool {
	for i := range l.reading {
		if r := l.reading[i].Load(); r != 0 && r-1 <= pos {
			return true
		}
	}
	for _, t := range *l.taps.Load() {
		if r := t.reading.Load(); r != 0 && r-1 <= pos {
			return true
		}
	}
	return false
}

func (l *Layer) count(h rtpHeader, now int64) {
	l.packets.Add(1)
	l.bytes.Add(uint64(len(h.payload)))
	l.lastNS.Store(now)
	l.lastTS.Store(h.ts)
	l.ssrcSeen.Store(h.ssrc)
	if h.leveled {
		old := l.level.Load()
		l.level.Store((old*3 + uint32(h.level)<<8) / 4)
	}
	l.works.in.Add(1)
}

// post hands over what is due.
func (l *Layer) post(pos uint64, marker bool, now int64) {
	if pos < l.flushed.Load() { // late: it fills a hole
		l.works.post(job{layer: l, from: pos, to: pos + 1, now: now})
		return
	}
	head := l.head.Load()
	if l.cfg.Codec == Opus || marker || head-l.flushed.Load() >= frameMax {
		l.flush(head, now)
		return
	}
	if l.armed.CompareAndSwap(false, true) {
		select {
		case l.works.late <- unfinished{l, time.Now()}:
		default:
			l.armed.Store(false)
			l.flush(head, now)
		}
	}
}

// flush posts what lies before to, in order: the writer and the flusher both may, a burst at
// a time.
func (l *Layer) flush(to uint64, now int64) {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	from := l.flushed.Load()
	if from >= to {
		return
	}
	l.flushed.Store(to)
	l.works.post(job{layer: l, from: from, to: to, now: now})
	for _, t := range *l.taps.Load() {
		t.ring()
	}
}

// Close lets go of all slots that it feeds.
func (l *Layer) Close() {
	if l.closed.Swap(true) {
		return
	}
	for _, s := range l.works.shards {
		s.order(func() { s.forget(l) })
	}
	for _, t := range *l.taps.Load() {
		t.ring()
	}
}

// LayerStats is a snapshot for those who choose layers and speakers.
type LayerStats struct {
	Packets, Bytes uint64
	Keys           uint64 // key frames begun
	Lost           uint64 // packets that came too late or found their place being read
	Level          uint8  // audio: dBov below full scale, 0 (loudest) to 127 (silence), smoothed; RFC 6464
	LastNS         int64  // when the last packet came
	SSRC           uint32
	LastTS         uint32 // RTP timestamp of the newest packet
	Slots          int    // slots that it feeds or that wait for it
}

// Stats may be called by anybody.
func (l *Layer) Stats() LayerStats {
	st := LayerStats{
		Packets: l.packets.Load(), Bytes: l.bytes.Load(), Keys: l.keys.Load(), Lost: l.lost.Load(), Level: uint8(l.level.Load() >> 8),
		LastNS: l.lastNS.Load(), SSRC: l.ssrcSeen.Load(), LastTS: l.lastTS.Load(),
	}
	for i := range l.fans {
		st.Slots += int(l.fans[i].Load())
	}
	return st
}

// at reads the packet of a position; nil: it is not there. The caller has said in reading
// from where on it reads.
func (l *Layer) at(pos uint64) *packet {
	k := &l.ring[pos%ringSize]
	if k.pos.Load() != pos+1 {
		return nil
	}
	return k
}
