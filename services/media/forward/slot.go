package forward

import (
	"encoding/binary"
	"sync/atomic"
)

// SlotConfig describes one outgoing stream.
type SlotConfig struct {
	SSRC  uint32
	RTX   uint32        // SSRC of retransmissions (RFC 4588), 0: no retransmissions
	PT    [Codecs]uint8 // payload type by codec, 0: this subscriber cannot decode it
	RTXPT [Codecs]uint8 // of retransmissions, by codec
}

// rewriteSegment maps the packets of one layer to the outgoing stream, valid from the outgoing
// index from on: index = position + seq, timestamp = incoming timestamp + ts.
type rewriteSegment struct {
	layer        *Layer
	from         uint64 // outgoing index
	seq          uint64 // outgoing index minus position, modulo 2^64
	ts           uint32
	compressTime bool   // the backlog's timestamps are compressed, to end at refTS
	refTS        uint32 // incoming
	pid          uint16 // VP8: added to the picture id,
	tl0          uint8  // and to TL0PICIDX
}

const maxRewriteSegments = 4 // remembered, for NACK

// Slot is one outgoing RTP stream, fed by one layer at a time. The shard owns all fields except
// the counters.
type Slot struct {
	sub *Sub
	cfg SlotConfig

	layer     *Layer // feeds it
	nextLayer *Layer // feeds it from its next key frame on
	replaying bool   // sends the layer's backlog, replayPos is its position
	replayPos uint64

	segments    [maxRewriteSegments]rewriteSegment // the newest first
	started     bool                               // a packet was sent
	highest     uint64                             // the highest index sent
	sealed      replayWindow                       // indexes that were sealed, each only once
	lastTS      uint32                             // last sent,
	lastArrival int64                              // and its time of arrival
	pid         uint16
	tl0         uint8
	rtxIndex    uint64 // index of the last retransmission
	resends     *[ringSize]resendCount

	feeding           atomic.Pointer[Layer]
	packets, octets   atomic.Uint32
	lastSeq, tsOffset atomic.Uint32
}

// resendCount counts how often a packet was sent again.
type resendCount struct {
	index uint64
	n     uint8
}

const maxResends = 3

// firstIndex is the least index of a stream's first packet. The rollover counter begins at 0, and
// indexes of late packets before the first must not fall below zero.
const firstIndex = 1 << 10

// NewSlot adds an outgoing stream.
func (s *Sub) NewSlot(cfg SlotConfig) *Slot {
	sl := &Slot{sub: s, cfg: cfg, rtxIndex: firstIndex}
	s.shard.submit(func() {
		if !s.closed {
			s.slots = append(s.slots, sl)
		}
	})
	return sl
}

// SlotStats is a snapshot, for sender reports.
type SlotStats struct {
	Layer           *Layer // feeds it now, nil: none
	Packets, Octets uint32 // of payload, as RFC 3550 6.4.1 counts
	Seq             uint16 // last sent
	TSOffset        uint32 // outgoing minus incoming RTP timestamp, modulo 2^32
}

// Stats may be called from any goroutine.
func (sl *Slot) Stats() SlotStats {
	return SlotStats{sl.feeding.Load(), sl.packets.Load(), sl.octets.Load(), uint16(sl.lastSeq.Load()), sl.tsOffset.Load()}
}

// forwardBurst queues the packets of a layer that feeds the slot or is about to.
func (sl *Slot) forwardBurst(l *Layer, j shardMessage) {
	if sl.nextLayer == l {
		pos, ok := l.entryPoint(j)
		switch {
		case ok:
			sl.startSegment(l, pos, false)
			j.from = pos
		case sl.layer != l:
			sl.requestKeyFrame(j.now)
			return
		}
	}
	if sl.layer != l || sl.replaying && j.to > sl.replayPos {
		return // later packets come out of the ring in their turn
	}
	for pos := j.from; pos < j.to; pos++ {
		if k := l.packetAt(pos); k != nil {
			sl.queuePacket(k, pos)
		}
	}
}

// entryPoint is the position in a burst at which a decoder can begin.
func (l *Layer) entryPoint(j shardMessage) (uint64, bool) {
	if l.cfg.Codec == Opus {
		return j.from, true
	}
	key := l.keyPos.Load()
	return key - 1, key > j.from && key <= j.to
}

// queuePacket queues one packet of the layer that feeds the slot.
func (sl *Slot) queuePacket(k *packet, pos uint64) {
	r, index := sl.findSegment(pos)
	if r == nil || !sl.sealed.claimIndex(index) {
		return
	}
	pt := sl.cfg.PT[sl.layer.cfg.Codec]
	i := sl.sub.shard.allocSlabSlot(sl.sub)
	b := &sl.sub.shard.batch.slab[i]
	b.index = index
	ts := r.outgoingTS(k.ts)
	b.size = headerSize + copy(b.data[headerSize:], k.payload[:k.size])
	sl.writeHeader(b, pt, index, ts, sl.cfg.SSRC, k.marker)
	r.rewriteVP8Descriptor(k, b.data[headerSize:])
	if k.size == 0 {
		b.addPadding(4)
	}
	sl.packets.Add(1)
	sl.octets.Add(uint32(k.size))
	if !sl.started || index > sl.highest {
		sl.started, sl.highest = true, index
		sl.lastTS, sl.lastArrival = ts, k.arrivedAt
		sl.lastSeq.Store(uint32(index))
		sl.recordVP8Counters(k, b.data[headerSize:])
	}
}

// findSegment returns the rewriteSegment for a packet of the layer that feeds the slot.
func (sl *Slot) findSegment(pos uint64) (*rewriteSegment, uint64) {
	for i := range sl.segments {
		r := &sl.segments[i]
		index := pos + r.seq
		if r.layer == sl.layer && index >= r.from && (i == 0 || index < sl.segments[i-1].from) {
			return r, index
		}
	}
	return nil, 0
}

func (sl *Slot) writeHeader(b *slabSlot, pt uint8, index uint64, ts, ssrc uint32, marker bool) {
	b.data[0], b.data[1] = 0x80, pt
	if marker {
		b.data[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b.data[2:], uint16(index))
	binary.BigEndian.PutUint32(b.data[4:], ts)
	binary.BigEndian.PutUint32(b.data[8:], ssrc)
}

// recordVP8Counters keeps the last PictureID and TL0PICIDX that were sent.
func (sl *Slot) recordVP8Counters(k *packet, payload []byte) {
	if k.pid != 0 {
		sl.pid = readPID(k, payload)
	}
	if k.tl0 != 0 {
		sl.tl0 = payload[k.tl0]
	}
}

// outgoingTS is the outgoing timestamp. A backlog of up to two seconds is compressed to a few
// milliseconds, so that a late watcher sees the newest picture at once.
func (r *rewriteSegment) outgoingTS(ts uint32) uint32 {
	if r.compressTime {
		if behind := int32(r.refTS - ts); behind > 0 {
			ts = r.refTS - uint32(behind)>>6
		}
	}
	return ts + r.ts
}

// rewriteVP8Descriptor makes PictureID and TL0PICIDX continuous across a layer switch (RFC 7741
// 4.2). Decoders drop frames with an id that goes back.
func (r *rewriteSegment) rewriteVP8Descriptor(k *packet, payload []byte) {
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

// startSegment makes l feed the slot from the packet at pos on, where a key frame begins.
func (sl *Slot) startSegment(l *Layer, pos uint64, squeeze bool) {
	if sl.layer != nil && sl.layer != l {
		sl.layer.removeSlot(sl)
	}
	sl.layer, sl.nextLayer = l, nil
	sl.feeding.Store(l)
	copy(sl.segments[1:], sl.segments[:maxRewriteSegments-1])
	r := rewriteSegment{layer: l, from: sl.highest + 1}
	if !sl.started {
		r.from = firstIndex + pos&0xfff
	}
	r.seq = r.from - pos
	k := l.packetAt(pos)
	if k == nil {
		sl.segments[0] = r
		return
	}
	lead := k
	if squeeze {
		r.compressTime, r.refTS = true, l.lastTS.Load()
		if h := l.packetAt(l.head.Load() - 1); h != nil {
			lead, r.refTS = h, h.ts
		}
	}
	if sl.started {
		ms := (lead.arrivedAt - sl.lastArrival) / 1e6
		step := uint32(max(ms, 1) * int64(l.cfg.ClockRate) / 1000)
		if behind := int32(r.refTS - k.ts); squeeze && behind > 0 {
			step = max(step, uint32(behind)>>6+l.cfg.ClockRate/1000) // the first timestamp of the backlog must not go back
		}
		r.ts = sl.lastTS + step - lead.ts
		if k.pid != 0 {
			r.pid = (sl.pid + 1 - readPID(k, k.payload[:])) & 0x7fff
		}
		if k.tl0 != 0 {
			r.tl0 = sl.tl0 + 1 - k.payload[k.tl0]
		}
	}
	sl.segments[0] = r
	sl.tsOffset.Store(r.ts)
}

// replaySome sends a part of the layer's backlog. False: it has reached the newest packet.
func (sl *Slot) replaySome() bool {
	l, num := sl.layer, sl.sub.shard.num
	if l == nil {
		return false
	}
	l.readPos[num].Store(sl.replayPos + 1)
	defer l.readPos[num].Store(0)
	end := l.flushed.Load()
	for n := 0; sl.replayPos < end && n < replayBatch; sl.replayPos++ {
		if k := l.packetAt(sl.replayPos); k != nil {
			sl.queuePacket(k, sl.replayPos)
			n++
		}
	}
	if sl.replayPos < end {
		return true
	}
	sl.replaying = false
	// From here on the timestamps follow the layer's.
	old := sl.segments[0]
	copy(sl.segments[1:], sl.segments[:maxRewriteSegments-1])
	sl.segments[0] = rewriteSegment{layer: l, from: sl.highest + 1, seq: old.seq, ts: old.ts, pid: old.pid, tl0: old.tl0}
	return false
}
