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

// State is where a job is.
type State string

// States of a job. A job that failed and is to be tried again is waiting.
const (
	Waiting   State = "queued"
	Running   State = "running"
	Finished  State = "done"
	GaveUp    State = "failed"
	Withdrawn State = "cancelled"
)

const (
	listed   = 200      // jobs that are over and still listed
	maxInput = 64 << 10 // bytes of a job's input
	maxJobs  = 1000     // that wait or run
)

// Job is one piece of durable work as people see it.
type Job struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Title   string          `json:"title"` // what it is about, for people
	By      string          `json:"by"`    // user id
	Lesson  string          `json:"lesson,omitempty"`
	State   State           `json:"state"`
	Phase   string          `json:"phase,omitempty"` // what it is at
	Done    int64           `json:"done"`
	Total   int64           `json:"total"` // 0: not known
	Tries   int             `json:"tries"`
	Created int64           `json:"created"` // milliseconds since 1970, as all times here
	Started int64           `json:"started,omitempty"`
	Ended   int64           `json:"ended,omitempty"`
	ETA     int64           `json:"eta"` // milliseconds that are left; -1: not known
	Error   *errs.Body      `json:"error,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
}

// Over tells that nothing more will happen to the job.
func (j Job) Over() bool { return j.State == Finished || j.State == GaveUp || j.State == Withdrawn }

// NewJob is what Add takes.
type NewJob struct {
	Kind, Title, By, Lesson string
	Input                   any    // for encoding/json; at most 64 KiB
	Key                     string // while a job of this key is not over, Add gives that one
}

// Task is a job as its Runner has it.
type Task struct {
	Job   Job
	Input json.RawMessage
	// Progress tells people how far it is. total 0 is not known.
	Progress func(phase string, done, total int64)
}

// Runner does a job of a kind and ends when ctx does. errs.Invalid, Denied and Missing
// are final; after any other error, or a panic, the job is tried again.
type Runner func(ctx context.Context, t Task) (result any, err error)

// Kind is a kind of job.
type Kind struct {
	Name     string
	Run      Runner
	Tries    int           // default 5
	Timeout  time.Duration // of one try; default 5 min
	Parallel int           // of this kind at the same time; default 1
}

// entry is a job in memory.
type entry struct {
	Job
	key    string
	place  int // in the queue: the order of the facts
	input  json.RawMessage
	after  time.Time // not tried before
	began  time.Time
	cancel context.CancelCauseFunc // while it runs
}

// queued is the payload of job.queued.
type queuedJob struct {
	Job   Job             `json:"job"`
	Key   string          `json:"key,omitempty"`
	Input json.RawMessage `json:"input"`
}

// ended is the payload of the other facts about jobs.
type jobFact struct {
	ID     string          `json:"id"`
	Error  *errs.Body      `json:"error,omitempty"`
	Final  bool            `json:"final,omitempty"`
	Letter *stored         `json:"letter,omitempty"` // with a final failure
	Result json.RawMessage `json:"result,omitempty"`
}

// Add puts a job into the queue and returns when it is on disk. errs.Invalid: no such
// kind, or too large an input. errs.Busy: 1000 jobs wait.
func (j *Jobs) Add(ctx context.Context, n NewJob) (Job, error) {
	const op = "jobs.Add"
	if _, ok := j.kinds[n.Kind]; !ok {
		return Job{}, errs.Field(op, "kind", "unknown", 0, "no kind of job %q", n.Kind)
	}
	input, err := json.Marshal(n.Input)
	if err != nil || len(input) > maxInput {
		return Job{}, errs.Field(op, "input", "too_long", maxInput, "%d bytes: %v", len(input), err)
	}
	j.adding.Lock() // two of one key must not both find none
	defer j.adding.Unlock()
	if job, ok := j.underWay(n.Key); ok {
		return job, nil
	}
	if j.open() >= maxJobs {
		return Job{}, errs.Code(op, errs.Busy, "too_many", "%d jobs wait", maxJobs)
	}
	job := Job{
		ID: "j_" + strings.ToLower(rand.Text()[:13]), Kind: n.Kind, Title: n.Title, By: n.By, Lesson: n.Lesson,
		State: Waiting, ETA: -1, Created: j.clock.Now().Wall,
	}
	err = j.do(ctx, act{kind: Queued, data: mustJSON(queuedJob{job, n.Key, input})})
	return job, err
}

func (j *Jobs) underWay(key string) (Job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.jobs {
		if key != "" && e.key == key && !e.Over() {
			return e.Job, true
		}
	}
	return Job{}, false
}

func (j *Jobs) open() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, e := range j.jobs {
		if !e.Over() {
			n++
		}
	}
	return n
}

// Jobs is the jobs that are not over and the last 200 that are, newest first.
func (j *Jobs) Jobs() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Job, 0, len(j.jobs))
	for _, e := range j.jobs {
		list = append(list, e.now())
	}
	slices.SortFunc(list, func(a, b Job) int { return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(b.ID, a.ID)) })
	return list
}

// Job is one job. errs.Missing: there is none.
func (j *Jobs) Job(id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e, ok := j.jobs[id]; ok {
		return e.now(), nil
	}
	return Job{}, errs.Code("jobs.Job", errs.Missing, "no_job", "no such job")
}

// now is the job with its ETA.
func (e *entry) now() Job {
	job := e.Job
	job.ETA = -1
	if job.State == Running && job.Done > 0 && job.Total > job.Done {
		job.ETA = int64(float64(time.Since(e.began).Milliseconds()) / float64(job.Done) * float64(job.Total-job.Done))
	}
	return job
}

// Cancel ends a job that is not over. One that runs is cancelled when its Runner ends.
func (j *Jobs) Cancel(ctx context.Context, id string) error {
	job, err := j.Job(id)
	if err != nil {
		return err
	}
	if job.Over() {
		return errs.Code("jobs.Cancel", errs.Stale, "over", "the job is over")
	}
	return j.do(ctx, act{kind: Cancelled, data: mustJSON(jobFact{ID: id})})
}

// RetryJob puts the work of a dead letter into the queue again and takes the letter off
// the list.
func (j *Jobs) RetryJob(ctx context.Context, letter string) (Job, error) {
	l, err := j.Get(letter)
	if err != nil {
		return Job{}, err
	}
	if l.Job == "" {
		return Job{}, errs.Code("jobs.RetryJob", errs.Invalid, "not_a_job", "this letter is not of a job")
	}
	job, err := j.Add(ctx, NewJob{Kind: l.Kind, Title: l.Title, By: l.By, Lesson: l.Room, Input: l.Data})
	if err != nil {
		return job, err
	}
	return job, j.Retried(ctx, letter)
}

// do has the writer record an act and waits until it is on disk.
func (j *Jobs) do(ctx context.Context, a act) error {
	a.done = make(chan error, 1)
	ctx, cancel := context.WithTimeoutCause(ctx, trying, errs.Code("jobs", errs.Down, "slow", "not written in time"))
	defer cancel()
	select {
	case j.acts <- a:
	case <-ctx.Done():
		return down(ctx)
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return down(ctx)
	}
}

// foldJob applies one fact about a job. Runs with mu held.
func (j *Jobs) foldJob(e event.Event) {
	if e.Kind == Queued {
		var q queuedJob
		if j.read(e, &q) {
			j.added++
			j.jobs[q.Job.ID] = &entry{Job: q.Job, key: q.Key, input: q.Input, place: j.added}
			j.forget()
			j.ring()
		}
		return
	}
	var f jobFact
	if !j.read(e, &f) {
		return
	}
	job, ok := j.jobs[f.ID]
	if !ok || job.Over() {
		return
	}
	switch e.Kind {
	case Started:
		job.State, job.Tries, job.Started, job.began = Running, job.Tries+1, e.Stamp.Wall, time.Now()
		job.Phase, job.Done, job.Total = "", 0, 0
	case Failed:
		job.State, job.Error = Waiting, f.Error
		job.after = time.Now().Add(backoff(job.Tries))
		if f.Final {
			job.State, job.Ended = GaveUp, e.Stamp.Wall
		}
		if f.Letter != nil {
			f.Letter.Letter.Role = event.Role(f.Letter.Role)
			j.put(f.Letter.Letter)
		}
	case Done:
		job.State, job.Ended, job.Result, job.Error = Finished, e.Stamp.Wall, f.Result, nil
	case Cancelled:
		job.State, job.Ended = Withdrawn, e.Stamp.Wall
		if job.cancel != nil {
			job.cancel(errCancelled)
		}
	}
	j.ring()
}

func (j *Jobs) read(e event.Event, v any) bool {
	err := json.Unmarshal(e.Data, v)
	if err != nil {
		j.log.Error("a fact about jobs cannot be read", "seq", e.Seq, "err", err)
	}
	return err == nil
}

// forget drops the oldest jobs that are over. Runs with mu held.
func (j *Jobs) forget() {
	var over []*entry
	for _, e := range j.jobs {
		if e.Over() {
			over = append(over, e)
		}
	}
	slices.SortFunc(over, func(a, b *entry) int { return cmp.Compare(a.Created, b.Created) })
	for _, e := range over[:max(0, len(over)-listed)] {
		delete(j.jobs, e.ID)
	}
}

func mustJSON(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return data
}
