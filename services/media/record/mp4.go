package record

import (
	"bytes"
	"fmt"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/livelearn/box/services/media/forward"
)

// mp4File makes a fragmented MP4 file (ISO 14496-12, Opus in ISOBMFF).
type mp4File struct {
	forms    []format
	sequence uint32
	sync     []mp4.TfraEntry // of track lead
	lead     int             // the track that seeking goes by
	last     []uint32        // each track's latest duration
}

const (
	soundScale   = 48000 // Hz
	pictureScale = 90000
)

func newMP4(forms []format) *mp4File {
	m := &mp4File{forms: forms, last: make([]uint32, len(forms))}
	for i, f := range forms {
		m.last[i] = ticks(time.Second/30, m.scale(i))
		if f.codec != forward.Opus {
			m.lead = i
		}
	}
	return m
}

func (m *mp4File) scale(track int) uint32 {
	if m.forms[track].codec == forward.Opus {
		return soundScale
	}
	return pictureScale
}

// ticks is d, rounded, in a track's time.
func ticks(d time.Duration, scale uint32) uint32 { return uint32(ticks64(d, scale)) }

func ticks64(d time.Duration, scale uint32) uint64 {
	s := d / time.Second
	return uint64(s)*uint64(scale) + uint64((d%time.Second*time.Duration(scale)+time.Second/2)/time.Second)
}

func (m *mp4File) head(plays time.Duration, _ int64) ([]byte, error) {
	init := mp4.NewMP4Init()
	init.AddChild(mp4.NewFtyp("iso5", 512, []string{"iso5", "iso6", "mp41"}))
	moov := mp4.NewMoovBox()
	init.AddChild(moov)
	moov.AddChild(mp4.CreateMvhd())
	moov.Mvhd.Timescale = 1000
	mvex := mp4.NewMvexBox()
	mvex.AddChild(&mp4.MehdBox{Version: 1, FragmentDuration: int64(ticks64(plays, moov.Mvhd.Timescale))})
	moov.AddChild(mvex)
	for i, f := range m.forms {
		if err := m.describe(init, i, f); err != nil {
			return nil, err
		}
	}
	// players that do not read mehd; 0 is unknown
	moov.Mvhd.Duration = ticks64(plays, moov.Mvhd.Timescale)
	var b bytes.Buffer
	err := init.Encode(&b)
	return b.Bytes(), err
}

// describe adds a track's entry.
func (m *mp4File) describe(init *mp4.InitSegment, i int, f format) error {
	if f.codec == forward.Opus {
		init.AddEmptyTrack(soundScale, "audio", "und")
		entry := mp4.CreateAudioSampleEntryBox("Opus", 2, 16, soundScale, nil)
		entry.AddChild(&mp4.DopsBox{OutputChannelCount: 2, InputSampleRate: soundScale})
		init.Moov.Traks[i].Mdia.Minf.Stbl.Stsd.AddChild(entry)
		return nil
	}
	init.AddEmptyTrack(pictureScale, "video", "und")
	return init.Moov.Traks[i].SetAVCDescriptor("avc1", [][]byte{f.sps}, [][]byte{f.pps}, true)
}

func (m *mp4File) cluster(frames []frame, data []byte, offset int64) ([]byte, error) {
	var ids []uint32
	for i := range m.forms {
		for _, f := range frames {
			if f.track == i {
				ids = append(ids, uint32(i+1))
				break
			}
		}
	}
	m.sequence++
	fragment, err := mp4.CreateMultiTrackFragment(m.sequence, ids)
	if err != nil {
		return nil, err
	}
	for n, id := range ids {
		if err := m.fill(fragment, int(id-1), frames, data, mp4.TfraEntry{MoofOffset: uint64(offset), TrafNumber: uint32(n + 1)}); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	b.Grow(int(fragment.Size()))
	err = fragment.Encode(&b)
	return b.Bytes(), err
}

// fill adds one track's frames to a fragment.
func (m *mp4File) fill(fragment *mp4.Fragment, track int, frames []frame, data []byte, entry mp4.TfraEntry) error {
	scale, number := m.scale(track), uint32(0)
	for i, f := range frames {
		if f.track != track {
			continue
		}
		number++
		at := ticks64(f.at, scale)
		flags := mp4.NonSyncSampleFlags | mp4.SampleDependsOn1
		if f.key {
			flags = mp4.SyncSampleFlags
		}
		if f.key && track == m.lead && number == 1 {
			entry.Time, entry.TrunNumber, entry.SampleNumber = at, 1, 1
			if m.sync = append(m.sync, entry); len(m.sync) > cueMax {
				m.sync = thin(m.sync)
			}
		}
		err := fragment.AddFullSampleToTrack(mp4.FullSample{
			Sample:     mp4.NewSample(flags, m.lasts(track, i, frames, data), uint32(f.size), 0),
			DecodeTime: at, Data: data[f.from : f.from+f.size],
		}, uint32(track+1))
		if err != nil {
			return fmt.Errorf("fragment %d: %w", m.sequence, err)
		}
	}
	return nil
}

// lasts is how long frames[i] is shown: until the next one of its track. The last one of a
// fragment lasts as long as the one before; the next fragment says itself when it begins.
func (m *mp4File) lasts(track, i int, frames []frame, data []byte) uint32 {
	scale := m.scale(track)
	for _, f := range frames[i+1:] {
		if f.track == track {
			m.last[track] = uint32(ticks64(f.at, scale) - ticks64(frames[i].at, scale))
			return m.last[track]
		}
	}
	if f := frames[i]; m.forms[track].codec == forward.Opus {
		return ticks(opusDuration(data[f.from:f.from+f.size]), scale)
	}
	return m.last[track]
}

func (m *mp4File) index(int64) ([]byte, error) {
	mfra := &mp4.MfraBox{}
	tfra := &mp4.TfraBox{Version: 1, TrackID: uint32(m.lead + 1), Entries: m.sync}
	mfro := &mp4.MfroBox{}
	if err := mfra.AddChild(tfra); err != nil {
		return nil, err
	}
	if err := mfra.AddChild(mfro); err != nil {
		return nil, err
	}
	mfro.ParentSize = uint32(mfra.Size())
	var b bytes.Buffer
	err := mfra.Encode(&b)
	return b.Bytes(), err
}
