package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"path/filepath"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

// Bounds of the process that works out results. 100,000 answers take about 100 MiB.
const (
	resultsMemory = 512 << 20
	resultsTime   = 5 * time.Minute
)

// outcomes is the kind of job that works out what came of a lesson.
type outcomes struct {
	journal *journal.Journal
	roster  *roster.Roster
	folder  string // a folder for each lesson is in it
	worker  jobs.Worker
	told    func(context.Context, cloud.Grades) error // tells the cloud what came of a lesson; may be nil
}

func (b *Box) outcomes() *outcomes {
	return &outcomes{
		journal: b.journal, roster: b.roster, folder: b.folder.Name(resultsDir), worker: b.worker("results", resultsMemory, resultsTime),
		told: b.tellGrades,
	}
}

func (r *outcomes) kind() jobs.Kind {
	return jobs.Kind{Name: gateway.ResultsKind, Run: r.run, Timeout: resultsTime}
}

// run streams the lesson's facts to a worker, which writes the files.
func (r *outcomes) run(ctx context.Context, t jobs.Task) (any, error) {
	var in gateway.ResultsInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return nil, errs.New("results", errs.Invalid, err)
	}
	l, err := r.roster.Lesson(in.Lesson)
	if err != nil {
		return nil, err
	}
	meta, err := r.meta(l)
	if err != nil {
		return nil, err
	}
	var out results.Summary
	spec := results.Spec{Meta: meta, Out: filepath.Join(r.folder, l.ID)}
	if err := r.worker.Run(ctx, spec, newFacts(lessonFacts(r.journal, l)), t.Progress, &out); err != nil {
		return out, err
	}
	return out, r.tell(ctx, l)
}

func (r *outcomes) meta(l roster.Lesson) (results.Meta, error) {
	box, err := r.roster.Box()
	if err != nil {
		return results.Meta{}, err
	}
	names, err := r.roster.PupilsOf(l.ID)
	return results.Meta{
		Lesson: l.ID, Room: l.Room, Class: l.Class, ClassName: l.ClassName, Title: l.Title,
		Started: l.Started, Ended: l.Ended, Lang: box.Lang, Names: names,
	}, err
}

// lessonFacts are the facts of a lesson: those of its room from its start to that of the
// next. Damaged ones are left out.
func lessonFacts(j *journal.Journal, l roster.Lesson) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		in := false
		for e, err := range j.Replay(room.Stream(l.Room), 0) {
			if err != nil && errs.KindOf(err) == errs.Corrupt {
				continue
			}
			if e.Kind == room.LessonStarted {
				var start struct{ Lesson string }
				_ = json.Unmarshal(e.Data, &start) // of another lesson then
				if in && start.Lesson != l.ID {
					return
				}
				in = start.Lesson == l.ID
			}
			if (in || err != nil) && !yield(e, err) {
				return
			}
		}
	}
}

// facts is a list of facts as a worker reads it: a line of JSON each.
type facts struct {
	next func() (event.Event, error, bool)
	stop func()
	buf  bytes.Buffer
}

func newFacts(seq iter.Seq2[event.Event, error]) *facts {
	next, stop := iter.Pull2(seq)
	return &facts{next: next, stop: stop}
}

// Read implements io.Reader.
func (f *facts) Read(p []byte) (int, error) {
	for f.buf.Len() == 0 {
		e, err, ok := f.next()
		switch {
		case !ok:
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		if err := json.NewEncoder(&f.buf).Encode(e); err != nil {
			return 0, err
		}
	}
	return f.buf.Read(p)
}

// Close ends the reading of the journal. It may come twice.
func (f *facts) Close() error {
	f.stop()
	return nil
}
