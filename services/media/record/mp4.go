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
	forms         []format
	sequence      uint32
	syncPoints    []mp4.TfraEntry // of the track seekTrack
	seekTrack     int             // the track for seeking
	lastDurations []uint32        // each track's latest duration
}

const (
	audioTimescale = 48000 // Hz
	videoTimescale = 90000
)

func newMP4(forms []format) *mp4File {
	m := &mp4File{forms: forms, lastDurations: make([]uint32, len(forms))}
	for i, f := range forms {
		m.lastDurations[i] = toTicks(time.Second/30, m.trackTimescale(i))
		if f.codec != forward.Opus {
			m.seekTrack = i
		}
	}
	return m
}

func (m *mp4File) trackTimescale(track int) uint32 {
	if m.forms[track].codec == forward.Opus {
		return audioTimescale
	}
	return videoTimescale
}

// toTicks is d, rounded, in a track's time.
func toTicks(d time.Duration, scale uint32) uint32 { return uint32(toTicks64(d, scale)) }

func toTicks64(d time.Duration, scale uint32) uint64 {
	s := d / time.Second
	return uint64(s)*uint64(scale) + uint64((d%time.Second*time.Duration(scale)+time.Second/2)/time.Second)
}

func (m *mp4File) encodeHead(plays time.Duration, _ int64) ([]byte, error) {
	init := mp4.NewMP4Init()
	init.AddChild(mp4.NewFtyp("iso5", 512, []string{"iso5", "iso6", "mp41"}))
	moov := mp4.NewMoovBox()
	init.AddChild(moov)
	moov.AddChild(mp4.CreateMvhd())
	moov.Mvhd.Timescale = 1000
	mvex := mp4.NewMvexBox()
	mvex.AddChild(&mp4.MehdBox{Version: 1, FragmentDuration: int64(toTicks64(plays, moov.Mvhd.Timescale))})
	moov.AddChild(mvex)
	for i, f := range m.forms {
		if err := m.addTrackEntry(init, i, f); err != nil {
			return nil, err
		}
	}
	// players that do not read mehd, 0 is unknown
	moov.Mvhd.Duration = toTicks64(plays, moov.Mvhd.Timescale)
	var b bytes.Buffer
	err := init.Encode(&b)
	return b.Bytes(), err
}

// addTrackEntry adds a track's entry.
func (m *mp4File) addTrackEntry(init *mp4.InitSegment, i int, f format) error {
	if f.codec == forward.Opus {
		init.AddEmptyTrack(audioTimescale, "audio", "und")
		entry := mp4.CreateAudioSampleEntryBox("Opus", 2, 16, audioTimescale, nil)
		entry.AddChild(&mp4.DopsBox{OutputChannelCount: 2, InputSampleRate: audioTimescale})
		init.Moov.Traks[i].Mdia.Minf.Stbl.Stsd.AddChild(entry)
		return nil
	}
	init.AddEmptyTrack(videoTimescale, "video", "und")
	return init.Moov.Traks[i].SetAVCDescriptor("avc1", [][]byte{f.sps}, [][]byte{f.pps}, true)
}

func (m *mp4File) encodeCluster(frames []frame, data []byte, offset int64) ([]byte, error) {
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
		if err := m.fillFragment(fragment, int(id-1), frames, data, mp4.TfraEntry{MoofOffset: uint64(offset), TrafNumber: uint32(n + 1)}); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	b.Grow(int(fragment.Size()))
	err = fragment.Encode(&b)
	return b.Bytes(), err
}

// fillFragment adds one track's frames to a fragment.
func (m *mp4File) fillFragment(fragment *mp4.Fragment, track int, frames []frame, data []byte, entry mp4.TfraEntry) error {
	scale, number := m.trackTimescale(track), uint32(0)
	for i, f := range frames {
		if f.track != track {
			continue
		}
		number++
		at := toTicks64(f.at, scale)
		flags := mp4.NonSyncSampleFlags | mp4.SampleDependsOn1
		if f.key {
			flags = mp4.SyncSampleFlags
		}
		if f.key && track == m.seekTrack && number == 1 {
			entry.Time, entry.TrunNumber, entry.SampleNumber = at, 1, 1
			if m.syncPoints = append(m.syncPoints, entry); len(m.syncPoints) > maxCues {
				m.syncPoints = dropEveryOther(m.syncPoints)
			}
		}
		err := fragment.AddFullSampleToTrack(mp4.FullSample{
			Sample:     mp4.NewSample(flags, m.sampleDuration(track, i, frames, data), uint32(f.size), 0),
			DecodeTime: at, Data: data[f.from : f.from+f.size],
		}, uint32(track+1))
		if err != nil {
			return fmt.Errorf("fragment %d: %w", m.sequence, err)
		}
	}
	return nil
}

// sampleDuration is the display time of frames[i]: until the next frame of its track. The last
// one of a fragment lasts as long as the one before. The next fragment has its own start time.
func (m *mp4File) sampleDuration(track, i int, frames []frame, data []byte) uint32 {
	scale := m.trackTimescale(track)
	for _, f := range frames[i+1:] {
		if f.track == track {
			m.lastDurations[track] = uint32(toTicks64(f.at, scale) - toTicks64(frames[i].at, scale))
			return m.lastDurations[track]
		}
	}
	if f := frames[i]; m.forms[track].codec == forward.Opus {
		return toTicks(opusDuration(data[f.from:f.from+f.size]), scale)
	}
	return m.lastDurations[track]
}

func (m *mp4File) encodeIndex(int64) ([]byte, error) {
	mfra := &mp4.MfraBox{}
	tfra := &mp4.TfraBox{Version: 1, TrackID: uint32(m.seekTrack + 1), Entries: m.syncPoints}
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
