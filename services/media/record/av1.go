package record

import (
	"fmt"

	"github.com/pion/rtp/codecs/av1/obu"
)

// av1Key reads a temporal unit: a key frame follows a sequence header (AV1 7.5).
func av1Key(d []byte, f *format) bool {
	sequence := false
	for len(d) > 0 {
		h, err := obu.ParseOBUHeader(d)
		if err != nil || !h.HasSizeField || h.Size() > len(d) {
			return false
		}
		size, n, err := obu.ReadLeb128(d[h.Size():])
		from := h.Size() + int(n)
		if err != nil || size > uint(len(d)-from) {
			return false
		}
		body := d[from : from+int(size)]
		switch h.Type {
		case obu.OBUSequenceHeader:
			sequence = f.readSequence(body, d[:from+int(size)])
		case obu.OBUFrame, obu.OBUFrameHeader:
			// show_existing_frame (1 bit), frame_type (2 bits): 0 is a key frame. A reduced
			// header of still pictures has neither and is not sent in practice.
			return sequence && len(body) > 0 && body[0]&0xE0 == 0
		}
		d = d[from+int(size):]
	}
	return false
}

// readSequence reads a sequence header (AV1 5.5) and makes the av1C that players need (AV1 in
// ISOBMFF 2.3).
func (f *format) readSequence(body, unit []byte) bool {
	r := &bitReader{b: body}
	profile := r.readBits(3)
	r.readBits(1) // still_picture
	reduced := r.readFlag()
	var level, tier uint32
	if reduced {
		level = r.readBits(5)
	} else {
		level, tier = readOperatingPoints(r)
	}
	w, h := r.readBits(4)+1, r.readBits(4)+1
	width, height := r.readBits(int(w))+1, r.readBits(int(h))+1
	skipTools(r, reduced)
	color, depth := readColor(r, profile)
	if r.overrun {
		return false
	}
	f.width, f.height = int(width), int(height)
	f.private = append([]byte{0x81, byte(profile<<5 | level), byte(tier<<7 | color), 0}, unit...)
	f.name = fmt.Sprintf("av01.%d.%02d%c.%02d", profile, level, "MH"[tier&1], depth)
	return true
}

// readOperatingPoints reads timing and operating points: the first one's level and tier.
func readOperatingPoints(r *bitReader) (level, tier uint32) {
	delay, model := 0, false
	if r.readFlag() { // timing_info_present_flag
		r.readBits(32)
		r.readBits(32)
		if r.readFlag() { // equal_picture_interval
			r.skipUVLC()
		}
		if model = r.readFlag(); model {
			delay = int(r.readBits(5)) + 1
			r.readBits(32)
			r.readBits(10)
		}
	}
	display := r.readFlag() // initial_display_delay_present_flag
	for i, n := 0, int(r.readBits(5)); i <= n && !r.overrun; i++ {
		r.readBits(12)
		l, t := r.readBits(5), uint32(0)
		if l > 7 {
			t = r.readBits(1)
		}
		if i == 0 {
			level, tier = l, t
		}
		if model && r.readFlag() {
			r.readBits(delay)
			r.readBits(delay)
			r.readBits(1)
		}
		if display && r.readFlag() {
			r.readBits(4)
		}
	}
	return level, tier
}

// skipTools skips the fields between the size and the colours.
func skipTools(r *bitReader, reduced bool) {
	if !reduced && r.readFlag() { // frame_id_numbers_present_flag
		r.readBits(7)
	}
	r.readBits(3) // superblocks, filter_intra, intra_edge_filter
	if !reduced {
		r.readBits(4) // interintra, masked, warped, dual_filter
		order := r.readFlag()
		if order {
			r.readBits(2)
		}
		screen := uint32(2)
		if !r.readFlag() { // seq_choose_screen_content_tools
			screen = r.readBits(1)
		}
		if screen > 0 && !r.readFlag() { // seq_choose_integer_mv
			r.readBits(1)
		}
		if order {
			r.readBits(3)
		}
	}
	r.readBits(3) // superres, cdef, restoration
}

// readColor reads color_config: the lower seven bits of av1C's third byte, and the depth.
func readColor(r *bitReader, profile uint32) (packed uint32, depth int) {
	high, twelve, mono := r.readBits(1), uint32(0), uint32(0)
	if profile == 2 && high == 1 {
		twelve = r.readBits(1)
	}
	if profile != 1 {
		mono = r.readBits(1)
	}
	depth = 8 + 2*int(high) + 2*int(twelve)
	var description uint32
	if r.readFlag() {
		description = r.readBits(24)
	}
	x, y, position := uint32(1), uint32(1), uint32(0)
	switch {
	case mono == 1:
		r.readBits(1)
	case description == 1<<16|13<<8: // sRGB
		x, y = 0, 0
	default:
		r.readBits(1)
		switch {
		case profile == 1:
			x, y = 0, 0
		case profile == 2 && depth == 12:
			if x = r.readBits(1); x == 1 {
				y = r.readBits(1)
			} else {
				y = 0
			}
		case profile == 2:
			y = 0
		}
		if x == 1 && y == 1 {
			position = r.readBits(2)
		}
	}
	return high<<6 | twelve<<5 | mono<<4 | x<<3 | y<<2 | position, depth
}

// bitReader reads bits, highest first. After the end it reads zeros and sets bad.
type bitReader struct {
	b       []byte
	pos     int
	overrun bool
}

func (r *bitReader) readBits(n int) (v uint32) {
	for range n {
		v <<= 1
		if r.pos >= 8*len(r.b) {
			r.overrun = true
			continue
		}
		v |= uint32(r.b[r.pos/8]>>(7-r.pos%8)) & 1
		r.pos++
	}
	return v
}

func (r *bitReader) readFlag() bool { return r.readBits(1) == 1 }

func (r *bitReader) skipUVLC() {
	zeros := 0
	for !r.overrun && !r.readFlag() {
		zeros++
	}
	r.readBits(min(zeros, 32))
}
