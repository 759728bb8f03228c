// Package resultsjob is the kind of job that makes the results of a lesson in a worker process and
// reports the grades to the cloud. Package firmware adds it to the queue.
package resultsjob

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware/lessonfacts"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/roster"
)

// Limits of the process that makes results. 100,000 answers take about 100 MiB.
const (
	MemoryLimit = 512 << 20
	Timeout     = 5 * time.Minute
)

// Job is the kind of job that makes the results of a lesson.
type Job struct {
	Journal      *journal.Journal
	Roster       *roster.Roster
	Folder       string // a folder for each lesson is in it
	Worker       jobs.Worker
	ReportGrades func(context.Context, cloud.Grades) error // reports to the cloud; may be nil
}

// Kind is the job for the queue.
func (r *Job) Kind() jobs.Kind {
	return jobs.Kind{Name: results.JobKind, Run: r.Run, Timeout: Timeout}
}

// Run streams the lesson's facts to a worker, which writes the files.
func (r *Job) Run(ctx context.Context, t jobs.Task) (any, error) {
	var in results.JobInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return nil, errs.New("results", errs.Invalid, err)
	}
	l, err := r.Roster.Lesson(in.Lesson)
	if err != nil {
		return nil, err
	}
	meta, err := r.lessonMeta(l)
	if err != nil {
		return nil, err
	}
	var out results.Summary
	spec := results.Spec{Meta: meta, Out: filepath.Join(r.Folder, l.ID)}
	if err := r.Worker.Run(ctx, spec, lessonfacts.NewReader(lessonfacts.Of(r.Journal, l)), t.Progress, &out); err != nil {
		return out, err
	}
	return out, r.ReportToCloud(ctx, l)
}

func (r *Job) lessonMeta(l roster.Lesson) (results.Meta, error) {
	box, err := r.Roster.Box()
	if err != nil {
		return results.Meta{}, err
	}
	names, err := r.Roster.PupilsOf(l.ID)
	return results.Meta{
		Lesson: l.ID, Room: l.Room, Class: l.Class, ClassName: l.ClassName, Title: l.Title,
		Started: l.Started, Ended: l.Ended, Lang: box.Lang, Names: names,
	}, err
}
