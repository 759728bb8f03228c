package record

import (
	"encoding/binary"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/livelearn/box/services/media/forward"
)

const maxFrameSize = 4 << 20 // bytes, ten times a key frame of a 4K screen

// assembler makes frames of a track's packets, which come in order with gaps. A frame with a
// hole is dropped. So are the pictures that depend on it, up to the next key frame.
type assembler struct {
	codec   forward.Codec
	emit    func(ts uint32, data []byte) // data is valid during the call
	waiting bool                         // for a key frame, cleared where key frames are known

	started  bool
	ssrc     uint32
	next     uint16 // sequence number
	ts       uint32 // of the frame
	data     []byte // of the frame so far
	afterGap bool   // packets before the frame are missing, perhaps of the frame itself
	damaged  bool   // the frame will be dropped
	empty    bool   // no packet of the frame yet

	vp8    codecs.VP8Packet
	vp9    codecs.VP9Packet
	av1    codecs.AV1Depacketizer
	h264   codecs.H264Packet
	layers []int // VP9: where each spatial layer's frame begins
}

func newAssembler(codec forward.Codec, emit func(uint32, []byte)) *assembler {
	a := &assembler{codec: codec, emit: emit}
	a.resetStream()
	return a
}

// resetStream waits for the beginning of a stream.
func (a *assembler) resetStream() {
	a.handleGap()
}

// dropFrame empties the frame.
func (a *assembler) dropFrame() {
	a.data, a.layers, a.empty, a.damaged = a.data[:0], a.layers[:0], true, false
	a.av1 = codecs.AV1Depacketizer{}
	a.h264 = codecs.H264Packet{IsAVC: true}
}

// switchStream reports whether packets come from another stream than before (another layer,
// another connection). That stream then begins.
func (a *assembler) switchStream(ssrc uint32) bool {
	if a.started && a.ssrc == ssrc {
		return false
	}
	first := !a.started
	a.started, a.ssrc = false, ssrc
	a.resetStream()
	return !first
}

// pushPacket adds a packet.
func (a *assembler) pushPacket(p *rtp.Packet) {
	if a.started && int16(p.SequenceNumber-a.next) < 0 {
		return // late or duplicate
	}
	if a.started && p.SequenceNumber != a.next {
		a.handleGap()
	}
	a.started, a.next = true, p.SequenceNumber+1
	if len(p.Payload) == 0 {
		return // padding: a bandwidth probe
	}
	if !a.empty && p.Timestamp != a.ts {
		a.endFrame() // its marker is missing
	}
	if a.empty && a.afterGap && !startsFrame(a.codec, p.Payload) {
		a.damaged = true
	}
	a.ts, a.empty = p.Timestamp, false
	a.appendPayload(p.Payload)
	if p.Marker || a.codec == forward.Opus {
		a.endFrame()
	}
}

// handleGap drops the frame of the missing packets.
func (a *assembler) handleGap() {
	a.dropFrame()
	a.afterGap, a.waiting = true, a.codec != forward.Opus
}

// endFrame passes the frame on.
func (a *assembler) endFrame() {
	if a.damaged {
		a.waiting = a.codec != forward.Opus
	} else if data := a.completeFrame(); len(data) > 0 {
		a.emit(a.ts, data)
	}
	a.afterGap = false
	a.dropFrame()
}

// startsFrame reports whether a payload surely begins a frame: no part of it is among the
// missing packets.
func startsFrame(codec forward.Codec, payload []byte) bool {
	switch codec {
	case forward.VP8: // RFC 7741 4.2: S, and partition 0
		return payload[0]&0x17 == 0x10
	case forward.VP9: // RFC 9628 4.2: B
		return payload[0]&0x08 != 0
	case forward.AV1: // Z: continues an OBU, and a key frame without its sequence header is none
		return payload[0]&0x80 == 0
	case forward.H264: // a NAL unit that begins an access unit, a slice may be its second
		return startsAccessUnit(payload[0]&nalType) || payload[0]&nalType == nalSTAP && len(payload) > 3 && startsAccessUnit(payload[3]&nalType)
	}
	return true
}

// appendPayload adds a packet's payload to the frame.
func (a *assembler) appendPayload(payload []byte) {
	if a.damaged {
		return
	}
	piece, err := a.stripDescriptor(payload)
	if err != nil || len(a.data)+len(piece) > maxFrameSize {
		a.damaged = true
		return
	}
	a.data = append(a.data, piece...)
}

// stripDescriptor removes the payload format's header.
func (a *assembler) stripDescriptor(payload []byte) ([]byte, error) {
	switch a.codec {
	case forward.VP8:
		return a.vp8.Unmarshal(payload)
	case forward.VP9:
		a.vp9 = codecs.VP9Packet{} // the parser appends to its lists
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

// completeFrame is the frame in the form of a file. VP9's spatial layers are one superframe
// there, with an index at its end (VP9 bitstream specification, annex B).
func (a *assembler) completeFrame() []byte {
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
