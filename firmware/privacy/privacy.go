// Package privacy exports and erases the data of a pupil. Package firmware makes a Service: the
// gateway calls it for an admin, and the cloud's link for a school.
//
// An erasure is a job. Each of its steps can be repeated, so it continues after a crash.
package privacy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/retention"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/playback"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

// ByCloud is the author of jobs that the cloud asks for.
const ByCloud = "cloud"

// eraseTries last for more than a day, because a lesson of the class may be open when the school
// asks.
const eraseTries = 30

// Service exports and erases the data of a pupil. Any goroutine may call its methods.
type Service struct {
	Journal       *journal.Journal
	JournalPath   string
	Roster        *roster.Roster
	Jobs          func() *jobs.Jobs // the queue is made after the Service
	EventDef      func(event.Kind) (event.Def, bool)
	Results       string                                        // the folder with the results
	Recordings    string                                        // the folder with the recordings
	ReportErasure func(ctx context.Context, pupil string) error // reports an erasure to the cloud, or nil
	Log           *slog.Logger
}

// Fact is one fact of an export.
type Fact struct {
	Stream string          `json:"stream"`
	Seq    uint64          `json:"seq"`
	At     int64           `json:"at"` // milliseconds since 1970
	Kind   event.Kind      `json:"kind"`
	By     string          `json:"by"`
	Data   json.RawMessage `json:"data"`
}

// ExportPupil writes all data by or about a pupil as one JSON value. A fact about many people is
// reduced to the part that the pupil could see.
func (p *Service) ExportPupil(ctx context.Context, id string, w io.Writer) error {
	k, err := p.Roster.Pupil(id)
	if err != nil {
		return err
	}
	head, err := json.Marshal(struct {
		roster.KnownPupil
		Exported int64 `json:"exported"`
	}{k, time.Now().UnixMilli()})
	if err != nil {
		return errs.New("export", errs.Internal, err)
	}
	out := bufio.NewWriter(w)
	write := func(parts ...[]byte) error {
		for _, part := range parts {
			if _, err := out.Write(part); err != nil {
				return errs.New("export", errs.Down, err)
			}
		}
		return nil
	}
	if err := write([]byte(`{"pupil":`), head, []byte(`,"facts":[`)); err != nil {
		return err
	}
	sep := "\n"
	err = p.eachFact(ctx, func(e event.Event) error {
		data, about := p.aboutPupil(e, id)
		if !about {
			return nil
		}
		line, err := json.Marshal(Fact{e.Stream, e.Seq, e.Stamp.Wall, e.Kind, e.By, data})
		if err != nil {
			return errs.New("export", errs.Internal, err)
		}
		defer func() { sep = ",\n" }()
		return write([]byte(sep), line)
	})
	if err != nil {
		return err
	}
	p.Log.Info("a pupil's data was exported", "user", id)
	return errors.Join(write([]byte("\n]}\n")), out.Flush())
}

// aboutPupil returns the part of a fact that is about a pupil. It is false if there is none.
func (p *Service) aboutPupil(e event.Event, id string) (json.RawMessage, bool) {
	if e.By == id {
		return e.Data, !retention.IsRedacted(e)
	}
	if !mentionsUser(e.Data, id) {
		return nil, false
	}
	if d, ok := p.EventDef(e.Kind); ok && d.PayloadFor != nil {
		return d.PayloadFor(e, event.Viewer{User: id, Role: event.Pupil}), true
	}
	return e.Data, true
}

// mentionsUser reports whether a payload contains a user id. Ids have 64 random bits, so no text
// equals one by accident.
func mentionsUser(data json.RawMessage, id string) bool { return bytes.Contains(data, quoteID(id)) }

func quoteID(id string) []byte { return strconv.AppendQuote(nil, id) }

// eachFact calls f with every fact of the box that can be read.
func (p *Service) eachFact(ctx context.Context, f func(event.Event) error) error {
	streams, err := p.Journal.Streams()
	if err != nil {
		return err
	}
	for _, s := range streams {
		for e, err := range p.Journal.Replay(s, 0) {
			switch {
			case ctx.Err() != nil:
				return errs.New("export", errs.Down, context.Cause(ctx))
			case err != nil && errs.KindOf(err) != errs.Corrupt:
				return err
			case err == nil:
				if err := f(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// eraseKind is the kind of job that erases a pupil.
const eraseKind = "erase"

// eraseInput is the input of a job of kind eraseKind.
type eraseInput struct {
	Pupil string `json:"pupil"`
}

// EnqueueErasure queues the job that erases a pupil. A pupil has one such job at a time.
func (p *Service) EnqueueErasure(ctx context.Context, pupil, by string) (jobs.Job, error) {
	return p.Jobs().Enqueue(ctx, jobs.NewJob{Kind: eraseKind, By: by, Input: eraseInput{pupil}, Key: eraseKind + " " + pupil})
}

// JobKind is the kind of job that erases a pupil.
func (p *Service) JobKind() jobs.Kind {
	return jobs.Kind{Name: eraseKind, Run: p.runErasure, Timeout: 30 * time.Minute, Tries: eraseTries}
}

// runErasure erases a pupil: the name in the roster, then the facts in the rooms' logs, then the
// files of results. Each step can be repeated, so a job that was cut off continues. The box's own
// log is last, because it holds the job. The cloud gets a report when nothing is left here, unless
// it asked itself.
func (p *Service) runErasure(ctx context.Context, t jobs.Task) (any, error) {
	var in eraseInput
	if err := json.Unmarshal(t.Input, &in); err != nil || in.Pupil == "" {
		return nil, errs.Newf("erase", errs.Invalid, "names no pupil: %w", err)
	}
	if _, err := p.Roster.ErasePupil(in.Pupil); err != nil && errs.KindOf(err) != errs.Missing {
		return nil, err
	}
	if err := checkedkv.CompactNext(p.JournalPath); err != nil {
		return nil, err
	}
	out := struct {
		Facts   int `json:"facts"`
		Lessons int `json:"lessons"` // whose results are computed again
	}{}
	var err error
	if out.Facts, err = p.rewriteRooms(ctx, t, in.Pupil); err != nil {
		return nil, err
	}
	if err := p.deleteRecordings(in.Pupil); err != nil {
		return nil, err
	}
	t.Progress("results", 0, 0)
	if out.Lessons, err = p.rebuildResults(ctx, in.Pupil, t.Job.By); err != nil {
		return nil, err
	}
	if err := p.dropDeadLetters(ctx, in.Pupil); err != nil {
		return nil, err
	}
	for stream, forget := range map[string]func(*event.Event) bool{
		cloud.Stream: func(e *event.Event) bool { return cloud.ForgetPupil(e, in.Pupil) },
		jobs.Stream:  p.newEraser(in.Pupil),
	} {
		n, err := p.Journal.Rewrite(ctx, stream, "", forget)
		if out.Facts += n; err != nil {
			return nil, err
		}
	}
	if err := p.Journal.ZeroFree(); err != nil {
		return nil, err
	}
	p.Log.Info("a pupil was erased", "facts", out.Facts, "lessons", out.Lessons)
	if p.ReportErasure != nil && t.Job.By != ByCloud {
		return out, p.ReportErasure(ctx, in.Pupil)
	}
	return out, nil
}

// rewriteRooms erases a pupil from the logs of all rooms, and returns the number of facts.
func (p *Service) rewriteRooms(ctx context.Context, t jobs.Task, pupil string) (facts int, err error) {
	streams, err := p.Journal.Streams()
	if err != nil {
		return 0, err
	}
	for i, s := range streams {
		t.Progress("facts", int64(i), int64(len(streams)))
		if !strings.HasPrefix(s, "room:") {
			continue
		}
		n, err := p.Journal.Rewrite(ctx, s, room.LessonStarted, p.newEraser(pupil))
		if facts += n; err != nil {
			return facts, err
		}
	}
	return facts, nil
}

// dropDeadLetters drops the dead letters that a pupil sent and those that mention the pupil.
func (p *Service) dropDeadLetters(ctx context.Context, pupil string) error {
	for _, l := range p.Jobs().ListDeadLetters() {
		if l.By != pupil && !mentionsUser(l.Data, pupil) {
			continue
		}
		if err := p.Jobs().DropDeadLetter(ctx, l.ID); err != nil && errs.KindOf(err) != errs.Missing {
			return err
		}
	}
	return nil
}

// deleteRecordings deletes the recordings of a pupil and every capsule. The next request for a
// capsule makes it again.
func (p *Service) deleteRecordings(id string) error {
	dirs, err := os.ReadDir(p.Recordings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, d := range dirs {
		dir := filepath.Join(p.Recordings, d.Name())
		parts, fault := record.ListParts(dir)
		err = errors.Join(err, fault)
		gone := []string{playback.IndexFile, playback.EventsFile}
		for _, part := range parts {
			if part.User == id {
				gone = append(gone, part.File, part.File+".json")
			}
		}
		for _, name := range gone {
			if e := os.Remove(filepath.Join(dir, name)); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	if err != nil {
		return errs.New("erase", errs.Down, err)
	}
	return nil
}

// rebuildResults deletes the results that mention a pupil and queues jobs that compute them again.
func (p *Service) rebuildResults(ctx context.Context, id, by string) (n int, err error) {
	dirs, err := os.ReadDir(p.Results)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, errs.New("erase", errs.Down, err)
	}
	for _, d := range dirs {
		dir := filepath.Join(p.Results, d.Name())
		data, err := os.ReadFile(filepath.Join(dir, results.FileJSON))
		if err == nil && !mentionsUser(data, id) {
			continue // without it, the results were cut off while they were written
		}
		l, lost := p.Roster.Lesson(d.Name())
		if lost == nil {
			if _, err := p.Jobs().Enqueue(ctx, results.NewJob(l, by)); err != nil {
				return n, err
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			return n, errs.New("erase", errs.Down, err)
		}
		n++
	}
	return n, nil
}

// newEraser returns a function that erases a pupil from the facts of a stream. A fact by the pupil
// loses its payload and its author. In a fact by others, another id replaces the pupil's: the Def
// of the fact knows the fields. Facts of the box itself and of other versions have no Def or
// another payload. There the id is replaced as text.
func (p *Service) newEraser(id string) func(*event.Event) bool {
	x := event.Erasure{User: id, As: cloud.ErasedID, Written: map[string]bool{}}
	return func(e *event.Event) bool {
		if e.Kind == room.LessonStarted {
			clear(x.Written)
		}
		changed := false
		if d, ok := p.EventDef(e.Kind); ok && d.Erase != nil && !retention.IsRedacted(*e) {
			e.Data, changed = d.Erase(x, *e)
		}
		switch {
		case e.By == id:
			e.By, e.Data = cloud.ErasedID, json.RawMessage("null")
			return true
		case e.Kind == jobs.Buried && isLetterOf(e.Data, id):
			e.Data = json.RawMessage("null")
			return true
		case mentionsUser(e.Data, id):
			e.Data = bytes.ReplaceAll(e.Data, quoteID(id), quoteID(cloud.ErasedID))
			return true
		}
		return changed
	}
}

// isLetterOf reports whether a dead letter was written by a pupil.
func isLetterOf(data json.RawMessage, id string) bool {
	var l struct{ By string }
	return json.Unmarshal(data, &l) == nil && l.By == id
}
