// Package push sends the results of schools to other systems: xAPI statements to learning record
// stores, and OneRoster files to a folder or an SFTP server. A node of the cloud runs it.
//
//	Serve -> ClaimPush     a push whose time has come, for one node
//	      -> runXAPI       pages of statements after the cursor, each sent and then recorded
//	      -> runOneRoster  one file
//	      -> FinishPush    the cursor, and when to go on
//
// Promises:
//   - What was sent is sent again if the answer was lost, with the same ids, and nothing is left
//     out: the cursor follows the order of commits, and moves after the other side has it.
//   - A failed push is tried again, with pauses that grow to an hour.
//   - No secret is in the log, in an error or in the state of a push.
package push

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const (
	leaseTime  = 30 * time.Minute // for one run
	runTime    = 25 * time.Minute // of one run: the file of a large school takes minutes
	pagesTime  = time.Minute      // of a run with pages, before the next school
	shortPause = 30 * time.Second // after the first failure
	longPause  = time.Hour
	pollPause  = 5 * time.Second
)

// Pusher does the pushes of all schools. Any number of nodes may have one.
type Pusher struct {
	Store *pg.Store
	Log   *slog.Logger
	// OneRoster writes the results of a school as a OneRoster package.
	OneRoster func(ctx context.Context, w io.Writer, school string) error
	// Poll is how often the Pusher looks for work, default 5 s.
	Poll time.Duration
	// Pause is the wait after a first failure, default 30 s. It doubles with each further one.
	Pause time.Duration
}

// String returns the service's name.
func (p *Pusher) String() string { return "cloud push" }

// Serve does pushes until ctx ends.
func (p *Pusher) Serve(ctx context.Context) error {
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		job, err := p.Store.ClaimPush(ctx, leaseTime)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			p.Log.Warn("the database has no work for the push", "err", err)
			supervise.Sleep(ctx, shortPause)
		case job == nil:
			supervise.Sleep(ctx, orDefault(p.Poll, pollPause))
		default:
			p.runJob(ctx, client, job)
		}
	}
	return nil
}

func orDefault(d, or time.Duration) time.Duration {
	if d <= 0 {
		return or
	}
	return d
}

// runJob does one push and records what became of it. If the node stops meanwhile, another one
// goes on at once, and when the lease has ended if the node was killed.
func (p *Pusher) runJob(ctx context.Context, client *http.Client, job *pg.PushJob) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	var err error
	if job.Kind == pg.PushXAPI {
		err = p.runXAPI(ctx, client, job)
	} else {
		err = p.runOneRoster(ctx, job)
	}
	if err == nil {
		return
	}
	late, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	if errors.Is(ctx.Err(), context.Canceled) {
		if err := p.Store.ReleasePush(late, job); err != nil {
			p.Log.Warn("a push waits until its lease ends", "err", err)
		}
		return
	}
	wait := p.backoff(job.Failures)
	if f, ok := errors.AsType[*fault](err); ok {
		wait = max(wait, f.after)
	}
	o := pg.PushOutcome{Cursor: job.Cursor, Problem: describe(err, job), Wait: wait}
	p.Log.Info("a push has failed and is tried again", "kind", job.Kind, "n", job.Failures+1, "dur", wait)
	if _, err := p.Store.FinishPush(late, job, o); err != nil {
		p.Log.Warn("the outcome of a push was not recorded", "err", err)
	}
}

// backoff returns the pause after a number of earlier failures. A random part keeps nodes and
// schools apart.
func (p *Pusher) backoff(failures int) time.Duration {
	d := min(orDefault(p.Pause, shortPause)<<min(failures, 10), longPause)
	return d + time.Duration(rand.Int64N(int64(d)/10+1))
}

// fault is a failure that is tried again.
type fault struct {
	text  string
	after time.Duration // the other side asked for this pause
}

// Error returns the text.
func (f *fault) Error() string { return f.text }

// describe returns an error for the operators of the school, without the secret.
func describe(err error, job *pg.PushJob) string {
	text := err.Error()
	switch e, ok := errors.AsType[*errs.Error](err); {
	case ok && e.Kind == errs.Down:
		text = errDatabase.Error()
	case ok:
		text = e.Err.Error()
	}
	if job.Secret != "" {
		text = strings.ReplaceAll(text, job.Secret, "(secret)")
	}
	return text
}
