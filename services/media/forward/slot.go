package forward

import (
	"encoding/binary"
	"sync/atomic"
)

// SlotConfig is one outgoing stream.
type SlotConfig struct {
	SSRC  uint32
	RTX   uint32        // SSRC of retransmissions (RFC 4588); 0: nothing is sent again
	PT    [Codecs]uint8 // payload type by codec; 0: this subscriber cannot decode it
	RTXPT [Codecs]uint8 // of retransmissions, by codec
}

// stretch is a part of the outgoing stream with one rule of rewriting: from outgoing number
// from on, packets of layer have their number plus seq, and so on.
type stretch struct {
	layer   *Layer
	from    uint64 // outgoing index
	seq     uint64 // outgoing index minus position, modulo 2^64
	ts      uint32
	squeeze bool   // timestamps are drawn together, to end at ref
	ref     uint32 // incoming
	pid     uint16 // VP8: added to the picture id,
	tl0     uint8  // and to TL0PICIDX
}

const stretches = 4 // that are remembered, for NACK

// Slot is one outgoing stream, fed by one layer at a time. But for the counters all is owned
// by the shard.
type Slot struct {
	sub *Sub
	cfg SlotConfig

	layer   *Layer // feeds it
	next    *Layer // shall feed it from its next key frame on
	chasing bool   // sends what layer kept; chase is the position it is at
	chase   uint64

	past  [stretches]stretch // the newest first
	used  bool               // something was sent
	high  uint64             // the highest index sent
	seen  window             // indexes that were sealed: none may be twice
	ts    uint32             // last sent,
	at    int64              // and when it had come
	pid   uint16
	tl0   uint8
	rtx   uint64 // index of the last retransmission
	tries *[ringSize]try

	fed             atomic.Pointer[Layer]
	packets, octets atomic.Uint32
	seqNow, tsNow   atomic.Uint32
}

// try counts how often a packet was sent again.
type try struct {
	index uint64
	n     uint8
}

const triesMax = 3

// start is the least index of a stream's first packet: the rollover count begins at 0, and
// numbers of packets before the first do not go under zero.
const start = 1 << 10

// Slot adds an outgoing stream.
func (s *Sub) Slot(cfg SlotConfig) *Slot {
	sl := &Slot{sub: s, cfg: cfg, rtx: start}
	s.shard.order(func() {
		if !s.closed {
			s.slots = append(s.slots, sl)
		}
	})
	return sl
}

// SlotStats is a snapshot, for sender reports.
type SlotStats struct {
	Layer           *Layer // that feeds it now; nil: none
	Packets, Octets uint32 // of payload, as RFC 3550 6.4.1 counts
	Seq             uint16 // last sent
	TSOffset        uint32 // outgoing minus incoming RTP timestamp, modulo 2^32
}

// Stats may be called by anybody.
func (sl *Slot) Stats() SlotStats {
	return SlotStats{sl.fed.Load(), sl.packets.Load(), sl.octets.Load(), uint16(sl.seqNow.Load()), sl.tsNow.Load()}
}

// burst takes packets of a layer that feeds the slot or shall feed it.
func (sl *Slot) burst(l *Layer, j job) {
	if sl.next == l {
		pos, ok := l.entry(j)
		switch {
		case ok:
			sl.change(l, pos, false)
			j.from = pos
		case sl.layer != l:
			sl.wantKey(j.now)
			return
		}
	}
	if sl.layer != l || sl.chasing && j.to > sl.chase {
		return // what it sends later comes out of the ring in its turn
	}
	for pos := j.from; pos < j.to; pos++ {
		if k := l.at(pos); k != nil {
			sl.emit(k, pos)
		}
	}
}

// entry is where in a burst a decoder can begin.
func (l *Layer) entry(j job) (uint64, bool) {
	if l.cfg.Codec == Opus {
		return j.from, true
	}
	key := l.keyPos.Load()
	return key - 1, key > j.from && key <= j.to
}

// emit queues one packet of the layer that feeds the slot.
func (sl *Slot) emit(k *packet, pos uint64) {
	r, index := sl.find(pos)
	if r == nil || !sl.seen.first(index) {
		return
	}
	pt := sl.cfg.PT[sl.layer.cfg.Codec]
	i := sl.sub.shard.place(sl.sub)
	b := &sl.sub.shard.out.slab[i]
	b.index = index
	ts := r.time(k.ts)
	b.size = headerSize + copy(b.data[headerSize:], k.payload[:k.size])
	sl.head(b, pt, index, ts, sl.cfg.SSRC, k.marker)
	r.rename(k, b.data[headerSize:])
	if k.size == 0 {
		b.pad(4)
	}
	sl.packets.Add(1)
	sl.octets.Add(uint32(k.size))
	if !sl.used || index > sl.high {
		sl.used, sl.high = true, index
		sl.ts, sl.at = ts, k.at
		sl.seqNow.Store(uint32(index))
		sl.remember(k, b.data[headerSize:])
	}
}

// find tells which stretch a packet of the layer that feeds the slot belongs to.
func (sl *Slot) find(pos uint64) (*stretch, uint64) {
	for i := range sl.past {
		r := &sl.past[i]
		index := pos + r.seq
		if r.layer == sl.layer && index >= r.from && (i == 0 || index < sl.past[i-1].from) {
			return r, index
		}
	}
	return nil, 0
}

func (sl *Slot) head(b *place, pt uint8, index uint64, ts, ssrc uint32, marker bool) {
	b.data[0], b.data[1] = 0x80, pt
	if marker {
		b.data[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b.data[2:], uint16(index))
	binary.BigEndian.PutUint32(b.data[4:], ts)
	binary.BigEndian.PutUint32(b.data[8:], ssrc)
}

// remember keeps the running numbers of VP8 that were sent.
func (sl *Slot) remember(k *packet, payload []byte) {
	if k.pid != 0 {
		sl.pid = readPID(k, payload)
	}
	if k.tl0 != 0 {
		sl.tl0 = payload[k.tl0]
	}
}

// time is the outgoing timestamp. Kept packets of up to two seconds are drawn together to a
// few milliseconds, so that a late watcher sees the present at once.
func (r *stretch) time(ts uint32) uint32 {
	if r.squeeze {
		if behind := int32(r.ref - ts); behind > 0 {
			ts = r.ref - uint32(behind)>>6
		}
	}
	return ts + r.ts
}

// rename gives the picture its running numbers of this stream (RFC 7741 4.2): decoders take
// a step back for old pictures.
func (r *stretch) rename(k *packet, payload []byte) {
	if k.pid != 0 && r.pid != 0 {
		id := readPID(k, payload) + r.pid
		if k.pidLong {
			binary.BigEndian.PutUint16(payload[k.pid:], id&0x7fff|0x8000)
		} else {
			payload[k.pid] = uint8(id & 0x7f)
		}
	}
	if k.tl0 != 0 {
		payload[k.tl0] += r.tl0
	}
}

func readPID(k *packet, payload []byte) uint16 {
	if k.pidLong {
		return binary.BigEndian.Uint16(payload[k.pid:]) & 0x7fff
	}
	return uint16(payload[k.pid] & 0x7f)
}

// change lets l feed the slot from the packet at pos on, where a key frame begins.
func (sl *Slot) change(l *Layer, pos uint64, squeeze bool) {
	if sl.layer != nil && sl.layer != l {
		sl.layer.unhook(sl)
	}
	sl.layer, sl.next = l, nil
	sl.fed.Store(l)
	copy(sl.past[1:], sl.past[:stretches-1])
	r := stretch{layer: l, from: sl.high + 1}
	if !sl.used {
		r.from = start + pos&0xfff
	}
	r.seq = r.from - pos
	k := l.at(pos)
	if k == nil {
		sl.past[0] = r
		return
	}
	lead := k
	if squeeze {
		r.squeeze, r.ref = true, l.lastTS.Load()
		if h := l.at(l.head.Load() - 1); h != nil {
			lead, r.ref = h, h.ts
		}
	}
	if sl.used {
		ms := (lead.at - sl.at) / 1e6
		step := uint32(max(ms, 1) * int64(l.cfg.ClockRate) / 1000)
		if behind := int32(r.ref - k.ts); squeeze && behind > 0 {
			step = max(step, uint32(behind)>>6+l.cfg.ClockRate/1000) // the first of the kept must not go back
		}
		r.ts = sl.ts + step - lead.ts
		if k.pid != 0 {
			r.pid = (sl.pid + 1 - readPID(k, k.payload[:])) & 0x7fff
		}
		if k.tl0 != 0 {
			r.tl0 = sl.tl0 + 1 - k.payload[k.tl0]
		}
	}
	sl.past[0] = r
	sl.tsNow.Store(r.ts)
}

// catchUp sends a part of what the layer kept; false: it has come to the present.
func (sl *Slot) catchUp() bool {
	l, num := sl.layer, sl.sub.shard.num
	if l == nil {
		return false
	}
	l.reading[num].Store(sl.chase + 1)
	defer l.reading[num].Store(0)
	end := l.flushed.Load()
	for n := 0; sl.chase < end && n < chaseSize; sl.chase++ {
		if k := l.at(sl.chase); k != nil {
			sl.emit(k, sl.chase)
			n++
		}
	}
	if sl.chase < end {
		return true
	}
	sl.chasing = false
	// From here on time runs as the layer's does.
	old := sl.past[0]
	copy(sl.past[1:], sl.past[:stretches-1])
	sl.past[0] = stretch{layer: l, from: sl.high + 1, seq: old.seq, ts: old.ts, pid: old.pid, tl0: old.tl0}
	return false
}
