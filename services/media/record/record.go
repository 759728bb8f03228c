// Package record writes tracks to files without transcoding: WebM for VP8, VP9, AV1 and Opus,
// fragmented MP4 for H.264 with Opus. A file plays to within its last second, even if its
// writer is killed.
//
//	packets -> assembler (whole frames) -> timeline (when) -> part (a second) -> container -> file
//
// A recording is one file as long as its head stays true. A track that joins later and an
// H.264 stream with other parameter sets begin another part ("name-2"): browsers would wait
// for a track that the head promises and that has not come yet.
package record

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/forward"
)

const (
	maxSpan      = time.Second // of a cluster or fragment, and of the wait of a head for its tracks
	maxHeldBytes = 8 << 20     // bytes that may wait to be written
)

// Track is one stream of a file.
type Track struct {
	Codec forward.Codec
	Clock uint32 // Hz
}

// Config is a recording of one source of one person.
type Config struct {
	Name   string // path of the file without ending, its folder exists
	Tracks []Track
	User   string  // for the file's sidecar
	Source string  // for the file's sidecar
	Budget *Budget // asked before each write, nil: no limit

	create func(path string) (file, error) // set by tests, nil: on disk
}

// Writer writes the packets of the tracks of one person's source (camera with microphone,
// or screen) to one file, or to several parts. Its methods may be called from several
// goroutines: one for each track.
type Writer struct {
	cfg       Config
	extension string

	mu       sync.Mutex // guards the fields below
	tracks   []*track
	packet   rtp.Packet
	latest   time.Duration // the newest time passed to Write
	heldPart *part         // frames that wait for the file's head, nil: none do
	part     *part         // the file, nil: none yet
	timer    *time.Timer   // writes frames that would wait for longer than a second
	parts    []Part
	err      error
	closed   bool
}

// track is one stream and its state.
type track struct {
	Track
	assembler *assembler
	timeline  timeline
	format    format
	known     bool          // format is known
	last      time.Duration // of the latest frame
}

// New begins a recording and asks the budget for the space of one second. The file is
// complete up to a cluster or fragment of at most one second at any time. It appears with
// the first whole frame, as ".webm" or ".mp4" by its codecs. VP8, VP9 or AV1 together with
// H.264 is errs.Invalid.
func New(cfg Config) (*Writer, error) {
	w := &Writer{cfg: cfg, extension: ".webm"}
	if cfg.create == nil {
		w.cfg.create = createFile
	}
	counts := map[forward.Codec]int{}
	for _, t := range cfg.Tracks {
		if t.Codec == 0 || t.Codec >= forward.Codecs {
			return nil, errs.Newf("record.New", errs.Invalid, "codec %d is unknown", t.Codec)
		}
		counts[t.Codec]++
		w.tracks = append(w.tracks, w.newTrack(t, len(w.tracks)))
	}
	if counts[forward.H264] > 0 {
		w.extension = ".mp4"
	}
	if len(w.tracks) == 0 || len(w.tracks) > 9 {
		return nil, errs.Newf("record.New", errs.Invalid, "a file of %d tracks", len(w.tracks))
	}
	if h, rest := counts[forward.H264], len(w.tracks)-counts[forward.Opus]; h > 0 && h < rest {
		return nil, errs.Newf("record.New", errs.Invalid, "no file holds H.264 together with VP8, VP9 or AV1")
	}
	return w, cfg.Budget.claimBytes(cfg.Name, 0)
}

func (w *Writer) newTrack(t Track, i int) *track {
	if t.Clock == 0 {
		t.Clock = 90000
		if t.Codec == forward.Opus {
			t.Clock = 48000
		}
	}
	k := &track{Track: t, last: -1 << 62}
	k.timeline.clock = t.Clock
	k.assembler = newAssembler(t.Codec, func(ts uint32, data []byte) { w.acceptFrame(i, ts, data) })
	return k
}

// Write takes one RTP packet of tracks[i], in order. at is the time since the recording of the
// lesson began, so that files of one lesson line up. It does not keep packet. Invalid packets,
// and frames with a hole, are left out. An error is final: the disk's, or errs.Down with the
// code "disk_full". The frames written before it play.
func (w *Writer) Write(i int, packet []byte, at time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.closed {
		return w.err
	}
	if i < 0 || i >= len(w.tracks) {
		return errs.Newf("record.Write", errs.Invalid, "no track %d", i)
	}
	w.latest = max(w.latest, at)
	if err := w.packet.Unmarshal(packet); err != nil {
		return nil
	}
	t := w.tracks[i]
	if t.assembler.switchStream(w.packet.SSRC) {
		t.timeline.resetClock()
	}
	t.timeline.recordArrival(w.packet.Timestamp, w.latest)
	t.assembler.pushPacket(&w.packet)
	return w.err
}

// KeyWanted reports whether tracks[i] is a picture that is not recorded until its publisher
// sends a key frame, or that needs one to begin its next file.
func (w *Writer) KeyWanted(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil || i < 0 || i >= len(w.tracks) {
		return false
	}
	t := w.tracks[i]
	turning := w.heldPart != nil && w.part != nil && t.Codec != forward.Opus
	return t.assembler.waiting || turning
}

// Parts are the files so far.
func (w *Writer) Parts() []Part {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.parts)
	if w.part != nil {
		list = append(list, w.part.info)
	}
	return list
}

// Close ends the file and writes its index for seeking.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.err
	}
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.heldPart != nil && w.err == nil {
		w.startNextPart()
	}
	w.finishPart()
	return w.err
}

// keepFirstError keeps the first error.
func (w *Writer) keepFirstError(err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("recording %s: %w", w.cfg.Name, err)
	}
}
