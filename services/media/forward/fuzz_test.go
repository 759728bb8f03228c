package forward

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

// FuzzWrite passes bytes as packets to layers of each codec. Bytes that are no packet are
// refused, and another RTP parser must read forwarded packets in the same way.
func FuzzWrite(f *testing.F) {
	r := newRig(f, Config{Shards: 1})
	m := r.publisher(VP8, nil)
	for _, p := range append(m.vp8(true, 10, 20), m.vp8(false, 1400)...) {
		f.Add(p)
	}
	f.Add([]byte{0xb0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 1, 2, 3, 1})
	f.Add([]byte{0x80, 96})
	layers := make([]*Layer, Codecs)
	for c := Opus; c < Codecs; c++ {
		layers[c] = r.forwarder.NewLayer(LayerConfig{Codec: c, ClockRate: 90000, LevelID: 1})
	}
	now := int64(1e9)
	f.Fuzz(func(t *testing.T, p []byte) {
		now += 1e6
		for c := Opus; c < Codecs; c++ {
			_ = layers[c].Write(p, now)
			if st := layers[c].Stats(); st.Level > 127 {
				t.Fatalf("level %d", st.Level)
			}
		}
		h, err := parseRTP(p, 1)
		var want rtp.Packet
		if fault := want.Unmarshal(p); err != nil || fault != nil {
			return
		}
		if !bytes.Equal(h.payload, want.Payload) || h.seq != want.SequenceNumber || h.ts != want.Timestamp || h.ssrc != want.SSRC || h.marker != want.Marker {
			t.Fatalf("got %+v, want %+v", h, want)
		}
	})
}

// FuzzParsers parses payloads. Each result must lie inside its payload.
func FuzzParsers(f *testing.F) {
	f.Add([]byte{0x90, 0xc0, 0x80, 1, 2, 0})
	f.Add([]byte{24, 0, 2, 0x67, 1, 0, 2, 0x65, 1})
	f.Add([]byte{28, 0x85, 1})
	f.Add([]byte{0x08})
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > maxPayload {
			return
		}
		var k packet
		k.size = copy(k.payload[:], p)
		for c := Opus; c < Codecs; c++ {
			k.parsePayload(c)
			end := int(k.pid)
			if k.pidLong {
				end++
			}
			if k.pid != 0 && end >= k.size || k.tl0 != 0 && int(k.tl0) >= k.size {
				t.Fatalf("codec %d: picture id at %d, TL0 at %d of %d bytes", c, k.pid, k.tl0, k.size)
			}
		}
	})
}
