package record

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// mp4Chunk is a run of frames of one track and one format that lie together in the file.
type mp4Chunk struct {
	sound bool
	form  int
	list  []filmFrame
}

// writeMP4 writes a film of H.264, or of sound alone: its index first, so that it plays while it
// is loaded, and not fragmented, since iOS before 17.4 plays no other.
func (w *filmWriter) writeMP4() error {
	chunks := w.listChunks()
	size := uint64(0)
	for _, c := range chunks {
		size += w.chunkSize(c)
	}
	head, err := w.encodeMP4Head(chunks, size)
	if err != nil {
		return err
	}
	if err := w.appendBytes(head); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w.out, filmBuffer)
	var data []byte
	for _, c := range chunks {
		for _, x := range c.list {
			data = data[:0]
			if !c.sound && x.turn {
				data = append(data, w.parameterSets(c.form)...)
			}
			if data, err = w.appendFrame(data, x); err != nil {
				return err
			}
			n, err := out.Write(data)
			w.written += int64(n)
			if err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// listChunks puts a second of pictures before their sound.
func (w *filmWriter) listChunks() (chunks []mp4Chunk) {
	picture, sound := w.picture, w.sound
	for end := filmSpan; len(picture)+len(sound) > 0; end += filmSpan {
		var p, s []filmFrame
		p, picture = nextSpan(picture, end)
		s, sound = nextSpan(sound, end)
		for len(p) > 0 {
			n := 1
			for n < len(p) && p[n].form == p[0].form {
				n++
			}
			chunks = append(chunks, mp4Chunk{form: p[0].form, list: p[:n]})
			p = p[n:]
		}
		if len(s) > 0 {
			chunks = append(chunks, mp4Chunk{sound: true, list: s})
		}
	}
	return chunks
}

// parameterSets are the SPS and PPS of a format as NAL units with their lengths. They come before
// the first picture of each part as well: some players read only the first entry of the head.
func (w *filmWriter) parameterSets(form int) (b []byte) {
	f := w.forms[form]
	for _, unit := range [][]byte{f.sps, f.pps} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(unit)))
		b = append(b, unit...)
	}
	return b
}

func (w *filmWriter) frameSize(c mp4Chunk, x filmFrame) uint32 {
	n := x.size
	if !c.sound && x.turn {
		n += len(w.parameterSets(c.form))
	}
	return uint32(n)
}

func (w *filmWriter) chunkSize(c mp4Chunk) (n uint64) {
	for _, x := range c.list {
		n += uint64(w.frameSize(c, x))
	}
	return n
}

// encodeMP4Head is all that comes before the frames' bytes, whose length is size.
func (w *filmWriter) encodeMP4Head(chunks []mp4Chunk, size uint64) ([]byte, error) {
	long := size > 1<<32-1<<28
	init := mp4.NewMP4Init()
	init.AddChild(mp4.NewFtyp("isom", 512, []string{"isom", "iso2", "avc1", "mp41"}))
	moov := mp4.NewMoovBox()
	init.AddChild(moov)
	moov.AddChild(mp4.CreateMvhd())
	moov.Mvhd.Timescale = 1000
	moov.Mvhd.Duration = toTicks64(w.plays, 1000)
	var offsets []*chunkOffsets
	for _, sound := range []bool{false, true} {
		if sound && len(w.sound) == 0 || !sound && len(w.picture) == 0 {
			continue
		}
		o, err := w.addMP4Track(moov, chunks, sound, long)
		if err != nil {
			return nil, err
		}
		offsets = append(offsets, o)
	}
	moov.Mvhd.NextTrackID = uint32(len(moov.Traks) + 1)
	mdat := mdatHeader(size, long)
	base := init.Size() + uint64(len(mdat))
	for _, o := range offsets {
		o.moveBy(base)
	}
	var b bytes.Buffer
	if err := init.Encode(&b); err != nil {
		return nil, err
	}
	if uint64(b.Len()) != init.Size() {
		return nil, errors.New("an MP4 head of another length")
	}
	b.Write(mdat)
	return b.Bytes(), nil
}

// mdatHeader is the beginning of the box of all frames.
func mdatHeader(size uint64, long bool) []byte {
	if !long {
		return append(binary.BigEndian.AppendUint32(nil, uint32(size+8)), "mdat"...)
	}
	b := append(binary.BigEndian.AppendUint32(nil, 1), "mdat"...)
	return binary.BigEndian.AppendUint64(b, size+16)
}

// chunkOffsets are the places of a track's chunks: 32 bits long, or 64.
type chunkOffsets struct {
	short *mp4.StcoBox
	long  *mp4.Co64Box
}

func (o *chunkOffsets) addOffset(at uint64) {
	if o.long != nil {
		o.long.ChunkOffset = append(o.long.ChunkOffset, at)
		return
	}
	o.short.ChunkOffset = append(o.short.ChunkOffset, uint32(at))
}

func (o *chunkOffsets) moveBy(n uint64) {
	if o.long != nil {
		for i := range o.long.ChunkOffset {
			o.long.ChunkOffset[i] += n
		}
		return
	}
	for i := range o.short.ChunkOffset {
		o.short.ChunkOffset[i] += uint32(n)
	}
}

// addMP4Track adds a track with the places of its frames from the first frame's byte on.
func (w *filmWriter) addMP4Track(moov *mp4.MoovBox, chunks []mp4Chunk, sound, long bool) (*chunkOffsets, error) {
	scale, kind := uint32(videoTimescale), "video"
	if sound {
		scale, kind = audioTimescale, "audio"
	}
	trak := mp4.CreateEmptyTrak(uint32(len(moov.Traks)+1), scale, kind, "und")
	moov.AddChild(trak)
	if err := w.describeMP4Track(trak, sound); err != nil {
		return nil, err
	}
	stbl := trak.Mdia.Minf.Stbl
	offsets := useOffsets(stbl, long)
	if !sound {
		stbl.AddChild(&mp4.StssBox{})
	}
	table := &sampleTable{stbl: stbl, scale: scale}
	at := uint64(0)
	for _, c := range chunks {
		if c.sound != sound {
			at += w.chunkSize(c)
			continue
		}
		offsets.addOffset(at)
		if err := table.addChunk(uint32(len(c.list)), uint32(c.form+1)); err != nil {
			return nil, err
		}
		for _, x := range c.list {
			size := w.frameSize(c, x)
			table.addSample(x, size)
			at += uint64(size)
		}
	}
	table.endAt(w.plays, sound)
	trak.Mdia.Mdhd.Duration = table.ticks
	if table.ticks > 1<<32-1 {
		trak.Mdia.Mdhd.Version = 1
	}
	trak.Tkhd.Duration = table.ticks * 1000 / uint64(scale)
	return offsets, nil
}

// useOffsets gives a track its table of places.
func useOffsets(stbl *mp4.StblBox, long bool) *chunkOffsets {
	if !long {
		return &chunkOffsets{short: stbl.Stco}
	}
	o := &chunkOffsets{long: &mp4.Co64Box{}}
	for i, b := range stbl.Children {
		if b.Type() == "stco" {
			stbl.Children[i] = o.long
		}
	}
	stbl.Stco, stbl.Co64 = nil, o.long
	return o
}

// describeMP4Track adds the entries of the formats.
func (w *filmWriter) describeMP4Track(trak *mp4.TrakBox, sound bool) error {
	if sound {
		entry := mp4.CreateAudioSampleEntryBox("Opus", 2, 16, audioTimescale, nil)
		entry.AddChild(&mp4.DopsBox{OutputChannelCount: 2, InputSampleRate: audioTimescale})
		trak.Mdia.Minf.Stbl.Stsd.AddChild(entry)
		return nil
	}
	for i := range w.forms {
		f := w.forms[len(w.forms)-1-i] // the last call sets the size of the track
		if err := trak.SetAVCDescriptor("avc1", [][]byte{f.sps}, [][]byte{f.pps}, true); err != nil {
			return err
		}
	}
	reverseEntries(trak.Mdia.Minf.Stbl.Stsd)
	return nil
}

func reverseEntries(stsd *mp4.StsdBox) {
	n := len(stsd.Children)
	for i := range n / 2 {
		stsd.Children[i], stsd.Children[n-1-i] = stsd.Children[n-1-i], stsd.Children[i]
	}
}

// sampleTable fills a track's tables.
type sampleTable struct {
	stbl   *mp4.StblBox
	scale  uint32
	chunks uint32
	perOne uint32 // frames of the latest entry of stsc
	form   uint32 // its format
	ticks  uint64 // the time of the latest frame, then the end
	any    bool
}

func (t *sampleTable) addChunk(frames, form uint32) error {
	t.chunks++
	if t.perOne == frames && t.form == form {
		return nil
	}
	t.perOne, t.form = frames, form
	return t.stbl.Stsc.AddEntry(t.chunks, frames, form)
}

func (t *sampleTable) addSample(x filmFrame, size uint32) {
	at := toTicks64(x.at, t.scale)
	if t.any {
		t.addDuration(at - t.ticks)
	}
	t.any, t.ticks = true, at
	t.stbl.Stsz.SampleNumber++
	t.stbl.Stsz.SampleSize = append(t.stbl.Stsz.SampleSize, size)
	if x.key && t.stbl.Stss != nil {
		t.stbl.Stss.SampleNumber = append(t.stbl.Stss.SampleNumber, t.stbl.Stsz.SampleNumber)
	}
}

func (t *sampleTable) addDuration(d uint64) {
	s := t.stbl.Stts
	if n := len(s.SampleTimeDelta); n > 0 && s.SampleTimeDelta[n-1] == uint32(d) {
		s.SampleCount[n-1]++
		return
	}
	s.SampleCount, s.SampleTimeDelta = append(s.SampleCount, 1), append(s.SampleTimeDelta, uint32(d))
}

// endAt ends the last frame. A picture stays until the film ends.
func (t *sampleTable) endAt(plays time.Duration, sound bool) {
	end := t.ticks + uint64(toTicks(silenceLength, t.scale))
	if !sound {
		end = max(toTicks64(plays, t.scale), t.ticks+1)
	}
	t.addDuration(end - t.ticks)
	t.ticks = end
}
