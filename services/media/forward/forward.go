// Package forward is the path that every packet takes from a publisher to its watchers.
//
//	publisher's reader --Write--> Layer (ring, written once) --burst--> shards, one a core
//	  shard: for each Slot fed by the layer: rewrite header -> seal -> one sendmmsg, GSO
//
// The reader of a layer is its only writer. A shard is one goroutine that owns its
// subscribers: their SRTP keys, sequence numbers, rollover counts and slots; others post to
// its mailbox and never touch them. Per packet there is no allocation, lock, map, log, clock
// or interface; the unit is the burst: the packets of a frame (to the marker, 16 packets, or
// 5 ms).
package forward

import (
	"context"
	"net"
	"net/netip"
)

// Codec is what a layer carries, as far as forwarding must know it.
type Codec uint8

// The Codecs. VP9 and AV1 are forwarded as they come.
const (
	Opus Codec = iota + 1
	VP8
	H264
	VP9
	AV1
	Codecs // length of a table by codec
)

// Config of the works. The zero value is one shard a core, everything probed.
type Config struct {
	Shards int  // 0: one for each core, at most 4
	NoGSO  bool // never use UDP_SEGMENT
}

// Mode tells what the probe at the start, and errors since, decided.
type Mode struct {
	GSO   bool   // UDP_SEGMENT works on this socket
	Batch string // "sendmmsg" or "write" (not Linux)
}

// Works is the shards and the socket they send on.
type Works struct{}

// New makes works that send on conn, which the caller keeps open until Serve has returned.
func New(cfg Config, conn *net.UDPConn) (*Works, error) { panic("later") }

// Serve runs the shards until ctx ends.
func (w *Works) Serve(ctx context.Context) error { panic("later") }

// Mode tells how it sends.
func (w *Works) Mode() Mode { panic("later") }

// Totals are counted since the start.
type Totals struct {
	PacketsIn, PacketsOut, BytesOut, Dropped, Retransmits, Sends uint64
}

// Totals sums the shards' counters.
func (w *Works) Totals() Totals { panic("later") }

// LayerConfig describes one incoming RTP stream.
type LayerConfig struct {
	Codec     Codec
	ClockRate uint32 // Hz
	LevelID   uint8  // header extension id of the audio level (RFC 6464); 0: none
	// KeyWanted is called by shards, seldom, when a slot waits for a key frame. It must not
	// block; who asks the publisher throttles.
	KeyWanted func()
}

// Layer is one incoming stream: a ring of the last 512 packets.
type Layer struct{}

// Layer makes a layer of these works.
func (w *Works) Layer(cfg LayerConfig) *Layer { panic("later") }

// Write takes one decrypted RTP packet, copies it and returns; now is monotonic ns. One
// goroutine writes a layer. An error means that the packet is no RTP or does not fit.
func (l *Layer) Write(packet []byte, now int64) error { panic("later") }

// Close lets go of all slots that it feeds.
func (l *Layer) Close() { panic("later") }

// LayerStats is a snapshot for those who choose layers and speakers.
type LayerStats struct {
	Packets, Bytes uint64
	Keys           uint64 // key frames begun
	Level          uint8  // audio: 0 (loudest) to 127 (silence) dBov below, smoothed; RFC 6464
	LastNS         int64  // when the last packet came
	SSRC           uint32
	LastTS         uint32 // RTP timestamp of the newest packet
	Slots          int    // slots that it feeds or that wait for it
}

// Stats may be called by anybody.
func (l *Layer) Stats() LayerStats { panic("later") }

// Tap reads a layer's packets in order for a recorder.
type Tap struct{}

// Tap begins with the packets that come from now on (a video's from its cached key frame).
func (l *Layer) Tap() *Tap { panic("later") }

// Next copies the next packet, header extensions removed, into buf. It waits for a missing
// packet until the layer is 100 packets ahead, then leaves it out; a reader so slow that the
// ring overtook it goes on with the oldest. io.EOF: the layer or tap is closed.
func (t *Tap) Next(ctx context.Context, buf []byte) (n int, err error) { panic("later") }

// Close ends the tap.
func (t *Tap) Close() { panic("later") }

// Profile is an SRTP protection profile (RFC 5764, RFC 7714), by its DTLS number.
type Profile uint16

// The profiles that browsers offer.
const (
	AES128CMSHA180 Profile = 0x0001
	AEADAES128GCM  Profile = 0x0007
	AEADAES256GCM  Profile = 0x0008
)

// Keys protect what is sent to one subscriber.
type Keys struct {
	Profile   Profile
	Key, Salt []byte // the server's write key and salt
}

// Writer is the plain path: it takes finished RTP packets (unsealed) of one subscriber, from
// the shard's goroutine. It must not keep packet.
type Writer interface{ WriteRTP(packet []byte) error }

// SubConfig describes one subscriber: Keys and Addr, or Plain.
type SubConfig struct {
	Keys  Keys
	Addr  netip.AddrPort
	Plain Writer
}

// Sub is one subscriber's connection, owned by one shard.
type Sub struct{}

// Subscribe gives a new subscriber to the shard with the fewest. An error names what is
// wrong with the keys or the address.
func (w *Works) Subscribe(cfg SubConfig) (*Sub, error) { panic("later") }

// Move sends to addr from now on (ICE selected another pair).
func (s *Sub) Move(addr netip.AddrPort) { panic("later") }

// Close returns when the shard has let go of it: the keys are never used again.
func (s *Sub) Close() { panic("later") }

// SlotConfig is one outgoing stream.
type SlotConfig struct {
	SSRC  uint32
	RTX   uint32        // SSRC of retransmissions (RFC 4588); 0: resend as it was
	PT    [Codecs]uint8 // payload type by codec; 0: this subscriber cannot decode it
	RTXPT [Codecs]uint8 // of retransmissions, by codec
}

// Slot is one outgoing stream, fed by one layer at a time.
type Slot struct{}

// Slot adds an outgoing stream.
func (s *Sub) Slot(cfg SlotConfig) *Slot { panic("later") }

// Select feeds the slot from l, nil from nothing. What fed it goes on until l can take over
// at a key frame: at once when l's ring holds one (it is sent paced), else KeyWanted is
// called. same tells that l shows the same source (a simulcast layer), so that the switch
// keeps the old until then; otherwise the old stops at once.
func (sl *Slot) Select(l *Layer, same bool) { panic("later") }

// Nack resends what a receiver misses: each packet at most 3 times.
func (sl *Slot) Nack(seqs []uint16) { panic("later") }

// SlotStats is a snapshot, for sender reports.
type SlotStats struct {
	Layer           *Layer // that feeds it now; nil: none
	Packets, Octets uint32 // of payload, as RFC 3550 6.4.1 counts
	Seq             uint16 // last sent
	TSOffset        uint32 // outgoing minus incoming RTP timestamp, modulo 2^32
}

// Stats may be called by anybody.
func (sl *Slot) Stats() SlotStats { panic("later") }
