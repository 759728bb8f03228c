package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
)

// startQueue is a box with workers for kinds.
func startQueue(t *testing.T, path string, kinds ...jobs.Kind) jobsRig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(journal.Config{Path: path, NoBallast: true, Pace: -1}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := jobsRig{Jobs: jobs.New(j, event.NewClock(1), log, nil, kinds...), journal: j}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 3)
	for _, serve := range []func(context.Context) error{j.Serve, b.Serve, b.Workers().Serve} {
		go func() { done <- serve(ctx) }()
	}
	b.stop = func() {
		cancel()
		for range 3 {
			<-done
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	return b
}

func (b jobsRig) add(t *testing.T, kind string, input any) jobs.Job {
	t.Helper()
	job, err := b.Enqueue(t.Context(), jobs.NewJob{Kind: kind, Title: kind, By: "t1", Input: input})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (b jobsRig) state(t *testing.T, id string) jobs.Job {
	t.Helper()
	job, err := b.GetJob(id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func TestAJobIsDoneOnceAndItsResultIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		kind := jobs.Kind{Name: "sum", Run: func(_ context.Context, task jobs.Task) (any, error) {
			runs.Add(1)
			var in []int
			if err := json.Unmarshal(task.Input, &in); err != nil {
				return nil, err
			}
			task.Progress("adding", 1, 2)
			return in[0] + in[1], nil
		}}
		b := startQueue(t, path, kind)
		job := b.add(t, "sum", []int{2, 3})
		synctest.Wait()
		if got := b.state(t, job.ID); got.State != jobs.Finished || string(got.Result) != "5" || got.Tries != 1 {
			t.Fatalf("%+v", got)
		}
		b.stop()
		b = startQueue(t, path, kind)
		defer b.stop()
		synctest.Wait()
		if got := b.state(t, job.ID); got.State != jobs.Finished || string(got.Result) != "5" || runs.Load() != 1 {
			t.Fatalf("after a restart: %+v, %d runs", got, runs.Load())
		}
	})
}

func TestAPoisonJobIsBuriedAndDelaysNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		mended := false
		b := startQueue(t, path, jobs.Kind{Name: "grade", Tries: 3, Run: func(_ context.Context, task jobs.Task) (any, error) {
			if string(task.Input) == `"poison"` && !mended {
				panic("cannot be read")
			}
			return "ok", nil
		}})
		defer b.stop()
		poison := b.add(t, "grade", "poison")
		began := time.Now()
		var good []jobs.Job
		for i := range 100 {
			good = append(good, b.add(t, "grade", i))
		}
		synctest.Wait()
		for _, g := range good {
			if got := b.state(t, g.ID); got.State != jobs.Finished {
				t.Fatalf("%s waits behind the poison: %+v", g.ID, got)
			}
		}
		if d := time.Since(began); d > time.Second {
			t.Fatalf("a hundred good jobs took %v", d)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := b.state(t, poison.ID); got.State != jobs.GaveUp || got.Tries != 3 {
			t.Fatalf("%+v", got)
		}
		list := b.ListDeadLetters()
		if len(list) != 1 || string(list[0].Data) != `"poison"` || !strings.Contains(list[0].Err, "cannot be read") || !strings.Contains(list[0].Stack, "queue_test.go") || list[0].Job != poison.ID {
			t.Fatalf("letters %+v", list)
		}
		mended = true
		again, err := b.RetryJob(t.Context(), list[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := b.state(t, again.ID); got.State != jobs.Finished || len(b.ListDeadLetters()) != 0 {
			t.Fatalf("%+v, letters %v", got, b.ListDeadLetters())
		}
	})
}

func TestTriesKeepTheirDistance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		b := startQueue(t, path, jobs.Kind{Name: "x", Run: func(context.Context, jobs.Task) (any, error) {
			at = append(at, time.Now())
			return nil, errors.New("not yet")
		}})
		defer b.stop()
		b.add(t, "x", nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(at) != 5 {
			t.Fatalf("%d tries", len(at))
		}
		for i, want := range []time.Duration{time.Second, 4 * time.Second, 16 * time.Second, 64 * time.Second} {
			if d := at[i+1].Sub(at[i]); d < want*3/4 || d > want*5/4+time.Second/10 {
				t.Errorf("pause %d is %v", i, d)
			}
		}
	})
}

func TestAFaultOfTheAskerIsNotTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		b := startQueue(t, path, jobs.Kind{Name: "x", Run: func(context.Context, jobs.Task) (any, error) {
			return nil, errs.NewField("slides", "file", "broken_file", 0, "not a PDF")
		}})
		defer b.stop()
		job := b.add(t, "x", nil)
		synctest.Wait()
		got := b.state(t, job.ID)
		if got.State != jobs.GaveUp || got.Tries != 1 || got.Error.Code != "broken_file" || len(b.ListDeadLetters()) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestACancelledJobStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		b := startQueue(t, path, jobs.Kind{Name: "x", Run: func(ctx context.Context, task jobs.Task) (any, error) {
			task.Progress("half", 1, 2)
			<-ctx.Done()
			return nil, ctx.Err()
		}, Timeout: time.Hour})
		defer b.stop()
		first, second := b.add(t, "x", 1), b.add(t, "x", 2)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := b.state(t, first.ID); got.State != jobs.Running || got.Phase != "half" || got.ETA != 1000 {
			t.Fatalf("%+v", got)
		}
		for _, id := range []string{second.ID, first.ID} {
			if err := b.CancelJob(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := b.state(t, id); got.State != jobs.Withdrawn {
				t.Fatalf("%+v", got)
			}
		}
		if err := b.CancelJob(t.Context(), first.ID); errs.KindOf(err) != errs.Stale {
			t.Fatalf("twice: %v", err)
		}
	})
}

func TestAJobThatTakesTooLongIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		b := startQueue(t, path, jobs.Kind{Name: "x", Tries: 1, Timeout: time.Minute, Run: func(ctx context.Context, _ jobs.Task) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		defer b.stop()
		job := b.add(t, "x", nil)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got := b.state(t, job.ID); got.State != jobs.GaveUp || got.Error.Code != "timeout" {
			t.Fatalf("%+v %+v", got, got.Error)
		}
	})
}

func TestAJobThatEndsTheProgramIsBuriedInTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		kind := jobs.Kind{Name: "x", Tries: 3, Run: func(ctx context.Context, _ jobs.Task) (any, error) {
			<-ctx.Done() // the program is ended while it runs
			return nil, ctx.Err()
		}}
		var id string
		for life := range 4 {
			b := startQueue(t, path, kind)
			if life == 0 {
				id = b.add(t, "x", "in").ID
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			got := b.state(t, id)
			if life < 3 && (got.State != jobs.Running || got.Tries != life+1) {
				t.Fatalf("life %d: %+v", life, got)
			}
			if life == 3 && (got.State != jobs.GaveUp || len(b.ListDeadLetters()) != 1 || string(b.ListDeadLetters()[0].Data) != `"in"`) {
				t.Fatalf("%+v %+v", got, b.ListDeadLetters())
			}
			b.stop()
		}
	})
}

func TestOneKeyIsOneJob(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		b := startQueue(t, path, jobs.Kind{Name: "x", Run: func(context.Context, jobs.Task) (any, error) { <-hold; return 1, nil }})
		defer b.stop()
		add := func() string {
			job, err := b.Enqueue(t.Context(), jobs.NewJob{Kind: "x", Key: "lesson 1"})
			if err != nil {
				t.Fatal(err)
			}
			return job.ID
		}
		first := add()
		if second := add(); second != first {
			t.Fatal("asked twice, queued twice")
		}
		close(hold)
		synctest.Wait()
		if third := add(); third == first {
			t.Fatal("asked again later, not done again")
		}
		if _, err := b.Enqueue(t.Context(), jobs.NewJob{Kind: "nothing"}); errs.KindOf(err) != errs.Invalid {
			t.Fatal(err)
		}
		if _, err := b.Enqueue(t.Context(), jobs.NewJob{Kind: "x", Input: strings.Repeat("x", 70_000)}); errs.BodyOf(err).Field != "input" {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(b.Jobs.ListJobs()); n != 2 {
			t.Fatal(fmt.Sprint(n))
		}
	})
}
