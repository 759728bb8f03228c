package forward

const (
	slabSize    = 256                    // packets that wait to be sent, 384 kB: fits into the second-level cache
	slotSize    = 1536                   // bytes
	maxPadding  = 32                     // bytes added to make packets of a burst equal
	maxSegments = 16                     // packets of a message
	maxBurst    = maxSegments * slotSize // under the 64 kB of a datagram
)

// slabSlot is one packet of the slab.
type slabSlot struct {
	index uint64 // RFC 3711 3.3.1: rollover counter and sequence number
	size  int
	data  [slotSize]byte
}

// batch holds the outgoing packets of a shard.
type batch struct {
	forwarder *Forwarder
	slab      []slabSlot
	used      int

	packets, bytes, calls, failed uint64 // since the last flush
	wire
}

func newBatch(w *Forwarder) *batch {
	b := &batch{forwarder: w, slab: make([]slabSlot, slabSize)}
	b.wire.attachConn(w)
	return b
}

func (b *batch) packetAt(i int) []byte { return b.slab[i].data[:b.slab[i].size] }

// countWrite counts a packet of the plain path.
func (b *batch) countWrite(err error) {
	if err != nil {
		b.failed++
		return
	}
	b.packets++
}

// padSegments returns how many packets from the first can leave as one message (UDP_SEGMENT), and
// pads those that are a little shorter than the longest of them (RFC 3550 5.1).
func (b *batch) padSegments(queue []int, overhead int) int {
	size := b.slab[queue[0]].size
	for _, i := range queue[1:min(len(queue), maxSegments)] {
		if s := b.slab[i].size; s > size && s <= b.slab[queue[0]].size+maxPadding {
			size = s
		}
	}
	n := 0
	for _, i := range queue[:min(len(queue), maxSegments)] {
		k := &b.slab[i]
		if k.size > size {
			break
		}
		n++
		if gap := size - k.size; gap == 0 {
			continue
		} else if gap <= maxPadding && k.data[0]&0x20 == 0 && k.size+gap+overhead <= slotSize {
			k.addPadding(gap)
			continue
		}
		break // a shorter one ends the message
	}
	return n
}

func (k *slabSlot) addPadding(n int) {
	clear(k.data[k.size : k.size+n])
	k.size += n
	k.data[k.size-1] = byte(n)
	k.data[0] |= 0x20
}

// flushSlab sends all messages and frees the slab.
func (b *batch) flushSlab(s *shard) {
	b.wire.sendMessages(b)
	b.used = 0
	s.sent.Add(b.packets)
	s.octets.Add(b.bytes)
	s.calls.Add(b.calls)
	s.dropped.Add(b.failed)
	b.packets, b.bytes, b.calls, b.failed = 0, 0, 0, 0
}
