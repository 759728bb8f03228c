// Package record writes tracks to files as they came, without transcoding: WebM for VP8,
// VP9, AV1 and Opus, fragmented MP4 for H.264 with Opus. A file plays to within its last
// second wherever its writer was killed.
//
//	packets -> assembler (whole frames) -> timeline (when) -> part (a second) -> container -> file
//
// A recording is one file as long as what its head says stays true. A track that joins it
// later and an H.264 stream with other parameter sets begin another part ("name-2"): a
// file that promises a track which has not come yet makes browsers wait for it.
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
	spanMax = time.Second // that a cluster or fragment holds, and that a head waits for its tracks
	holdMax = 8 << 20     // bytes that wait to be written, whatever their time
)

// Track is one stream of a file.
type Track struct {
	Codec forward.Codec
	Clock uint32 // Hz
}

// Config is a recording of one source of one person.
type Config struct {
	Name   string // path of the file without ending; its folder exists
	Tracks []Track
	User   string  // for the file's sidecar
	Source string  // for the file's sidecar
	Budget *Budget // whom to ask before each write; nil: nobody

	create func(path string) (file, error) // tests' files; nil: the disk's
}

// Writer writes the packets of the tracks of one person's source (camera with microphone,
// or screen) to one file, or to several parts. Its methods may be called from several
// goroutines: one for each track.
type Writer struct {
	cfg    Config
	ending string

	mu     sync.Mutex // guards the fields below
	tracks []*track
	packet rtp.Packet
	latest time.Duration // the newest at
	held   *part         // frames that wait for the file's head; nil: none do
	part   *part         // the file; nil: none yet
	timer  *time.Timer   // writes what would wait for longer than a second
	parts  []Part
	err    error
	closed bool
}

// track is one stream and what is known of it.
type track struct {
	Track
	frames *assembler
	time   timeline
	form   format
	known  bool          // form is
	last   time.Duration // of the latest frame
}

// Create begins a file; name has no ending, it is chosen by the codecs (".webm", ".mp4").
// The file is complete up to a cluster or fragment of at most one second at any time. It
// appears with the first whole frame. VP8, VP9 or AV1 together with H.264 is errs.Invalid.
func Create(name string, tracks []Track) (*Writer, error) {
	return New(Config{Name: name, Tracks: tracks})
}

// New is Create with all that a recording can have. It asks the budget for a second's room.
func New(cfg Config) (*Writer, error) {
	w := &Writer{cfg: cfg, ending: ".webm"}
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
		w.ending = ".mp4"
	}
	if len(w.tracks) == 0 || len(w.tracks) > 9 {
		return nil, errs.Newf("record.New", errs.Invalid, "a file of %d tracks", len(w.tracks))
	}
	if h, rest := counts[forward.H264], len(w.tracks)-counts[forward.Opus]; h > 0 && h < rest {
		return nil, errs.Newf("record.New", errs.Invalid, "no file holds H.264 beside VP8, VP9 or AV1")
	}
	return w, cfg.Budget.claim(cfg.Name, 0)
}

func (w *Writer) newTrack(t Track, i int) *track {
	if t.Clock == 0 {
		t.Clock = 90000
		if t.Codec == forward.Opus {
			t.Clock = 48000
		}
	}
	k := &track{Track: t, last: -1 << 62}
	k.time.clock = t.Clock
	k.frames = newAssembler(t.Codec, func(ts uint32, data []byte) { w.frame(i, ts, data) })
	return k
}

// Write takes one RTP packet of tracks[i], in order, at the time since the recording of the
// lesson began (so that files of one lesson line up). It does not keep packet. A packet that
// is none, and a frame with a hole, are left out. An error is final: the disk's, or
// errs.Down with the code "disk_full"; what was written until then plays.
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
	if t.frames.other(w.packet.SSRC) {
		t.time.restart()
	}
	t.time.arrive(w.packet.Timestamp, w.latest)
	t.frames.push(&w.packet)
	return w.err
}

// KeyWanted tells that tracks[i] is a picture that is not recorded until its publisher sends
// a key frame, or whose next file is to begin with one.
func (w *Writer) KeyWanted(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil || i < 0 || i >= len(w.tracks) {
		return false
	}
	t := w.tracks[i]
	turning := w.held != nil && w.part != nil && t.Codec != forward.Opus
	return t.frames.waiting || turning
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

// Close ends the file and writes what makes it seekable.
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
	if w.held != nil && w.err == nil {
		w.turn()
	}
	w.finish()
	return w.err
}

// fail keeps the first error.
func (w *Writer) fail(err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("recording %s: %w", w.cfg.Name, err)
	}
}
