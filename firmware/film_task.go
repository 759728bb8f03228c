package firmware

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/playback"
)

// Bounds of the process that makes a film. A film of an hour of 3 Mbit/s is 1.4 GB: an SD card
// reads and writes that in five minutes.
const (
	filmMemory  = 512 << 20
	filmTimeout = time.Hour
)

// newFilmKind returns the kind of job that makes one file of a recorded lesson.
func (b *Box) newFilmKind() jobs.Kind {
	return jobs.Kind{Name: playback.FilmJob, Run: b.runFilmJob, Timeout: filmTimeout, Tries: 2}
}

func (b *Box) runFilmJob(ctx context.Context, t jobs.Task) (any, error) {
	const op = "firmware.film"
	var in playback.FilmInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return nil, errs.New(op, errs.Invalid, err)
	}
	l, err := b.roster.Lesson(in.Lesson)
	if err != nil {
		return nil, err
	}
	dir, err := b.buildCapsule(ctx, l)
	if err != nil {
		return nil, err
	}
	c, err := playback.Read(dir)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	picture, sound := playback.ChooseFilm(c, in.Source)
	if err := playback.DropFilm(dir); err != nil { // there is no room for two
		return nil, errs.New(op, errs.Down, err)
	}
	var made record.Film
	spec := playback.NewFilmSpec(dir, picture, sound, int64(b.cfg.Media.WithDefaults().Reserve)<<20)
	if err := b.newWorker(playback.FilmJob, filmMemory, 0).Run(ctx, spec, nil, t.Progress, &made); err != nil {
		return nil, err
	}
	film, err := playback.SaveFilm(dir, made, picture, sound)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return film, nil
}

// RunFilmTask is the task "film".
func RunFilmTask(ctx context.Context, spec json.RawMessage, _ io.Reader, progress func(phase string, done, total int64)) (any, error) {
	var s record.FilmSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("task film", errs.Invalid, err)
	}
	f, err := record.MakeFilm(ctx, s, progress)
	if err != nil {
		return nil, err
	}
	return f, nil
}
