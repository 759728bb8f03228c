package forward

import "encoding/binary"

// Select feeds the slot from l, or from nothing if l is nil. The layer that fed it continues
// until l can take over at a key frame: at once if l's ring holds one (its backlog is sent
// paced), else after KeyWanted. same means that l shows the same source (a simulcast layer), so
// that the old layer continues until then. Otherwise it stops at once.
func (sl *Slot) Select(l *Layer, same bool) {
	sl.sub.shard.submit(func() { sl.selectLayer(l, same) })
}

func (sl *Slot) selectLayer(l *Layer, same bool) {
	if sl.sub.closed {
		return
	}
	if sl.nextLayer != nil && sl.nextLayer != sl.layer {
		sl.nextLayer.removeSlot(sl)
	}
	sl.nextLayer = nil
	if l == nil || l.closed.Load() || sl.cfg.PT[l.cfg.Codec] == 0 {
		sl.stopFeed()
		return
	}
	if l == sl.layer {
		return
	}
	if !same {
		sl.stopFeed()
	}
	l.addSlot(sl)
	sl.nextLayer = l
	if l.cfg.Codec == Opus {
		return // any packet is a start
	}
	num := sl.sub.shard.num
	if key := l.keptKeyFrame(num); key != 0 {
		sl.startSegment(l, key-1, true)
		sl.replaying, sl.replayPos = true, key-1
		sl.sub.shard.backlogs = append(sl.sub.shard.backlogs, sl)
		if !sl.replaySome() {
			sl.replaying = false
		}
	} else {
		sl.requestKeyFrame(l.lastNS.Load())
	}
	l.readPos[num].Store(0)
}

// keptKeyFrame is the position of the newest key frame, plus one, if it and all packets after it
// are in the ring and it is not too old. It publishes that the shard reads from there on. 0: no.
func (l *Layer) keptKeyFrame(num int) uint64 {
	key := l.keyPos.Load()
	if key == 0 {
		return 0
	}
	l.readPos[num].Store(key)
	k := l.packetAt(key - 1)
	if k == nil || l.lastNS.Load()-k.arrivedAt > int64(maxKeyFrameAge) {
		return 0
	}
	for pos := key; pos < l.flushed.Load(); pos++ {
		if l.packetAt(pos) == nil {
			return 0
		}
	}
	return key
}

// addSlot lists a slot with the layer. The list belongs to the shard.
func (l *Layer) addSlot(sl *Slot) {
	num := sl.sub.shard.num
	l.fedSlots[num] = append(l.fedSlots[num], sl)
	l.subscriberCount[num].Add(1)
}

// removeSlot takes it off. A loop may be walking the list at this moment, so it is copied.
func (l *Layer) removeSlot(sl *Slot) {
	num := sl.sub.shard.num
	var list []*Slot
	for _, x := range l.fedSlots[num] {
		if x != sl {
			list = append(list, x)
		}
	}
	l.subscriberCount[num].Add(int32(len(list) - len(l.fedSlots[num])))
	l.fedSlots[num] = list
}

// stopFeed detaches the slot from the layer that feeds it.
func (sl *Slot) stopFeed() {
	if sl.layer != nil {
		sl.layer.removeSlot(sl)
	}
	sl.layer, sl.replaying = nil, false
	sl.feeding.Store(nil)
}

// detachLayers detaches the slot from all layers.
func (sl *Slot) detachLayers() {
	if sl.nextLayer != nil && sl.nextLayer != sl.layer {
		sl.nextLayer.removeSlot(sl)
	}
	sl.nextLayer = nil
	sl.stopFeed()
}

// dropLayer forgets a layer that is closed. Its list is dropped by the caller.
func (sl *Slot) dropLayer(l *Layer) {
	if sl.nextLayer == l {
		sl.nextLayer = nil
	}
	if sl.layer == l {
		sl.layer, sl.replaying = nil, false
		sl.feeding.Store(nil)
	}
}

func (sl *Slot) requestKeyFrame(now int64) {
	l, num := sl.nextLayer, sl.sub.shard.num
	if l == nil || l.cfg.KeyWanted == nil || l.keyAskedAt[num] != 0 && now-l.keyAskedAt[num] < int64(keyWantedInterval) {
		return
	}
	l.keyAskedAt[num] = max(now, 1)
	l.cfg.KeyWanted()
}

const nackMax = 200 // sequence numbers handled of one NACK

// Nack resends the packets that a receiver misses (RFC 4585 6.2.1), each at most 3 times. seqs
// is not kept.
func (sl *Slot) Nack(seqs []uint16) {
	list := append([]uint16(nil), seqs[:min(len(seqs), nackMax)]...)
	sl.sub.shard.submit(func() {
		for _, seq := range list {
			sl.resendPacket(seq)
		}
	})
}

// resendPacket queues a retransmission (RFC 4588).
func (sl *Slot) resendPacket(seq uint16) {
	if sl.cfg.RTX == 0 || !sl.started || sl.sub.closed {
		return
	}
	index := sl.highest - uint64(uint16(sl.highest)-seq)
	if index > sl.highest || sl.highest-index >= ringSize {
		return
	}
	for i := range sl.segments {
		r := &sl.segments[i]
		if r.layer == nil || index < r.from {
			continue
		}
		sl.queueRTX(r, index)
		return
	}
}

func (sl *Slot) queueRTX(r *rewriteSegment, index uint64) {
	if sl.resends == nil {
		sl.resends = new([ringSize]resendCount)
	}
	t := &sl.resends[index%ringSize]
	if t.index != index {
		*t = resendCount{index: index}
	}
	pt := sl.cfg.RTXPT[r.layer.cfg.Codec]
	if t.n >= maxResends || pt == 0 {
		return
	}
	l, num, pos := r.layer, sl.sub.shard.num, index-r.seq
	l.readPos[num].Store(pos + 1)
	defer l.readPos[num].Store(0)
	k := l.packetAt(pos)
	if k == nil || k.size == 0 {
		return
	}
	t.n++
	sl.rtxIndex++
	i := sl.sub.shard.allocSlabSlot(sl.sub)
	b := &sl.sub.shard.batch.slab[i]
	b.index = sl.rtxIndex
	sl.writeHeader(b, pt, sl.rtxIndex, r.outgoingTS(k.ts), sl.cfg.RTX, k.marker)
	binary.BigEndian.PutUint16(b.data[headerSize:], uint16(index))
	n := copy(b.data[headerSize+2:], k.payload[:k.size])
	r.rewriteVP8Descriptor(k, b.data[headerSize+2:])
	b.size = headerSize + 2 + n
	sl.sub.shard.retransmits.Add(1)
}
