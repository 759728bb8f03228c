package forward

const (
	slabSize = 256               // packets that wait to be sent, 384 kB: stays in the second cache
	slotSize = 1536              // bytes
	padMax   = 32                // bytes that are added to make packets of a burst equal
	runMax   = 16                // packets of a message
	maxBurst = runMax * slotSize // under the 64 kB of a datagram
)

// place is one packet of the slab.
type place struct {
	index uint64 // RFC 3711 3.3.1: rollover count and sequence number
	size  int
	data  [slotSize]byte
}

// batch is the packets of a shard on their way out.
type batch struct {
	works *Works
	slab  []place
	used  int

	packets, bytes, calls, failed uint64 // since the last flush
	wire
}

func newBatch(w *Works) *batch {
	b := &batch{works: w, slab: make([]place, slabSize)}
	b.wire.init(w)
	return b
}

func (b *batch) packet(i int) []byte { return b.slab[i].data[:b.slab[i].size] }

// wrote counts a packet of the plain path.
func (b *batch) wrote(err error) {
	if err != nil {
		b.failed++
		return
	}
	b.packets++
}

// run finds how many packets from the first can leave as one message, and pads those that
// are a little shorter than the longest of them (RFC 3550 5.1).
func (b *batch) run(queue []int, overhead int) int {
	size := b.slab[queue[0]].size
	for _, i := range queue[1:min(len(queue), runMax)] {
		if s := b.slab[i].size; s > size && s <= b.slab[queue[0]].size+padMax {
			size = s
		}
	}
	n := 0
	for _, i := range queue[:min(len(queue), runMax)] {
		k := &b.slab[i]
		if k.size > size {
			break
		}
		n++
		if gap := size - k.size; gap == 0 {
			continue
		} else if gap <= padMax && k.data[0]&0x20 == 0 && k.size+gap+overhead <= slotSize {
			k.pad(gap)
			continue
		}
		break // a shorter one ends the message
	}
	return n
}

func (k *place) pad(n int) {
	clear(k.data[k.size : k.size+n])
	k.size += n
	k.data[k.size-1] = byte(n)
	k.data[0] |= 0x20
}

// flush sends all messages and frees the slab.
func (b *batch) flush(s *shard) {
	b.wire.send(b)
	b.used = 0
	s.sent.Add(b.packets)
	s.octets.Add(b.bytes)
	s.calls.Add(b.calls)
	s.dropped.Add(b.failed)
	b.packets, b.bytes, b.calls, b.failed = 0, 0, 0, 0
}
