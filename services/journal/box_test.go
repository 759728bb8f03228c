package journal

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// box is a journal with its committer, and what the test knows of its streams.
type box struct {
	*Journal
	t       testing.TB
	end     context.CancelFunc
	done    chan error
	crashes []error // of Serve; read it after stop
	epoch   map[string]uint64
	seq     map[string]uint64
}

func openBox(t testing.TB, cfg Config) *box {
	t.Helper()
	if cfg.Ballast == 0 {
		cfg.NoBallast = true
	}
	if cfg.Pace == 0 {
		cfg.Pace = -1 // pace_test.go has its own
	}
	j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := wrap(t, j)
	b.serve()
	return b
}

func wrap(t testing.TB, j *Journal) *box {
	b := &box{Journal: j, t: t, epoch: map[string]uint64{}, seq: map[string]uint64{}}
	t.Cleanup(b.stop)
	return b
}

func (b *box) serve() {
	ctx, end := context.WithCancel(context.Background())
	b.end, b.done = end, make(chan error, 1)
	go func() {
		err := b.Serve(ctx)
		for err != nil && ctx.Err() == nil { // as a supervisor would
			b.crashes = append(b.crashes, err)
			err = b.Serve(ctx)
		}
		b.done <- err
	}()
}

func (b *box) stop() {
	b.t.Helper()
	if b.end == nil {
		return
	}
	b.end()
	b.end = nil
	if err := <-b.done; err != nil {
		b.t.Error(err)
	}
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *box) raise(stream string) Cursor {
	b.t.Helper()
	c, err := b.Raise(context.Background(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	b.epoch[stream], b.seq[stream] = c.Epoch, c.Seq
	return c
}

// append makes n facts durable, one batch each, and gives them as they should be read.
func (b *box) append(stream string, n int) []event.Event {
	b.t.Helper()
	var want []event.Event
	told := make(chan error, n)
	pos := b.Position()
	for range n {
		b.seq[stream]++
		e := fact(stream, b.epoch[stream], b.seq[stream])
		b.Append(Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}}, func(err error) { told <- err })
		pos++
		e.Pos = pos
		want = append(want, e)
	}
	for range n {
		if err := <-told; err != nil {
			b.t.Fatal(err)
		}
	}
	return want
}

// try appends one fact and gives the kind of the refusal; 99 is none.
func (b *box) try(stream string, epoch, seq uint64) errs.Kind {
	told := make(chan error, 1)
	b.Append(Batch{Stream: stream, Epoch: epoch, Facts: []event.Event{fact(stream, epoch, seq)}}, func(err error) { told <- err })
	if err := <-told; err != nil {
		return errs.KindOf(err)
	}
	return 99
}

// diff compares facts; cmp.Diff is asked only when they differ, for it is slow.
func diff(want, got []event.Event) string {
	if slices.EqualFunc(want, got, same) {
		return ""
	}
	return cmp.Diff(want, got)
}

func same(a, b event.Event) bool {
	return a.Stream == b.Stream && a.Epoch == b.Epoch && a.Seq == b.Seq && a.Pos == b.Pos && a.Kind == b.Kind &&
		a.By == b.By && a.ID == b.ID && a.Stamp == b.Stamp && bytes.Equal(a.Data, b.Data)
}
