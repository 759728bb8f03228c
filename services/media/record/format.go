package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/pion/rtp/codecs/vp9"

	"github.com/livelearn/box/services/media/forward"
)

// The types of NAL units that matter here (RFC 6184 5.2, H.264 table 7-1).
const (
	nalType = 0x1F // mask
	nalIDR  = 5
	nalSPS  = 7
	nalPPS  = 8
	nalAUD  = 9
	nalSTAP = 24
)

// startsAccessUnit reports whether a NAL unit of this type comes before all slices of its
// picture.
func startsAccessUnit(nal byte) bool { return nal == nalSPS || nal == nalAUD }

// format is the description of a track in a file's head.
type format struct {
	codec         forward.Codec
	width, height int
	name          string // codecs string (RFC 6381)
	private       []byte // WebM's CodecPrivate
	sps, pps      []byte // H.264
}

// continuesAs reports whether a stream that changes to g needs no new file. Other codecs
// describe themselves in their key frames. H.264's parameter sets are in the head only.
func (f format) continuesAs(g format) bool {
	return f.codec != forward.H264 || bytes.Equal(f.sps, g.sps) && bytes.Equal(f.pps, g.pps)
}

// inspectFrame reads a frame: its format if it is a key frame (have completes it) and its data
// in the form of a file.
func inspectFrame(codec forward.Codec, data []byte, have format) (form format, rest []byte, key bool) {
	form, rest = have, data
	form.codec = codec
	switch codec {
	case forward.Opus:
		form.name, form.private, key = "opus", opusHead, true
	case forward.VP8:
		form.name = "vp8"
		key = vp8Key(data, &form)
	case forward.VP9:
		form.name = "vp9"
		key = vp9Key(data, &form)
	case forward.AV1:
		key = av1Key(data, &form)
	case forward.H264:
		rest, key = h264Key(data, &form)
	}
	return form, rest, key
}

// vp8Key reads a key frame's header (RFC 6386 9.1).
func vp8Key(d []byte, f *format) bool {
	if len(d) < 10 || d[0]&1 != 0 || d[3] != 0x9D || d[4] != 0x01 || d[5] != 0x2A {
		return false
	}
	f.width = int(binary.LittleEndian.Uint16(d[6:]) & 0x3FFF)
	f.height = int(binary.LittleEndian.Uint16(d[8:]) & 0x3FFF)
	return f.width > 0 && f.height > 0
}

func vp9Key(d []byte, f *format) bool {
	var h vp9.Header
	if h.Unmarshal(d) != nil || h.NonKeyFrame || h.ShowExistingFrame || h.FrameSize == nil {
		return false
	}
	f.width, f.height = int(h.FrameSize.FrameWidthMinus1)+1, int(h.FrameSize.FrameHeightMinus1)+1
	return true
}

// h264Key reads a picture of NAL units, each after its length, and removes parameter sets and
// delimiters: an avc1 track has them in its head.
func h264Key(d []byte, f *format) (rest []byte, key bool) {
	rest = d[:0]
	for len(d) >= 4 {
		n := int(binary.BigEndian.Uint32(d))
		if n > len(d)-4 {
			break
		}
		unit := d[4 : 4+n]
		switch {
		case n == 0:
		case unit[0]&nalType == nalSPS:
			f.sps = cloneIfChanged(f.sps, unit)
		case unit[0]&nalType == nalPPS:
			f.pps = cloneIfChanged(f.pps, unit)
		case unit[0]&nalType == nalAUD:
		default:
			key = key || unit[0]&nalType == nalIDR
			rest = append(rest, d[:4+n]...)
		}
		d = d[4+n:]
	}
	return rest, key && f.readSPS()
}

// cloneIfChanged is a copy of b, or old if that is the same.
func cloneIfChanged(old, b []byte) []byte {
	if bytes.Equal(old, b) {
		return old
	}
	return bytes.Clone(b)
}

// readSPS reports whether the parameter sets are there and valid.
func (f *format) readSPS() bool {
	if len(f.sps) < 4 || len(f.pps) < 2 {
		return false
	}
	s, err := avc.ParseSPSNALUnit(f.sps, false)
	if err != nil || s.Width == 0 || s.Height == 0 || s.Width > 1<<14 || s.Height > 1<<14 {
		return false
	}
	f.width, f.height = int(s.Width), int(s.Height)
	f.name = fmt.Sprintf("avc1.%02x%02x%02x", f.sps[1], f.sps[2], f.sps[3])
	return true
}

// opusHead is an identification header (RFC 7845 5.1): two channels, whatever the packets have,
// and no pre-skip, since recordings begin in the middle of a stream.
var opusHead = []byte("OpusHead\x01\x02\x00\x00\x80\xBB\x00\x00\x00\x00\x00")

// opusDuration reads the duration from a packet's first bytes (RFC 6716 3.1).
func opusDuration(d []byte) time.Duration {
	if len(d) == 0 {
		return 0
	}
	var each time.Duration
	switch config := d[0] >> 3; {
	case config < 12:
		each = []time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16:
		each = []time.Duration{10, 20}[config&1] * time.Millisecond
	default:
		each = 2500 * time.Microsecond << (config & 3)
	}
	switch d[0] & 3 {
	case 0:
		return each
	case 1, 2:
		return 2 * each
	}
	if len(d) < 2 {
		return each
	}
	return min(time.Duration(d[1]&63)*each, 120*time.Millisecond)
}
