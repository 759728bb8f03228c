package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"

	"github.com/livelearn/box/services/media/forward"
)

// webmFile makes a WebM file (RFC 9559, webmproject.org/docs/container). It encodes clusters
// itself, block by block: the library's writer hands each frame to a goroutine that panics when
// a disk is full, and it leaves a file without index until its end.
//
// The segment has an unknown size until the end, but each cluster has a size: players accept a
// file that ends in the middle of a cluster.
type webmFile struct {
	tracks          []webm.TrackEntry
	size            int   // of the head
	base            int64 // where the segment's content begins
	cues            []webm.CuePoint
	lastClusterTime int64 // the latest cluster's time, in ms
	buf             []byte
}

type webmHead struct {
	Header  webm.EBMLHeader `ebml:"EBML"`
	Segment struct {
		SeekHead *webm.SeekHead `ebml:"SeekHead"`
		Info     webm.Info      `ebml:"Info"`
		Tracks   webm.Tracks    `ebml:"Tracks"`
	} `ebml:"Segment,size=unknown"`
}

// The IDs of elements (RFC 9559 5.1).
var (
	idCues    = []byte{0x1C, 0x53, 0xBB, 0x6B}
	idSegment = []byte{0x18, 0x53, 0x80, 0x67}
	idCluster = []byte{0x1F, 0x43, 0xB6, 0x75}
)

const (
	idTimecode = 0xE7
	idBlock    = 0xA3
	idVoid     = 0xEC

	seekHeadSize = 48   // bytes for a SeekHead of one entry
	maxCues      = 4096 // index entries: at one a second, more than two hours are thinned out
)

func newWebM(forms []format) *webmFile {
	m := &webmFile{lastClusterTime: -1}
	for i, f := range forms {
		m.tracks = append(m.tracks, webmTrack(uint64(i+1), f))
	}
	return m
}

func webmTrack(number uint64, f format) webm.TrackEntry {
	t := webm.TrackEntry{TrackNumber: number, TrackUID: number, CodecPrivate: f.private, TrackType: 1}
	switch f.codec {
	case forward.Opus:
		t.CodecID, t.TrackType, t.SeekPreRoll = "A_OPUS", 2, uint64(80*time.Millisecond) // RFC 7845 4.6
		t.Audio = &webm.Audio{SamplingFrequency: 48000, Channels: 2}
		return t
	case forward.VP8:
		t.CodecID = "V_VP8"
	case forward.VP9:
		t.CodecID = "V_VP9"
	case forward.AV1:
		t.CodecID = "V_AV1"
	}
	t.Video = &webm.Video{PixelWidth: uint64(f.width), PixelHeight: uint64(f.height)}
	return t
}

func (m *webmFile) encodeHead(plays time.Duration, index int64) ([]byte, error) {
	h := webmHead{Header: *webm.DefaultEBMLHeader}
	h.Segment.Info = webm.Info{
		TimecodeScale: 1e6, MuxingApp: "livelearn", WritingApp: "livelearn",
		Duration: float64(max(plays.Milliseconds(), 0)),
	}
	h.Segment.Tracks.TrackEntry = m.tracks
	if index > 0 {
		h.Segment.SeekHead = &webm.SeekHead{Seek: []webm.Seek{{SeekID: idCues, SeekPosition: uint64(index - m.base)}}}
	}
	var b bytes.Buffer
	if err := ebml.Marshal(&h, &b); err != nil {
		return nil, err
	}
	if m.size == 0 {
		// the Duration element (11 bytes) is absent as long as it is 0
		m.size = b.Len() + seekHeadSize + 11
		m.base = int64(bytes.Index(b.Bytes(), idSegment) + len(idSegment) + 8)
	}
	return padWithVoid(b.Bytes(), m.size)
}

// padWithVoid fills up with a Void element.
func padWithVoid(b []byte, size int) ([]byte, error) {
	n := size - len(b) - 9
	if n < 0 {
		return nil, errors.New("no room left in the file's head")
	}
	b = append(b, idVoid)
	b = binary.BigEndian.AppendUint64(b, 1<<56|uint64(n))
	return append(b, make([]byte, n)...), nil
}

func (m *webmFile) encodeCluster(frames []frame, data []byte, offset int64) ([]byte, error) {
	begin := max(frames[0].at.Milliseconds(), m.lastClusterTime) // a late frame of sound may precede it
	m.lastClusterTime = begin
	b := append(m.buf[:0], idCluster...)
	b = append(b, make([]byte, 8)...) // its size
	b = append(b, idTimecode, 0x88)
	b = binary.BigEndian.AppendUint64(b, uint64(begin))
	for _, f := range frames {
		b = appendBlock(b, f, begin, data)
		if f.key && m.tracks[f.track].Video != nil {
			m.addCue(begin, f.track, offset)
		}
	}
	if len(m.tracks) == 1 && m.tracks[0].Audio != nil {
		m.addCue(begin, 0, offset)
	}
	binary.BigEndian.PutUint64(b[4:], 1<<56|uint64(len(b)-12))
	m.buf = b
	return b, nil
}

// appendBlock writes a SimpleBlock (RFC 9559 10.2).
func appendBlock(b []byte, f frame, begin int64, data []byte) []byte {
	relative := min(max(f.at.Milliseconds()-begin, -1<<15), 1<<15-1)
	b = append(b, idBlock)
	b = binary.BigEndian.AppendUint32(b, 1<<28|uint32(f.size+4))
	b = append(b, 0x80|byte(f.track+1))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(relative)))
	flags := byte(0)
	if f.key {
		flags = 0x80
	}
	b = append(b, flags)
	return append(b, data[f.from:f.from+f.size]...)
}

// addCue notes that players may begin at a cluster.
func (m *webmFile) addCue(at int64, track int, offset int64) {
	p := webm.CuePoint{CueTime: uint64(at), CueTrackPositions: []webm.CueTrackPosition{{
		CueTrack: uint64(track + 1), CueClusterPosition: uint64(offset - m.base),
	}}}
	if n := len(m.cues); n > 0 && m.cues[n-1].CueTrackPositions[0] == p.CueTrackPositions[0] {
		return
	}
	m.cues = append(m.cues, p)
	if len(m.cues) > maxCues {
		m.cues = dropEveryOther(m.cues)
	}
}

// dropEveryOther keeps every other one.
func dropEveryOther[T any](list []T) []T {
	for i := range list[:len(list)/2] {
		list[i] = list[2*i]
	}
	return list[:len(list)/2]
}

func (m *webmFile) encodeIndex(int64) ([]byte, error) {
	var b bytes.Buffer
	err := ebml.Marshal(&struct {
		Cues webm.Cues `ebml:"Cues"`
	}{webm.Cues{CuePoint: m.cues}}, &b)
	return b.Bytes(), err
}
