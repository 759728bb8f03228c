package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// Why a try ended before the Runner did.
var (
	errCancelled = errs.Code("jobs", errs.Stale, "cancelled", "the job was cancelled")
	errTimeout   = errs.Code("jobs", errs.Down, "timeout", "the job took too long")
)

// Lanes is the service that runs what is queued: for each kind of work a lane of its own,
// so that a kind that is stuck delays no other, and within a lane a job that waits for
// its next try lets the others pass.
type Lanes struct{ jobs *Jobs }

// Lanes gives the service. It runs beside Jobs itself, which writes.
func (j *Jobs) Lanes() *Lanes { return &Lanes{j} }

// String is the service's name.
func (l *Lanes) String() string { return "lanes" }

// Serve runs jobs until ctx ends. What runs then is tried again after the next start,
// with the try counted.
func (l *Lanes) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	for _, w := range l.jobs.kinds {
		for range cmp.Or(w.Parallel, 1) {
			g.Go(func(ctx context.Context) error { return l.jobs.lane(ctx, w) })
		}
	}
	return g.Wait()
}

// lane runs jobs of one kind, one after the other.
func (j *Jobs) lane(ctx context.Context, w Kind) error {
	for {
		e, wait := j.take(w)
		if e == nil {
			if !wait.sleep(ctx) {
				return nil
			}
			continue
		}
		if err := j.run(ctx, w, e); err != nil && ctx.Err() == nil {
			j.log.Warn("job is not written for now", "job", e.ID, "err", err)
			nap{after: patient}.sleep(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// nap is how a lane waits for work.
type nap struct {
	after time.Duration // 0: until rung
	rung  <-chan struct{}
}

func (n nap) sleep(ctx context.Context) bool {
	var due <-chan time.Time
	if n.after > 0 {
		t := time.NewTimer(n.after)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-due:
	case <-n.rung:
	case <-ctx.Done():
		return false
	}
	return true
}

// take is the oldest job of a kind that may run now, marked as taken; or how long to wait.
func (j *Jobs) take(w Kind) (*entry, nap) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var first *entry
	rest := nap{rung: j.bell}
	if !j.loaded {
		return nil, rest
	}
	for _, e := range j.jobs {
		if e.Kind != w.Name || e.State != Waiting || e.cancel != nil {
			continue
		}
		if in := time.Until(e.after); in > 0 {
			if rest.after == 0 || in < rest.after {
				rest.after = in
			}
			continue
		}
		if first == nil || e.place < first.place {
			first = e
		}
	}
	if first != nil {
		first.cancel = func(error) {} // taken
	}
	return first, rest
}

// ring wakes the lanes. Runs with mu held.
func (j *Jobs) ring() {
	close(j.bell)
	j.bell = make(chan struct{})
}

// run is one try of a job, from its fact to its fact.
func (j *Jobs) run(ctx context.Context, w Kind, e *entry) error {
	try, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	try, end := context.WithTimeoutCause(try, cmp.Or(w.Timeout, 5*time.Minute), errTimeout)
	defer end()
	j.mu.Lock()
	e.cancel = stop
	tries := e.Tries + 1
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		e.cancel = nil
		j.mu.Unlock()
	}()
	// The try is on disk before it begins, so that a job that ends the program is not
	// tried for ever.
	if err := j.do(ctx, act{kind: Started, data: mustJSON(jobFact{ID: e.ID})}); err != nil {
		return err
	}
	job, err := j.Job(e.ID)
	if err != nil || job.State != Running {
		return nil // cancelled meanwhile
	}
	if tries > cmp.Or(w.Tries, 5) { // the program ended during the last one
		return j.fail(ctx, w, e, errs.Code("jobs", errs.Internal, "ended_box", "the program ended %d times while this ran", tries-1), nil)
	}
	began := time.Now()
	result, stack, err := safely(try, w.Run, Task{Job: job, Input: e.input, Progress: func(phase string, done, total int64) { j.progress(e, phase, done, total) }})
	j.metrics.took.WithLabelValues(w.Name).Observe(time.Since(began).Seconds())
	if ctx.Err() != nil {
		return nil // the box stops: tried again after its start
	}
	if try.Err() != nil && err != nil {
		err = context.Cause(try)
	}
	switch {
	case errors.Is(err, errCancelled):
		return nil // its fact is there already
	case err != nil:
		return j.fail(ctx, w, e, err, stack)
	}
	return j.do(ctx, act{kind: Done, data: mustJSON(jobFact{ID: e.ID, Result: mustJSON(result)})})
}

func (j *Jobs) progress(e *entry, phase string, done, total int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Phase, e.Done, e.Total = phase, done, total
}

// safely runs a Runner; a panic is an error with its stack.
func safely(ctx context.Context, run Runner, t Task) (result any, stack []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err, stack = errs.Newf("jobs", errs.Internal, "panic: %v", p), debug.Stack()
		}
	}()
	result, err = run(ctx, t)
	if s, ok := errors.AsType[interface {
		error
		Stack() []byte
	}](err); ok {
		stack = s.Stack()
	}
	return result, stack, err
}

// fail records a failure: the job is tried again later, or its letter is buried.
func (j *Jobs) fail(ctx context.Context, w Kind, e *entry, cause error, stack []byte) error {
	j.mu.Lock()
	job := e.Job
	j.mu.Unlock()
	body := errs.BodyOf(cause)
	f := jobFact{ID: e.ID, Error: &body}
	switch errs.KindOf(cause) {
	case errs.Invalid, errs.Denied, errs.Missing:
		f.Final = true // the one who asked must change something
	default:
		if job.Tries >= cmp.Or(w.Tries, 5) {
			f.Final = true
			f.Letter = &stored{Letter: j.letter(job, e.input, cause, stack)}
		}
	}
	j.log.Warn("job failed", "job", e.ID, "kind", w.Name, "try", job.Tries, "final", f.Final, "err", cause)
	return j.do(ctx, act{kind: Failed, data: mustJSON(f)})
}

// letter is the dead letter of a job.
func (j *Jobs) letter(job Job, input []byte, cause error, stack []byte) Letter {
	l := Letter{Kind: job.Kind, By: job.By, Room: job.Lesson, Job: job.ID, Title: job.Title, Data: input, Err: fmt.Sprint(cause), Stack: string(stack)}
	return j.address(l)
}

// backoff is the pause after a try: 1, 4, 16 s and so on up to an hour, give or take a
// quarter.
func backoff(tries int) time.Duration {
	d := time.Second
	for range min(max(tries-1, 0), 6) {
		d *= 4
	}
	d = min(d, time.Hour)
	return d - d/4 + rand.N(d/2)
}
