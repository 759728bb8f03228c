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

// Causes that end a try before its Runner does.
var (
	errCancelled = errs.NewCode("jobs", errs.Stale, "cancelled", "the job was cancelled")
	errTimeout   = errs.NewCode("jobs", errs.Down, "timeout", "the job took too long")
)

// Workers is the service that runs the queued jobs. Each kind of work has a worker of its own,
// so that a kind that is stuck delays no other. A job that waits for its next try lets the
// others of its kind pass.
type Workers struct{ jobs *Jobs }

// Workers returns the service. It needs a running Jobs, which writes.
func (j *Jobs) Workers() *Workers { return &Workers{j} }

// String is the service's name.
func (l *Workers) String() string { return "job workers" }

// Serve runs jobs until ctx ends. Jobs that run then are tried again after the next start, with
// the try counted.
func (l *Workers) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	for _, w := range l.jobs.kinds {
		for range cmp.Or(w.Parallel, 1) {
			g.Go(func(ctx context.Context) error { return l.jobs.runWorker(ctx, w) })
		}
	}
	return g.Wait()
}

// runWorker runs jobs of one kind, one after the other.
func (j *Jobs) runWorker(ctx context.Context, w Kind) error {
	for {
		e, wait := j.claimJob(w)
		if e == nil {
			if !wait.waitForWork(ctx) {
				return nil
			}
			continue
		}
		if err := j.runTry(ctx, w, e); err != nil && ctx.Err() == nil {
			j.log.Warn("job cannot be written yet", "job", e.ID, "err", err)
			idleWait{after: retryPause}.waitForWork(ctx)
		}
		if ctx.Err() != nil {
			//lint:ignore nilerr the end of the context is no fault
			return nil
		}
	}
}

// idleWait is a worker's wait for work.
type idleWait struct {
	after time.Duration // 0: until woken
	woken <-chan struct{}
}

func (n idleWait) waitForWork(ctx context.Context) bool {
	var due <-chan time.Time
	if n.after > 0 {
		t := time.NewTimer(n.after)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-due:
	case <-n.woken:
	case <-ctx.Done():
		return false
	}
	return true
}

// claimJob returns the oldest job of a kind that may run now, and marks it as taken. Without
// one it returns how long to wait.
func (j *Jobs) claimJob(w Kind) (*entry, idleWait) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var first *entry
	rest := idleWait{woken: j.wake}
	if !j.loaded {
		return nil, rest
	}
	for _, e := range j.jobs {
		if e.Kind != w.Name || e.State != Waiting || e.cancel != nil {
			continue
		}
		if in := time.Until(e.notBefore); in > 0 {
			if rest.after == 0 || in < rest.after {
				rest.after = in
			}
			continue
		}
		if first == nil || e.order < first.order {
			first = e
		}
	}
	if first != nil {
		first.cancel = func(error) {} // marks it as taken
	}
	return first, rest
}

// wakeWorkers wakes the workers. The caller holds mu.
func (j *Jobs) wakeWorkers() {
	close(j.wake)
	j.wake = make(chan struct{})
}

// runTry is one try of a job, from its fact to its fact.
func (j *Jobs) runTry(ctx context.Context, w Kind, e *entry) error {
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
	// The try is on disk before it begins, so that a job that ends the program is not tried for
	// ever.
	if err := j.writeCommand(ctx, command{kind: Started, data: mustJSON(jobFact{ID: e.ID})}); err != nil {
		return err
	}
	job, err := j.GetJob(e.ID)
	if err != nil || job.State != Running {
		return nil // cancelled meanwhile
	}
	if tries > cmp.Or(w.Tries, 5) { // the program ended during the last one
		return j.recordFailure(ctx, w, e, errs.NewCode("jobs", errs.Internal, "ended_box", "the program ended %d times while this ran", tries-1), nil)
	}
	began := time.Now()
	result, stack, err := runRecovering(try, w.Run, Task{Job: job, Input: e.input, Progress: func(phase string, done, total int64) { j.setProgress(e, phase, done, total) }})
	j.metrics.took.WithLabelValues(w.Name).Observe(time.Since(began).Seconds())
	if ctx.Err() != nil {
		return nil // the box stops: tried again after its start
	}
	if try.Err() != nil && err != nil {
		err = context.Cause(try)
	}
	switch {
	case errors.Is(err, errCancelled):
		return nil // its fact is on disk already
	case err != nil:
		return j.recordFailure(ctx, w, e, err, stack)
	}
	return j.writeCommand(ctx, command{kind: Done, data: mustJSON(jobFact{ID: e.ID, Result: mustJSON(result)})})
}

func (j *Jobs) setProgress(e *entry, phase string, done, total int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Phase, e.Done, e.Total = phase, done, total
}

// runRecovering runs a Runner. A panic is an error with its stack.
func runRecovering(ctx context.Context, run Runner, t Task) (result any, stack []byte, err error) {
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

// recordFailure records a failure: the job is tried again later, or becomes a dead letter.
func (j *Jobs) recordFailure(ctx context.Context, w Kind, e *entry, cause error, stack []byte) error {
	j.mu.Lock()
	job := e.Job
	j.mu.Unlock()
	body := errs.BodyOf(cause)
	f := jobFact{ID: e.ID, Error: &body}
	switch errs.KindOf(cause) {
	case errs.Invalid, errs.Denied, errs.Missing:
		f.Final = true // the sender must change its request
	default:
		if job.Tries >= cmp.Or(w.Tries, 5) {
			f.Final = true
			f.Letter = &storedLetter{DeadLetter: j.newDeadLetter(job, e.input, cause, stack)}
		}
	}
	j.log.Warn("job failed", "job", e.ID, "kind", w.Name, "try", job.Tries, "final", f.Final, "err", cause)
	return j.writeCommand(ctx, command{kind: Failed, data: mustJSON(f)})
}

// newDeadLetter makes the dead letter of a job.
func (j *Jobs) newDeadLetter(job Job, input []byte, cause error, stack []byte) DeadLetter {
	l := DeadLetter{Kind: job.Kind, By: job.By, Room: job.Lesson, Job: job.ID, Title: job.Title, Data: input, Err: fmt.Sprint(cause), Stack: string(stack)}
	return j.prepareLetter(l)
}

// backoffAfter is the pause after a try: 1, 4, 16 s and so on up to an hour, give or take a
// quarter.
func backoffAfter(tries int) time.Duration {
	d := time.Second
	for range min(max(tries-1, 0), 6) {
		d *= 4
	}
	d = min(d, time.Hour)
	return d - d/4 + rand.N(d/2)
}
