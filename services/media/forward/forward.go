// Package forward is the selective forwarding path (RFC 7667 3.7): every RTP packet takes it
// from a publisher to its watchers.
//
//	publisher's reader --Write--> Layer (ring, written once) --burst--> shards, one a core
//	  shard: for each Slot fed by the layer: rewrite header -> seal (SRTP) -> one sendmmsg, GSO
//
// The reader of a layer is its only writer. A shard is one goroutine that owns its subscribers:
// their SRTP keys, sequence numbers, rollover counters and slots. Others post to its mailbox
// and never touch them. Per packet there is no allocation, lock, map, log, clock or interface.
// The unit is the burst: the packets of a frame (to the marker, 16 packets, or 5 ms).
//
// The ring needs no lock. The writer takes a place out of use before it checks whether a reader
// is near. A reader publishes its position before it checks whether a place is in use. Go's
// atomics are sequentially consistent, so one of the two sees the other. The writer then drops
// the packet, or the reader skips it.
package forward

// Codec is the codec of a layer, as far as forwarding must know it.
type Codec uint8

// The codecs. VP9 and AV1 are forwarded unchanged.
const (
	Opus Codec = iota + 1
	VP8
	H264
	VP9
	AV1
	Codecs // length of a table by codec
)

// LayerConfig describes one incoming RTP stream.
type LayerConfig struct {
	Codec     Codec
	ClockRate uint32 // Hz
	LevelID   uint8  // header extension id of the audio level (RFC 6464), 0: none
	// KeyWanted is called by shards, seldom, when a slot waits for a key frame. It must not
	// block. It should throttle its requests to the publisher.
	KeyWanted func()
}
