// Package record writes tracks to files as they came, without transcoding: WebM for VP8,
// VP9, AV1 and Opus, fragmented MP4 for H.264 with Opus. A file plays to within its last
// second wherever its writer was killed.
package record

import (
	"time"

	"github.com/livelearn/box/services/media/forward"
)

// Track is one stream of a file.
type Track struct {
	Codec forward.Codec
	Clock uint32 // Hz
}

// Writer writes the packets of the tracks of one person's source (camera with microphone,
// or screen) to one file.
type Writer struct{}

// Create begins a file; name has no ending, it is chosen by the codecs (".webm", ".mp4").
// The file is complete up to a cluster or fragment of at most one second at any time.
func Create(name string, tracks []Track) (*Writer, error) { panic("later") }

// Write takes one RTP packet of tracks[i], in order, at the time since the recording of the
// lesson began (so that files of one lesson line up). It does not keep packet.
func (w *Writer) Write(i int, packet []byte, at time.Duration) error { panic("later") }

// Close ends the file and writes what makes it seekable.
func (w *Writer) Close() error { panic("later") }
