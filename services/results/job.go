package results

import (
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/roster"
)

// JobKind is the kind of job that computes the results of a lesson.
const JobKind = "results"

// JobInput is the input of a job of kind JobKind. The job looks names up when it runs, because the
// journal keeps ids only.
type JobInput struct {
	Lesson string `json:"lesson"`
}

// NewJob returns the job that computes the results of a lesson. A lesson has one such job at a
// time.
func NewJob(l roster.Lesson, by string) jobs.NewJob {
	return jobs.NewJob{
		Kind: JobKind, Title: l.Title, By: by, Lesson: l.ID, Input: JobInput{l.ID}, Key: JobKind + " " + l.ID,
	}
}
