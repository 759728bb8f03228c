// Package capsule makes a lesson that was recorded fit to be seen again: beside the media
// files in the recording's folder it writes capsule.json, what is there and when, and
// events.json, what happened, so that a player can show slides, ink, chat and questions in
// step with picture and sound.
//
//	journal's facts + record.Parts(folder) -> Build -> capsule.json, events.json
//
// Promises:
//   - A capsule is a pure function of the facts, the files and the options: the same give
//     the same bytes. Building it again, after an erasure say, replaces it whole.
//   - It tells what all in the room saw and nothing else: no pupil's answer, mark or score, no
//     word to the teacher alone, and of a key only what was revealed, when it was.
//   - Pupils have no names and no media in it unless the options include them. Who is in
//     neither list of the options (erased since) is not in it at all.
//   - All times are milliseconds since the lesson started, and never go back.
package capsule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media/record"
)

// The files of a capsule.
const (
	IndexFile  = "capsule.json"
	EventsFile = "events.json"
)

const version = 1

// Options say who may be in a capsule. Names are by user id.
type Options struct {
	Teachers map[string]string
	Pupils   map[string]string // whom the roster knows; their words are in it without names
	Include  bool              // pupils: with names and media
}

// Capsule is the index.
type Capsule struct {
	Version    int       `json:"version"`
	Lesson     string    `json:"lesson"`
	Title      string    `json:"title"`
	StartMS    int64     `json:"start_ms"`    // of the lesson, milliseconds since 1970
	DurationMS int64     `json:"duration_ms"` // to its end, or to the last thing in it
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

// Chapter is a place to jump to.
type Chapter struct {
	AtMS  int64  `json:"at_ms"`
	Kind  string `json:"kind"`  // "slide", "board" or "question"
	Title string `json:"title"` // of the page or the question; may be empty
	Page  int    `json:"page,omitempty"`
}

// Event is what happened at a time; Data depends on Kind: see player.go.
type Event struct {
	AtMS int64           `json:"at_ms"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data,omitempty"`
}

// Build folds the facts of one lesson, oldest first, and writes the capsule into dir, the
// folder of its recording, which may have no media. It reads all of dir's media headers:
// not for a room's goroutine.
func Build(ctx context.Context, facts iter.Seq2[event.Event, error], dir string, o Options) (Capsule, error) {
	f := newFold(o)
	n := 0
	for e, err := range facts {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return Capsule{}, fmt.Errorf("capsule: after %d facts: %w", n, err)
		}
		f.add(e)
		n++
	}
	media, err := record.Parts(dir)
	if err != nil {
		return Capsule{}, fmt.Errorf("capsule: %w", err)
	}
	c := f.capsule(media)
	events, err := encode(struct {
		Version int     `json:"version"`
		Events  []Event `json:"events"`
	}{version, f.events})
	if err != nil {
		return c, err
	}
	index, err := encode(c)
	if err != nil {
		return c, err
	}
	// the index comes last: who finds it finds the events
	return c, errors.Join(save(dir, EventsFile, events), save(dir, IndexFile, index))
}

// Read is the index of the capsule in dir; fs.ErrNotExist: there is none.
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

// encode is JSON without escapes for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// save writes a file whole or not at all.
func save(dir, name string, b []byte) error {
	f, err := os.CreateTemp(dir, name+".*.new")
	if err != nil {
		return fmt.Errorf("capsule: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o640), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("capsule: %w", err), os.Remove(f.Name()))
	}
	return nil
}
