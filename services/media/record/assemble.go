package record

import (
	"encoding/binary"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/livelearn/box/services/media/forward"
)

const frameMax = 4 << 20 // bytes; a key frame of a 4K screen has a tenth of it

// assembler makes frames of a track's packets, which come in order with gaps. A frame with
// a hole is dropped, and of pictures all that lean on it: until the next key frame.
type assembler struct {
	codec   forward.Codec
	emit    func(ts uint32, data []byte) // data is valid during the call
	waiting bool                         // for a key frame; cleared by who can tell one

	begun bool
	ssrc  uint32
	next  uint16 // sequence number
	ts    uint32 // of the frame
	data  []byte // of the frame so far
	torn  bool   // packets before the frame are missing, perhaps of the frame
	holed bool   // the frame is to be dropped
	empty bool   // no packet of the frame yet

	vp8    codecs.VP8Packet
	vp9    codecs.VP9Packet
	av1    codecs.AV1Depacketizer
	h264   codecs.H264Packet
	layers []int // VP9: where each spatial layer's frame begins
}

func newAssembler(codec forward.Codec, emit func(uint32, []byte)) *assembler {
	a := &assembler{codec: codec, emit: emit}
	a.reset()
	return a
}

// reset waits for the beginning of a stream.
func (a *assembler) reset() {
	a.gap()
}

// drop empties the frame.
func (a *assembler) drop() {
	a.data, a.layers, a.empty, a.holed = a.data[:0], a.layers[:0], true, false
	a.av1 = codecs.AV1Depacketizer{}
	a.h264 = codecs.H264Packet{IsAVC: true}
}

// other tells that packets come from another stream than before (another layer, another
// connection), which then begins.
func (a *assembler) other(ssrc uint32) bool {
	if a.begun && a.ssrc == ssrc {
		return false
	}
	first := !a.begun
	a.begun, a.ssrc = false, ssrc
	a.reset()
	return !first
}

// push takes a packet.
func (a *assembler) push(p *rtp.Packet) {
	if a.begun && int16(p.SequenceNumber-a.next) < 0 {
		return // late, or twice
	}
	if a.begun && p.SequenceNumber != a.next {
		a.gap()
	}
	a.begun, a.next = true, p.SequenceNumber+1
	if len(p.Payload) == 0 {
		return // padding: a probe for bandwidth
	}
	if !a.empty && p.Timestamp != a.ts {
		a.end() // its marker was forgotten
	}
	if a.empty && a.torn && !head(a.codec, p.Payload) {
		a.holed = true
	}
	a.ts, a.empty = p.Timestamp, false
	a.take(p.Payload)
	if p.Marker || a.codec == forward.Opus {
		a.end()
	}
}

// gap drops what the missing packets belonged to.
func (a *assembler) gap() {
	a.drop()
	a.torn, a.waiting = true, a.codec != forward.Opus
}

// end passes the frame on.
func (a *assembler) end() {
	if a.holed {
		a.waiting = a.codec != forward.Opus
	} else if data := a.whole(); len(data) > 0 {
		a.emit(a.ts, data)
	}
	a.torn = false
	a.drop()
}

// head tells that a payload surely begins a frame: nothing of it was in what is missing.
func head(codec forward.Codec, payload []byte) bool {
	switch codec {
	case forward.VP8: // RFC 7741 4.2: S, and partition 0
		return payload[0]&0x17 == 0x10
	case forward.VP9: // RFC 9628 4.2: B
		return payload[0]&0x08 != 0
	case forward.AV1: // Z: goes on with an OBU; a key frame without its sequence header is none
		return payload[0]&0x80 == 0
	case forward.H264: // one that an access unit begins with; a slice may be its second
		return begins(payload[0]&nalType) || payload[0]&nalType == nalSTAP && len(payload) > 3 && begins(payload[3]&nalType)
	}
	return true
}

// take adds a packet's payload to the frame.
func (a *assembler) take(payload []byte) {
	if a.holed {
		return
	}
	piece, err := a.strip(payload)
	if err != nil || len(a.data)+len(piece) > frameMax {
		a.holed = true
		return
	}
	a.data = append(a.data, piece...)
}

// strip removes the payload format's header.
func (a *assembler) strip(payload []byte) ([]byte, error) {
	switch a.codec {
	case forward.VP8:
		return a.vp8.Unmarshal(payload)
	case forward.VP9:
		a.vp9 = codecs.VP9Packet{} // it appends to its lists
		piece, err := a.vp9.Unmarshal(payload)
		if a.vp9.B && len(piece) > 0 {
			a.layers = append(a.layers, len(a.data))
		}
		return piece, err
	case forward.AV1:
		return a.av1.Unmarshal(payload)
	case forward.H264:
		return a.h264.Unmarshal(payload)
	}
	return payload, nil
}

// whole is the frame as a file has it. VP9's spatial layers are one superframe there, with an
// index at its end (VP9 bitstream specification, annex B).
func (a *assembler) whole() []byte {
	n := len(a.layers)
	if n < 2 || n > 8 {
		return a.data
	}
	mark := byte(0b110_11_000 | n - 1) // sizes of four bytes
	a.data = append(a.data, mark)
	end := len(a.data) - 1
	for i, from := range a.layers {
		to := end
		if i+1 < n {
			to = a.layers[i+1]
		}
		a.data = binary.LittleEndian.AppendUint32(a.data, uint32(to-from))
	}
	return append(a.data, mark)
}
