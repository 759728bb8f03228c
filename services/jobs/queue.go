package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// Facts about jobs.
const (
	Queued    = event.Kind("job.queued")
	Started   = event.Kind("job.started")
	Failed    = event.Kind("job.failed")
	Done      = event.Kind("job.done")
	Cancelled = event.Kind("job.cancelled")
)

// State is the state of a job.
type State string

// States of a job. A failed job that will be tried again is waiting.
const (
	Waiting   State = "queued"
	Running   State = "running"
	Finished  State = "done"
	GaveUp    State = "failed"
	Withdrawn State = "cancelled"
)

const (
	maxFinished = 200      // jobs that are over and still listed
	maxInput    = 64 << 10 // bytes of a job's input
	maxJobs     = 1000     // waiting or running
)

// Job is one piece of durable work in the view of people.
type Job struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Title   string          `json:"title"` // its subject, for people
	By      string          `json:"by"`    // user id
	Lesson  string          `json:"lesson,omitempty"`
	State   State           `json:"state" enum:"queued,running,done,failed,cancelled"`
	Phase   string          `json:"phase,omitempty"` // its current step
	Done    int64           `json:"done"`
	Total   int64           `json:"total"` // 0: not known
	Tries   int             `json:"tries"`
	Created int64           `json:"created"` // milliseconds since 1970, as all times here
	Started int64           `json:"started,omitempty"`
	Ended   int64           `json:"ended,omitempty"`
	ETA     int64           `json:"eta"` // milliseconds that are left, -1: not known
	Error   *errs.Body      `json:"error,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
}

// IsOver reports whether the job has reached its end.
func (j Job) IsOver() bool { return j.State == Finished || j.State == GaveUp || j.State == Withdrawn }

// NewID returns the id of a new job.
func NewID() string { return "j_" + strings.ToLower(rand.Text()[:13]) }

// NewJob is the argument of Enqueue.
type NewJob struct {
	ID                      string // from NewID, for a caller that must know it before; empty: a new one
	Kind, Title, By, Lesson string
	Input                   any    // for encoding/json, at most 64 KiB
	Key                     string // while a job with this key is not over, Enqueue returns that one
}

// Task is a job in the view of its Runner.
type Task struct {
	Job   Job
	Input json.RawMessage
	// Progress shows people how far it is. total 0 means unknown.
	Progress func(phase string, done, total int64)
}

// Runner does a job of a kind and ends when ctx does. errs.Invalid, Denied and Missing are
// final. After any other error, or a panic, the job is tried again.
type Runner func(ctx context.Context, t Task) (result any, err error)

// Kind is a kind of job.
type Kind struct {
	Name     string
	Run      Runner
	Tries    int           // default 5
	Timeout  time.Duration // of one try, default 5 min
	Parallel int           // of this kind at the same time, default 1
}

// entry is a job in memory.
type entry struct {
	Job
	key       string
	order     int // order of the facts in the queue
	input     json.RawMessage
	notBefore time.Time // earliest time of the next try
	startedAt time.Time
	cancel    context.CancelCauseFunc // set while it runs
}

// queuedJob is the payload of job.queued.
type queuedJob struct {
	Job   Job             `json:"job"`
	Key   string          `json:"key,omitempty"`
	Input json.RawMessage `json:"input"`
}

// jobFact is the payload of the other facts about jobs.
type jobFact struct {
	ID     string          `json:"id"`
	Error  *errs.Body      `json:"error,omitempty"`
	Final  bool            `json:"final,omitempty"`
	Letter *storedLetter   `json:"letter,omitempty"` // with a final failure
	Result json.RawMessage `json:"result,omitempty"`
}

// Enqueue puts a job into the queue and returns when it is on disk. errs.Invalid: the kind is
// unknown, or the input too large. errs.Busy: 1000 jobs wait.
func (j *Jobs) Enqueue(ctx context.Context, n NewJob) (Job, error) {
	const op = "jobs.Add"
	if _, ok := j.kinds[n.Kind]; !ok {
		return Job{}, errs.NewField(op, "kind", "unknown", 0, "no kind of job %q", n.Kind)
	}
	input, err := json.Marshal(n.Input)
	if err != nil || len(input) > maxInput {
		return Job{}, errs.NewField(op, "input", "too_long", maxInput, "%d bytes: %v", len(input), err)
	}
	j.addMu.Lock() // of two calls with one key, only one may add a job
	defer j.addMu.Unlock()
	if job, ok := j.underWay(n.Key); ok {
		return job, nil
	}
	if j.countOpen() >= maxJobs {
		return Job{}, errs.NewCode(op, errs.Busy, "too_many", "%d jobs wait", maxJobs)
	}
	job := Job{
		ID: cmp.Or(n.ID, NewID()), Kind: n.Kind, Title: n.Title, By: n.By, Lesson: n.Lesson,
		State: Waiting, ETA: -1, Created: j.clock.Now().Wall,
	}
	err = j.writeCommand(ctx, command{kind: Queued, data: mustJSON(queuedJob{job, n.Key, input})})
	return job, err
}

func (j *Jobs) underWay(key string) (Job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.jobs {
		if key != "" && e.key == key && !e.IsOver() {
			return e.Job, true
		}
	}
	return Job{}, false
}

func (j *Jobs) countOpen() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, e := range j.jobs {
		if !e.IsOver() {
			n++
		}
	}
	return n
}

// ListJobs returns the jobs that are not over and the last 200 that are, newest first.
func (j *Jobs) ListJobs() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Job, 0, len(j.jobs))
	for _, e := range j.jobs {
		list = append(list, e.withETA())
	}
	slices.SortFunc(list, func(a, b Job) int { return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(b.ID, a.ID)) })
	return list
}

// GetJob returns one job, or errs.Missing.
func (j *Jobs) GetJob(id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e, ok := j.jobs[id]; ok {
		return e.withETA(), nil
	}
	return Job{}, errs.NewCode("jobs.Job", errs.Missing, "no_job", "no such job")
}

// withETA is the job with its ETA.
func (e *entry) withETA() Job {
	job := e.Job
	job.ETA = -1
	if job.State == Running && job.Done > 0 && job.Total > job.Done {
		job.ETA = int64(float64(time.Since(e.startedAt).Milliseconds()) / float64(job.Done) * float64(job.Total-job.Done))
	}
	return job
}

// CancelJob ends a job that is not over. A running job is cancelled when its Runner ends.
func (j *Jobs) CancelJob(ctx context.Context, id string) error {
	job, err := j.GetJob(id)
	if err != nil {
		return err
	}
	if job.IsOver() {
		return errs.NewCode("jobs.Cancel", errs.Stale, "over", "the job is over")
	}
	return j.writeCommand(ctx, command{kind: Cancelled, data: mustJSON(jobFact{ID: id})})
}

// RetryJob puts the work of a dead letter into the queue again and takes the letter off
// the list.
func (j *Jobs) RetryJob(ctx context.Context, letter string) (Job, error) {
	l, err := j.GetDeadLetter(letter)
	if err != nil {
		return Job{}, err
	}
	if l.Job == "" {
		return Job{}, errs.NewCode("jobs.RetryJob", errs.Invalid, "not_a_job", "this letter is not of a job")
	}
	job, err := j.Enqueue(ctx, NewJob{Kind: l.Kind, Title: l.Title, By: l.By, Lesson: l.Room, Input: l.Data})
	if err != nil {
		return job, err
	}
	return job, j.MarkRetried(ctx, letter)
}

// writeCommand passes a command to the writer and waits until it is on disk.
func (j *Jobs) writeCommand(ctx context.Context, a command) error {
	a.done = make(chan error, 1)
	ctx, cancel := context.WithTimeoutCause(ctx, writeTimeout, errs.NewCode("jobs", errs.Down, "slow", "not written in time"))
	defer cancel()
	select {
	case j.commands <- a:
	case <-ctx.Done():
		return downError(ctx)
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return downError(ctx)
	}
}

// foldJob applies one fact about a job. The caller holds mu.
func (j *Jobs) foldJob(e event.Event) {
	if e.Kind == Queued {
		var q queuedJob
		if j.decodeFact(e, &q) {
			j.foldedJobs++
			j.jobs[q.Job.ID] = &entry{Job: q.Job, key: q.Key, input: q.Input, order: j.foldedJobs}
			j.dropOldJobs()
			j.wakeWorkers()
		}
		return
	}
	var f jobFact
	if !j.decodeFact(e, &f) {
		return
	}
	job, ok := j.jobs[f.ID]
	if !ok || job.IsOver() {
		return
	}
	switch e.Kind {
	case Started:
		job.State, job.Tries, job.Started, job.startedAt = Running, job.Tries+1, e.Stamp.Wall, time.Now()
		job.Phase, job.Done, job.Total = "", 0, 0
	case Failed:
		job.State, job.Error = Waiting, f.Error
		job.notBefore = time.Now().Add(backoffAfter(job.Tries))
		if f.Final {
			job.State, job.Ended = GaveUp, e.Stamp.Wall
		}
		if f.Letter != nil {
			f.Letter.DeadLetter.Role = event.Role(f.Letter.Role)
			j.addLetter(f.Letter.DeadLetter)
		}
	case Done:
		job.State, job.Ended, job.Result, job.Error = Finished, e.Stamp.Wall, f.Result, nil
	case Cancelled:
		job.State, job.Ended = Withdrawn, e.Stamp.Wall
		if job.cancel != nil {
			job.cancel(errCancelled)
		}
	}
	j.wakeWorkers()
}

func (j *Jobs) decodeFact(e event.Event, v any) bool {
	err := json.Unmarshal(e.Data, v)
	if err != nil {
		j.log.Error("a fact about jobs cannot be read", "seq", e.Seq, "err", err)
	}
	return err == nil
}

// dropOldJobs drops the oldest jobs that are over. The caller holds mu.
func (j *Jobs) dropOldJobs() {
	var over []*entry
	for _, e := range j.jobs {
		if e.IsOver() {
			over = append(over, e)
		}
	}
	slices.SortFunc(over, func(a, b *entry) int { return cmp.Compare(a.Created, b.Created) })
	for _, e := range over[:max(0, len(over)-maxFinished)] {
		delete(j.jobs, e.ID)
	}
}

func mustJSON(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // a type of ours always encodes
	}
	return data
}
