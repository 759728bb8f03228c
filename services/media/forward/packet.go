package forward

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

const (
	ringSize   = 512  // packets kept of a layer
	maxPayload = 1460 // bytes, larger packets are refused
	headerSize = 12   // of RTP without CSRCs and extensions (RFC 3550 5.1)
)

// packet is one place of a layer's ring. pos is the extended sequence number plus one. The
// writer stores it last, and readers load it before the rest.
type packet struct {
	pos       atomic.Uint64
	arrivedAt int64 // time of arrival, monotonic ns
	ts        uint32
	size      int
	marker    bool
	key       bool  // begins a key frame
	pid       uint8 // offset of the picture id in the payload, 0: none (VP8)
	pidLong   bool  // of 15 bits
	tl0       uint8 // offset of TL0PICIDX, 0: none
	payload   [maxPayload]byte
}

var (
	errNoRTP   = errors.New("forward: not an RTP packet")
	errTooLong = errors.New("forward: payload longer than a packet")
	errOld     = errors.New("forward: packet too old or seen before")
	errBusy    = errors.New("forward: its place is being read")
)

// rtpHeader holds the header fields that forwarding needs (RFC 3550 5.1).
type rtpHeader struct {
	marker   bool
	seq      uint16
	ts       uint32
	ssrc     uint32
	level    uint8
	hasLevel bool
	payload  []byte
}

// parseRTP reads a packet: RFC 3550 5.1, header extensions by RFC 8285 for the audio level.
func parseRTP(p []byte, levelID uint8) (h rtpHeader, err error) {
	if len(p) < headerSize || p[0]>>6 != 2 {
		return h, errNoRTP
	}
	h.marker = p[1]&0x80 != 0
	h.seq = binary.BigEndian.Uint16(p[2:])
	h.ts = binary.BigEndian.Uint32(p[4:])
	h.ssrc = binary.BigEndian.Uint32(p[8:])
	at := headerSize + 4*int(p[0]&0x0f)
	if p[0]&0x10 != 0 {
		if len(p) < at+4 {
			return h, errNoRTP
		}
		profile, size := binary.BigEndian.Uint16(p[at:]), 4*int(binary.BigEndian.Uint16(p[at+2:]))
		at += 4
		if len(p) < at+size {
			return h, errNoRTP
		}
		if levelID != 0 {
			h.level, h.hasLevel = findAudioLevel(p[at:at+size], profile, levelID)
		}
		at += size
	}
	end := len(p)
	if p[0]&0x20 != 0 {
		pad := int(p[end-1])
		if pad == 0 || at+pad > end {
			return h, errNoRTP
		}
		end -= pad
	}
	if at > end {
		return h, errNoRTP
	}
	h.payload = p[at:end]
	return h, nil
}

// findAudioLevel finds the audio level (RFC 6464 3) among header extensions of one or two bytes.
func findAudioLevel(ext []byte, profile uint16, id uint8) (uint8, bool) {
	long := profile>>4 == 0x100
	if !long && profile != 0xBEDE {
		return 0, false
	}
	for i := 0; i < len(ext); {
		if ext[i] == 0 {
			i++
			continue
		}
		is, size, head := ext[i]>>4, int(ext[i]&0x0f)+1, 1
		if long {
			if i+1 >= len(ext) {
				return 0, false
			}
			is, size, head = ext[i], int(ext[i+1]), 2
		} else if is == 15 {
			return 0, false
		}
		if i+head+size > len(ext) {
			return 0, false
		}
		if is == id && size > 0 {
			return ext[i+head] & 0x7f, true
		}
		i += head + size
	}
	return 0, false
}

// parsePayload finds the facts about a payload that forwarding needs: whether a key frame
// begins in it, and for VP8 where its PictureID and TL0PICIDX are.
func (k *packet) parsePayload(c Codec) {
	k.key, k.pid, k.pidLong, k.tl0 = false, 0, false, 0
	p := k.payload[:k.size]
	switch c {
	case VP8:
		k.parseVP8Descriptor(p)
	case H264:
		k.key = isH264Key(p)
	case VP9: // RFC 9628 4.2: not inter-picture predicted, and a frame begins
		k.key = len(p) > 0 && p[0]&0x40 == 0 && p[0]&0x08 != 0
	case AV1: // AV1 RTP 4.4: N, a new coded video sequence
		k.key = len(p) > 0 && p[0]&0x08 != 0
	}
}

// parseVP8Descriptor reads the payload descriptor (RFC 7741 4.2).
func (k *packet) parseVP8Descriptor(p []byte) {
	if len(p) < 1 {
		return
	}
	at, start := 1, p[0]&0x10 != 0 && p[0]&0x07 == 0
	if p[0]&0x80 != 0 {
		if len(p) < 2 {
			return
		}
		x := p[1]
		at = 2
		if x&0x80 != 0 { // I
			if len(p) <= at {
				return
			}
			long := p[at]&0x80 != 0
			if long && len(p) <= at+1 {
				return
			}
			k.pid, k.pidLong = uint8(at), long
			at++
			if long {
				at++
			}
		}
		if x&0x40 != 0 { // L
			if len(p) <= at {
				return
			}
			k.tl0 = uint8(at)
			at++
		}
		if x&0x30 != 0 { // T or K
			at++
		}
	}
	k.key = start && len(p) > at && p[at]&0x01 == 0 // RFC 7741 4.3: P is 0 in a key frame
}

// isH264Key reports whether an IDR picture, or the parameter sets before it, begins here (RFC
// 6184 5).
func isH264Key(p []byte) bool {
	if len(p) < 1 {
		return false
	}
	switch kind := p[0] & 0x1f; kind {
	case 5, 7:
		return true
	case 24: // STAP-A
		for p = p[1:]; len(p) > 2; {
			size := int(binary.BigEndian.Uint16(p))
			if k := p[2] & 0x1f; k == 5 || k == 7 {
				return true
			}
			if 2+size > len(p) {
				return false
			}
			p = p[2+size:]
		}
	case 28: // FU-A
		return len(p) > 1 && p[1]&0x80 != 0 && (p[1]&0x1f == 5 || p[1]&0x1f == 7)
	}
	return false
}
