package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
)

func TestFactsComeBackAsTheyWereAfterAReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.db")
	b := openBox(t, Config{Path: path, tail: 10})
	b.raise("room:a")
	want := b.append("room:a", 25)
	if got, err := b.Since("room:a", 0, 0); err != nil || cmp.Diff(want, got) != "" {
		t.Fatalf("%v %s", err, cmp.Diff(want, got))
	}
	b.stop()
	b = openBox(t, Config{Path: path, tail: 10})
	if got, err := b.Since("room:a", 0, 0); err != nil || cmp.Diff(want, got) != "" {
		t.Fatalf("%v %s", err, cmp.Diff(want, got))
	}
}

// box is a journal with its committer.
type box struct {
	*Journal
	t     testing.TB
	end   context.CancelFunc
	done  chan error
	epoch map[string]uint64
	seq   map[string]uint64
}

func openBox(t testing.TB, cfg Config) *box {
	t.Helper()
	if cfg.Ballast == 0 {
		cfg.NoBallast = true
	}
	j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{Journal: j, t: t, epoch: map[string]uint64{}, seq: map[string]uint64{}}
	b.serve()
	t.Cleanup(b.stop)
	return b
}

func (b *box) serve() {
	ctx, end := context.WithCancel(context.Background())
	b.end, b.done = end, make(chan error, 1)
	go func() { b.done <- b.Serve(ctx) }()
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
	c, err := b.Raise(b.t.Context(), stream)
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
	errs := make(chan error, n)
	for range n {
		b.seq[stream]++
		e := fact(stream, b.epoch[stream], b.seq[stream])
		b.Append(Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}}, func(err error) { errs <- err })
		want = append(want, e)
	}
	for range n {
		if err := <-errs; err != nil {
			b.t.Fatal(err)
		}
	}
	pos := b.Position() - uint64(n)
	for i := range want {
		pos++
		want[i].Pos = pos
	}
	return want
}

func fact(stream string, epoch, seq uint64) event.Event {
	return event.Event{
		Stream: stream, Epoch: epoch, Seq: seq, Kind: "chat.said", By: "p_ada", ID: fmt.Sprintf("%s-%d", stream, seq),
		Stamp: event.Stamp{Boot: 7, Mono: int64(seq), Wall: 1700000000000, Trusted: seq%2 == 0},
		Data:  json.RawMessage(fmt.Sprintf(`{"text":"fact %d of %s"}`, seq, stream)),
	}
}
