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
	"github.com/livelearn/box/services/seal"
)

// journalRig is a journal with its committer, and the test's knowledge of its streams.
type journalRig struct {
	*Journal
	t       testing.TB
	end     context.CancelFunc
	done    chan error
	crashes []error // of Serve, read it after stop
	epoch   map[string]uint64
	seq     map[string]uint64
}

func openBox(t testing.TB, cfg Config) *journalRig {
	t.Helper()
	if cfg.Ballast == 0 {
		cfg.NoBallast = true
	}
	if cfg.Pace == 0 {
		cfg.Pace = -1 // pace_test.go has its own
	}
	if cfg.Sealer == nil {
		cfg.Sealer = testSealer()
	}
	j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := wrapJournal(t, j)
	b.serve()
	return b
}

// testSealer returns the Sealer of a key in testdata. A child that a test kills has the same one.
func testSealer() *seal.Sealer {
	return seal.LoadKey([]seal.Place{{Path: "testdata/box-key.txt"}}, "").Key.For("facts.db")
}

func wrapJournal(t testing.TB, j *Journal) *journalRig {
	b := &journalRig{Journal: j, t: t, epoch: map[string]uint64{}, seq: map[string]uint64{}}
	t.Cleanup(b.stop)
	return b
}

func (b *journalRig) serve() {
	ctx, end := context.WithCancel(context.Background())
	b.end, b.done = end, make(chan error, 1)
	go func() {
		err := b.Serve(ctx)
		for err != nil && ctx.Err() == nil { // as a supervisor does
			b.crashes = append(b.crashes, err)
			err = b.Serve(ctx)
		}
		b.done <- err
	}()
}

func (b *journalRig) stop() {
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

func (b *journalRig) raise(stream string) Cursor {
	b.t.Helper()
	c, err := b.Raise(context.Background(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	b.epoch[stream], b.seq[stream] = c.Epoch, c.Seq
	return c
}

// append makes n facts durable, one batch each, and returns them as they should be read.
func (b *journalRig) append(stream string, n int) []event.Event {
	b.t.Helper()
	var want []event.Event
	results := make(chan error, n)
	pos := b.Position()
	for range n {
		b.seq[stream]++
		e := testFact(stream, b.epoch[stream], b.seq[stream])
		b.Append(Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}}, func(err error) { results <- err })
		pos++
		e.Pos = pos
		want = append(want, e)
	}
	for range n {
		if err := <-results; err != nil {
			b.t.Fatal(err)
		}
	}
	return want
}

// try appends one fact and returns the kind of the refusal, or 99 when it was accepted.
func (b *journalRig) try(stream string, epoch, seq uint64) errs.Kind {
	results := make(chan error, 1)
	b.Append(Batch{Stream: stream, Epoch: epoch, Facts: []event.Event{testFact(stream, epoch, seq)}}, func(err error) { results <- err })
	if err := <-results; err != nil {
		return errs.KindOf(err)
	}
	return 99
}

// diffFacts compares facts. It calls cmp.Diff only when they differ, because cmp.Diff is slow.
func diffFacts(want, got []event.Event) string {
	if slices.EqualFunc(want, got, sameFact) {
		return ""
	}
	return cmp.Diff(want, got)
}

func sameFact(a, b event.Event) bool {
	return a.Stream == b.Stream && a.Epoch == b.Epoch && a.Seq == b.Seq && a.Pos == b.Pos && a.Kind == b.Kind &&
		a.By == b.By && a.ID == b.ID && a.Stamp == b.Stamp && bytes.Equal(a.Data, b.Data)
}
