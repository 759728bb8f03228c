package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"

	"github.com/livelearn/box/services/media/forward"
)

const maxHeadBytes = 1 << 20 // of a stored file's description of its tracks

// storedFrame is one frame inside a part's file.
type storedFrame struct {
	track  int           // of the file
	at     time.Duration // since the file began
	plays  time.Duration // of sound
	key    bool
	offset int64
	size   int
}

// readFrames reads where the frames of a part's file are, in the order of the file: formats first
// calls head, and each frame calls each. It works on a file that was cut off, and leaves its last
// frame out.
func readFrames(path string, head func([]format) error, each func(storedFrame) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the file is only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s := &frameScan{file: f, size: info.Size(), head: head, each: each}
	if strings.HasSuffix(path, ".mp4") {
		err = s.readMP4()
	} else {
		err = s.readWebM()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", info.Name(), err)
	}
	return nil
}

// frameScan reads the frames of one file.
type frameScan struct {
	file io.ReaderAt
	size int64
	head func([]format) error
	each func(storedFrame) error

	formats []format
	scales  map[uint32]uint32 // of an MP4's tracks
}

// emitFrame passes a frame on, if the file holds it whole.
func (s *frameScan) emitFrame(f storedFrame) error {
	if f.track < 0 || f.track >= len(s.formats) || f.size <= 0 || f.offset < 0 || f.offset+int64(f.size) > s.size {
		return nil
	}
	if s.formats[f.track].codec == forward.Opus {
		var b [2]byte
		n, err := s.file.ReadAt(b[:min(f.size, 2)], f.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		f.plays = opusDuration(b[:n])
	}
	return s.each(f)
}

// readWebM follows the clusters.
func (s *frameScan) readWebM() error {
	var cluster int64
	for at := int64(0); at < s.size; {
		e, n, err := s.readElementAt(at)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at += n
		if e.id == binary.BigEndian.Uint32(idSegment) || e.id == binary.BigEndian.Uint32(idCluster) {
			continue // descend into it
		}
		if e.size < 0 || e.size > 1<<30 {
			return errors.New("an element without an end")
		}
		switch e.id {
		case idTracks:
			err = s.readTracks(at, e.size)
		case idTimecode, idBlock:
			cluster, err = s.readBlock(e, at, cluster)
		}
		if err != nil {
			return err
		}
		at += e.size
	}
	return nil
}

// readElementAt reads an element's beginning and its length.
func (s *frameScan) readElementAt(at int64) (element, int64, error) {
	r := io.NewSectionReader(s.file, at, 12)
	b := bufio.NewReaderSize(r, 16)
	e, err := readElement(b)
	read, _ := r.Seek(0, io.SeekCurrent)
	return e, read - int64(b.Buffered()), err
}

// readBlock reads a cluster's time, or a frame of it.
func (s *frameScan) readBlock(e element, at, cluster int64) (int64, error) {
	if at+e.size > s.size {
		return cluster, nil // cut off
	}
	var b [4]byte
	if e.id == idBlock && e.size > 4 {
		if _, err := s.file.ReadAt(b[:], at); err != nil {
			return cluster, err
		}
	}
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, at, e.size), 16)
	t, err := readTime(r, element{id: e.id, size: min(e.size, 8)})
	if err != nil || e.id == idTimecode {
		return t, err
	}
	return cluster, s.emitFrame(storedFrame{
		track: int(b[0]&0x7F) - 1, at: time.Duration(cluster+t) * time.Millisecond, key: b[3]&0x80 != 0,
		offset: at + 4, size: int(e.size - 4),
	})
}

const idTracks = 0x1654AE6B

// readTracks reads the formats of a WebM file.
func (s *frameScan) readTracks(at, size int64) error {
	if size > maxHeadBytes {
		return errors.New("the description of the tracks is too long")
	}
	h := binary.BigEndian.AppendUint32(nil, idTracks)
	h = binary.BigEndian.AppendUint64(h, 1<<56|uint64(size))
	var v struct {
		Tracks webm.Tracks `ebml:"Tracks"`
	}
	r := io.MultiReader(strings.NewReader(string(h)), io.NewSectionReader(s.file, at, size))
	if err := ebml.Unmarshal(r, &v); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	codecs := map[string]forward.Codec{"A_OPUS": forward.Opus, "V_VP8": forward.VP8, "V_VP9": forward.VP9, "V_AV1": forward.AV1}
	names := map[forward.Codec]string{forward.Opus: "opus", forward.VP8: "vp8", forward.VP9: "vp9", forward.AV1: "av1"}
	for i, t := range v.Tracks.TrackEntry {
		if t.TrackNumber != uint64(i+1) {
			return errors.New("not a file of this box")
		}
		f := format{codec: codecs[t.CodecID], private: t.CodecPrivate}
		f.name = names[f.codec]
		if t.Video != nil {
			f.width, f.height = int(t.Video.PixelWidth), int(t.Video.PixelHeight)
		}
		s.formats = append(s.formats, f)
	}
	return s.head(s.formats)
}

// readMP4 follows the fragments.
func (s *frameScan) readMP4() error {
	for at := int64(0); at < s.size; {
		h, err := mp4.DecodeHeader(io.NewSectionReader(s.file, at, s.size-at))
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Size > 1<<30 || h.Size < uint64(h.Hdrlen) || h.Size > 16<<20 && h.Name != "mdat" {
			return errors.New("a box without an end")
		}
		if at+int64(h.Size) > s.size {
			return nil // cut off
		}
		body := io.NewSectionReader(s.file, at+int64(h.Hdrlen), int64(h.Size)-int64(h.Hdrlen))
		switch h.Name {
		case "moov":
			err = s.readMoov(h, body)
		case "moof":
			err = s.readFragment(h, at, body)
		}
		if err != nil {
			return err
		}
		at += int64(h.Size)
	}
	return nil
}

// readMoov reads the formats of an MP4 file.
func (s *frameScan) readMoov(h mp4.BoxHeader, r io.Reader) error {
	box, err := mp4.DecodeMoov(h, 0, r)
	if err != nil {
		return err
	}
	moov, ok := box.(*mp4.MoovBox)
	if !ok {
		return errors.New("no moov")
	}
	s.scales = map[uint32]uint32{}
	for i, t := range moov.Traks {
		if t.Tkhd == nil || t.Mdia == nil || t.Mdia.Mdhd == nil || t.Mdia.Mdhd.Timescale == 0 || t.Mdia.Minf == nil ||
			t.Mdia.Minf.Stbl == nil || t.Mdia.Minf.Stbl.Stsd == nil || t.Tkhd.TrackID != uint32(i+1) {
			return errors.New("a track without head")
		}
		s.scales[t.Tkhd.TrackID] = t.Mdia.Mdhd.Timescale
		f := format{codec: forward.Opus, name: "opus", private: opusHead}
		if e := t.Mdia.Minf.Stbl.Stsd.AvcX; e != nil {
			if e.AvcC == nil || len(e.AvcC.SPSnalus) == 0 || len(e.AvcC.PPSnalus) == 0 {
				return errors.New("H.264 without parameter sets")
			}
			f = format{codec: forward.H264, sps: e.AvcC.SPSnalus[0], pps: e.AvcC.PPSnalus[0]}
			if !f.readSPS() {
				return errors.New("H.264 with broken parameter sets")
			}
		}
		s.formats = append(s.formats, f)
	}
	return s.head(s.formats)
}

// readFragment reads the frames of a fragment that begins at start.
func (s *frameScan) readFragment(h mp4.BoxHeader, start int64, r io.Reader) error {
	box, err := mp4.DecodeMoof(h, uint64(start), r)
	if err != nil {
		return err
	}
	moof, ok := box.(*mp4.MoofBox)
	if !ok {
		return errors.New("no moof")
	}
	for _, t := range moof.Trafs {
		if t.Tfhd == nil || t.Tfdt == nil || t.Trun == nil || s.scales[t.Tfhd.TrackID] == 0 {
			continue
		}
		scale := int64(s.scales[t.Tfhd.TrackID])
		t.Trun.AddSampleDefaultValues(t.Tfhd, nil)
		at, offset := int64(t.Tfdt.BaseMediaDecodeTime()), start+int64(t.Trun.DataOffset)
		for _, sample := range t.Trun.Samples {
			err := s.emitFrame(storedFrame{
				track: int(t.Tfhd.TrackID) - 1, at: time.Duration(at/scale)*time.Second + time.Duration(at%scale)*time.Second/time.Duration(scale),
				key: mp4.IsSyncSampleFlags(sample.Flags), offset: offset, size: int(sample.Size),
			})
			if err != nil {
				return err
			}
			at, offset = at+int64(sample.Dur), offset+int64(sample.Size)
		}
	}
	return nil
}
