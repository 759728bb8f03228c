package playback

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/roster"
)

// FilmJob is the kind of job that makes a film.
const FilmJob = "film"

const (
	filmName = record.FilmName
	filmInfo = "film.info.json" // about the film; no sidecar of a part has this name
)

// FilmInput is the input of the job.
type FilmInput struct {
	Lesson string `json:"lesson"`
	Source string `json:"source"` // "camera", "screen", empty: the camera, or the screen if there is no other picture
}

// NewFilmJob returns the job that makes the film of a lesson. A lesson has one such job at a time.
func NewFilmJob(l roster.Lesson, source, by string) jobs.NewJob {
	return jobs.NewJob{
		Kind: FilmJob, Title: l.Title, By: by, Lesson: l.ID, Input: FilmInput{l.ID, source}, Key: FilmJob + " " + l.ID,
	}
}

// Film is the one file of a recorded lesson that can be downloaded: the picture and the sound of
// its teacher.
type Film struct {
	File       string   `json:"file"`
	Type       string   `json:"type"` // MIME type with codecs
	Name       string   `json:"name"` // of the teacher
	Source     string   `json:"source"`
	DurationMS int64    `json:"duration_ms"`
	Bytes      int64    `json:"bytes"`
	Width      int      `json:"width,omitempty"`
	Height     int      `json:"height,omitempty"`
	LeftOutMS  int64    `json:"left_out_ms,omitempty"` // pictures in another format
	Parts      []string `json:"parts"`                 // files that it was made from
}

// ChooseFilm returns the parts of a film. Of several teachers it is the one who was recorded for
// longest. The sound is that of the microphone, or that of the screen if there is no other.
func ChooseFilm(c Capsule, source string) (picture, sound []Part) {
	lasts, teacher := map[string]int64{}, ""
	for _, p := range c.Parts {
		if p.Role == "teacher" {
			lasts[p.User] += max(p.DurationMS, 1)
			if lasts[p.User] > lasts[teacher] {
				teacher = p.User
			}
		}
	}
	pick := func(source, codec string) (list []Part) {
		for _, p := range c.Parts {
			if p.Role == "teacher" && p.User == teacher && p.Source == source && strings.Contains(p.Type, codec) {
				list = append(list, p)
			}
		}
		return list
	}
	if picture = pick(source, "video/"); source == "" {
		if picture = pick("camera", "video/"); len(picture) == 0 {
			picture = pick("screen", "video/")
		}
	}
	if sound = pick("camera", "opus"); len(sound) == 0 {
		sound = pick("screen", "opus")
	}
	return picture, sound
}

// NewFilmSpec is the spec of the worker that makes the film of the recording in dir.
func NewFilmSpec(dir string, picture, sound []Part, reserve int64) record.FilmSpec {
	toParts := func(list []Part) (out []record.FilmPart) {
		for _, p := range list {
			out = append(out, record.FilmPart{Path: filepath.Join(dir, p.File), Start: time.Duration(p.StartMS) * time.Millisecond})
		}
		return out
	}
	return record.FilmSpec{Out: filepath.Join(dir, filmName), Picture: toParts(picture), Sound: toParts(sound), Reserve: reserve}
}

// SaveFilm notes which film is in dir.
func SaveFilm(dir string, made record.Film, picture, sound []Part) (Film, error) {
	f := Film{
		File: filepath.Base(made.Path), Type: made.Type, DurationMS: made.Plays.Milliseconds(), Bytes: made.Bytes,
		Width: made.Width, Height: made.Height, LeftOutMS: made.OtherCodec.Milliseconds(),
	}
	for _, p := range slices.Concat(picture, sound) {
		if f.Name == "" {
			f.Name, f.Source = p.Name, p.Source
		}
		if !slices.Contains(f.Parts, p.File) {
			f.Parts = append(f.Parts, p.File)
		}
	}
	b, err := encodeJSON(f)
	if err != nil {
		return f, err
	}
	return f, writeFile(dir, filmInfo, b)
}

// ReadFilm returns the film in dir. The error is fs.ErrNotExist when there is none, or when the
// capsule has lost a part of it since, for example by an erasure.
func ReadFilm(dir string, c Capsule) (f Film, err error) {
	b, err := os.ReadFile(filepath.Join(dir, filmInfo))
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("film: %s: %w", dir, err)
	}
	if f.File != filepath.Base(f.File) || !strings.HasPrefix(f.File, filmName+".") {
		return f, fs.ErrNotExist
	}
	for _, file := range f.Parts {
		if !slices.ContainsFunc(c.Parts, func(p Part) bool { return p.File == file }) {
			return f, fs.ErrNotExist
		}
	}
	if _, err := os.Stat(filepath.Join(dir, f.File)); err != nil {
		return f, err
	}
	return f, nil
}

// DropFilm removes the film in dir.
func DropFilm(dir string) error {
	var all error
	for _, name := range []string{filmInfo, filmName + ".mp4", filmName + ".webm", filmName + ".mp4.new", filmName + ".webm.new"} {
		if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
