package forward

import "encoding/binary"

// Select feeds the slot from l, nil from nothing. What fed it goes on until l can take over
// at a key frame: at once when l's ring holds one (it is sent paced), else KeyWanted is
// called. same tells that l shows the same source (a simulcast layer), so that the old goes on
// until then; otherwise it stops at once.
func (sl *Slot) Select(l *Layer, same bool) {
	sl.sub.shard.order(func() { sl.choose(l, same) })
}

func (sl *Slot) choose(l *Layer, same bool) {
	if sl.sub.closed {
		return
	}
	if sl.next != nil && sl.next != sl.layer {
		sl.next.unhook(sl)
	}
	sl.next = nil
	if l == nil || l.closed.Load() || sl.cfg.PT[l.cfg.Codec] == 0 {
		sl.halt()
		return
	}
	if l == sl.layer {
		return
	}
	if !same {
		sl.halt()
	}
	l.hook(sl)
	sl.next = l
	if l.cfg.Codec == Opus {
		return // any packet will do
	}
	num := sl.sub.shard.num
	if key := l.kept(num); key != 0 {
		sl.change(l, key-1, true)
		sl.chasing, sl.chase = true, key-1
		sl.sub.shard.chase = append(sl.sub.shard.chase, sl)
		if !sl.catchUp() {
			sl.chasing = false
		}
	} else {
		sl.wantKey(l.lastNS.Load())
	}
	l.reading[num].Store(0)
}

// kept is where the newest key frame begins (and one) if it and all after it are there and it
// is not too old; from there on the shard is said to read. 0: no.
func (l *Layer) kept(num int) uint64 {
	key := l.keyPos.Load()
	if key == 0 {
		return 0
	}
	l.reading[num].Store(key)
	k := l.at(key - 1)
	if k == nil || l.lastNS.Load()-k.at > int64(keyAge) {
		return 0
	}
	for pos := key; pos < l.flushed.Load(); pos++ {
		if l.at(pos) == nil {
			return 0
		}
	}
	return key
}

// hook lists a slot with the layer. The shard's own list: nobody else reads it.
func (l *Layer) hook(sl *Slot) {
	num := sl.sub.shard.num
	l.fed[num] = append(l.fed[num], sl)
	l.fans[num].Add(1)
}

// unhook takes it off. The list may be walked at this moment, so it is made anew.
func (l *Layer) unhook(sl *Slot) {
	num := sl.sub.shard.num
	var list []*Slot
	for _, x := range l.fed[num] {
		if x != sl {
			list = append(list, x)
		}
	}
	l.fans[num].Add(int32(len(list) - len(l.fed[num])))
	l.fed[num] = list
}

// halt feeds the slot from nothing.
func (sl *Slot) halt() {
	if sl.layer != nil {
		sl.layer.unhook(sl)
	}
	sl.layer, sl.chasing = nil, false
	sl.fed.Store(nil)
}

// leave lets go of all layers.
func (sl *Slot) leave() {
	if sl.next != nil && sl.next != sl.layer {
		sl.next.unhook(sl)
	}
	sl.next = nil
	sl.halt()
}

// lose forgets a layer that is closed; its list is dropped by the caller.
func (sl *Slot) lose(l *Layer) {
	if sl.next == l {
		sl.next = nil
	}
	if sl.layer == l {
		sl.layer, sl.chasing = nil, false
		sl.fed.Store(nil)
	}
}

func (sl *Slot) wantKey(now int64) {
	l, num := sl.next, sl.sub.shard.num
	if l == nil || l.cfg.KeyWanted == nil || l.asked[num] != 0 && now-l.asked[num] < int64(keyEvery) {
		return
	}
	l.asked[num] = max(now, 1)
	l.cfg.KeyWanted()
}

const nackMax = 200 // numbers of one request that are looked at

// Nack resends what a receiver misses: each packet at most 3 times. seqs is not kept.
func (sl *Slot) Nack(seqs []uint16) {
	list := append([]uint16(nil), seqs[:min(len(seqs), nackMax)]...)
	sl.sub.shard.order(func() {
		for _, seq := range list {
			sl.resend(seq)
		}
	})
}

// resend queues a packet once more, as RFC 4588 says.
func (sl *Slot) resend(seq uint16) {
	if sl.cfg.RTX == 0 || !sl.used || sl.sub.closed {
		return
	}
	index := sl.high - uint64(uint16(sl.high)-seq)
	if index > sl.high || sl.high-index >= ringSize {
		return
	}
	for i := range sl.past {
		r := &sl.past[i]
		if r.layer == nil || index < r.from {
			continue
		}
		sl.again(r, index)
		return
	}
}

func (sl *Slot) again(r *stretch, index uint64) {
	if sl.tries == nil {
		sl.tries = new([ringSize]try)
	}
	t := &sl.tries[index%ringSize]
	if t.index != index {
		*t = try{index: index}
	}
	pt := sl.cfg.RTXPT[r.layer.cfg.Codec]
	if t.n >= triesMax || pt == 0 {
		return
	}
	l, num, pos := r.layer, sl.sub.shard.num, index-r.seq
	l.reading[num].Store(pos + 1)
	defer l.reading[num].Store(0)
	k := l.at(pos)
	if k == nil || k.size == 0 {
		return
	}
	t.n++
	sl.rtx++
	i := sl.sub.shard.place(sl.sub)
	b := &sl.sub.shard.out.slab[i]
	b.index = sl.rtx
	sl.head(b, pt, sl.rtx, r.time(k.ts), sl.cfg.RTX, k.marker)
	binary.BigEndian.PutUint16(b.data[headerSize:], uint16(index))
	n := copy(b.data[headerSize+2:], k.payload[:k.size])
	r.rename(k, b.data[headerSize+2:])
	b.size = headerSize + 2 + n
	sl.sub.shard.again.Add(1)
}
