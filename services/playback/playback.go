// Package playback prepares a recorded lesson for its replay. It writes two files next to the
// media files in the recording's folder: capsule.json lists the media and the chapters, and
// events.json lists the events, so that a player can show slides, ink, chat and questions in
// step with picture and sound.
//
//	journal's facts + record.Parts(folder) -> Build -> capsule.json, events.json
//
// Promises:
//   - A capsule is a pure function of the facts, the files and the options: the same input gives
//     the same bytes. Building it again, for example after an erasure, replaces it whole.
//   - It contains only events that all in the room saw. It has no answer, mark or score of a
//     pupil, and no message to the teacher alone. It has the revealed part of a key, at the time
//     of the reveal.
//   - Pupils have no names and no media in it unless the options include them. A user in neither
//     list of the options (erased since) is not in it at all.
//   - All times are milliseconds since the lesson started, and never go back.
package playback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media/record"
)

// The files of a capsule.
const (
	IndexFile  = "capsule.json"
	EventsFile = "events.json"
)

const version = 1

// Options list the people in a capsule. Names are by user id.
type Options struct {
	Teachers map[string]string
	Pupils   map[string]string // of the roster; their messages are in it without names
	Include  bool              // pupils: with names and media
}

// Capsule is the index.
type Capsule struct {
	Version    int       `json:"version"`
	Lesson     string    `json:"lesson"`
	Title      string    `json:"title"`
	StartMS    int64     `json:"start_ms"`    // of the lesson, milliseconds since 1970
	DurationMS int64     `json:"duration_ms"` // to its end, or to the last event or medium
	Parts      []Part    `json:"parts"`
	Chapters   []Chapter `json:"chapters"`
	Events     string    `json:"events"` // file
}

// Part is one media file.
type Part struct {
	File       string `json:"file"`
	User       string `json:"user"`
	Name       string `json:"name"`
	Role       string `json:"role"` // "teacher" or "pupil"
	Source     string `json:"source"`
	Type       string `json:"type"`     // MIME type with codecs
	StartMS    int64  `json:"start_ms"` // since the lesson started
	DurationMS int64  `json:"duration_ms"`
	Width      int    `json:"width,omitempty"`
	Height     int    `json:"height,omitempty"`
	Bytes      int64  `json:"bytes"`
}

// Chapter is a time that the viewer can jump to.
type Chapter struct {
	AtMS  int64  `json:"at_ms"`
	Kind  string `json:"kind" enum:"slide,board,question"` // "slide", "board" or "question"
	Title string `json:"title"`                            // of the page or the question; may be empty
	Page  int    `json:"page,omitempty"`
}

// Event is an event of the lesson at a time. Data depends on Kind: see events.go.
type Event struct {
	AtMS int64           `json:"at_ms"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data,omitempty"`
}

// Build folds the facts of one lesson, oldest first, and writes the capsule into dir, the
// folder of its recording, which may have no media. It reads all of dir's media headers:
// not for a room's goroutine.
func Build(ctx context.Context, facts iter.Seq2[event.Event, error], dir string, o Options) (Capsule, error) {
	f := newBuilder(o)
	n := 0
	for e, err := range facts {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return Capsule{}, fmt.Errorf("capsule: after %d facts: %w", n, err)
		}
		f.addFact(e)
		n++
	}
	media, err := record.ListParts(dir)
	if err != nil {
		return Capsule{}, fmt.Errorf("capsule: %w", err)
	}
	c := f.toCapsule(media)
	events, err := encodeJSON(struct {
		Version int     `json:"version"`
		Events  []Event `json:"events"`
	}{version, f.events})
	if err != nil {
		return c, err
	}
	index, err := encodeJSON(c)
	if err != nil {
		return c, err
	}
	// the index comes last: when it is there, the events are too
	return c, errors.Join(writeFile(dir, EventsFile, events), writeFile(dir, IndexFile, index))
}

// Read reads the index of the capsule in dir. The error is fs.ErrNotExist when there is none.
func Read(dir string) (c Capsule, err error) {
	b, err := os.ReadFile(filepath.Join(dir, IndexFile))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("capsule: %s: %w", dir, err)
	}
	return c, nil
}

// encodeJSON is JSON without escapes for HTML.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

func writeFile(dir, name string, b []byte) error {
	if err := atomicfile.Write(filepath.Join(dir, name), 0o640, atomicfile.Bytes(b)); err != nil {
		return fmt.Errorf("capsule: %w", err)
	}
	return nil
}
