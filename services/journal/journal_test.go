package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

func TestMain(m *testing.M) {
	if run := children[os.Getenv(childEnv)]; run != nil {
		os.Exit(run())
	}
	goleak.VerifyTestMain(m)
}

func TestFactsComeBackAsTheyWereAfterAReopen(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 10}
	b := openBox(t, cfg)
	b.raise("room:a")
	want := b.append("room:a", 25)
	for range 2 {
		got, err := b.Since("room:a", 0, 0)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatalf("%v %s", err, d)
		}
		if got, err = b.Since("room:a", 7, 5); err != nil || cmp.Diff(want[7:12], got) != "" {
			t.Fatalf("%v %s", err, cmp.Diff(want[7:12], got))
		}
		b.stop()
		b = openBox(t, cfg)
	}
	if f := b.OpenResult(); f != (checkedkv.OpenResult{}) {
		t.Errorf("a good file was found as %+v", f)
	}
}

func TestABatchThatDoesNotFollowFencesItsEpochUntilRaise(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	if c := b.raise("room:a"); c != (Cursor{1, 0}) {
		t.Fatalf("a new stream starts at %+v", c)
	}
	b.append("room:a", 3)
	for _, try := range []struct {
		epoch, seq uint64
		want       errs.Kind
	}{
		{0, 4, errs.Stale}, // never raised
		{2, 4, errs.Stale}, // not raised yet
		{1, 4, 99},         // neither fenced the epoch
		{1, 6, errs.Stale}, // leaves a hole
		{1, 5, errs.Stale}, // would follow, but the epoch is fenced now
	} {
		if got := b.try("room:a", try.epoch, try.seq); got != try.want {
			t.Errorf("epoch %d, seq %d: got %v, want %v", try.epoch, try.seq, got, try.want)
		}
	}
	if c := b.raise("room:a"); c != (Cursor{2, 4}) {
		t.Fatalf("raised to %+v", c)
	}
	if got := b.try("room:a", 1, 5); got != errs.Stale {
		t.Errorf("the old epoch was taken: %v", got)
	}
	b.append("room:a", 2)
	for epoch, want := range map[uint64]uint64{1: 4, 2: 6} {
		if got, ok := b.EpochEnd("room:a", epoch); !ok || got != want {
			t.Errorf("epoch %d ended at %d (%v), want %d", epoch, got, ok, want)
		}
	}
	if _, ok := b.EpochEnd("room:a", 3); ok {
		t.Error("an epoch that is to come is known")
	}
}

func TestRaiseComesAfterAllThatWasAppendedBefore(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	var order []uint64
	for seq := range uint64(500) {
		b.Append(Batch{Stream: "room:a", Epoch: 1, Facts: []event.Event{testFact("room:a", 1, seq+1)}}, func(err error) {
			if err == nil {
				order = append(order, seq)
			}
		})
	}
	if c := b.raise("room:a"); c != (Cursor{2, 500}) {
		t.Fatalf("raised to %+v", c)
	}
	if len(order) != 500 || !slices.IsSorted(order) {
		t.Errorf("%d batches were answered, in order: %v", len(order), slices.IsSorted(order))
	}
}

func TestTheLast64EpochsAreKnownAfterAReopen(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	for range 70 {
		b.raise("room:a")
		b.append("room:a", 1)
	}
	b.stop()
	b = openBox(t, cfg)
	for epoch := uint64(1); epoch <= 70; epoch++ {
		seq, ok := b.EpochEnd("room:a", epoch)
		if known := epoch >= 70-64; ok != known || ok && seq != epoch {
			t.Errorf("epoch %d: %d %v", epoch, seq, ok)
		}
	}
}

func TestASnapshotIsKeptOnlyForWhatIsDurable(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	b.raise("room:a")
	b.append("room:a", 3)
	for _, try := range []struct {
		epoch, seq uint64
		ok         bool
	}{{1, 3, true}, {1, 4, false}, {2, 3, false}, {0, 0, false}} {
		done := make(chan error, 1)
		b.SaveSnapshot("room:a", try.epoch, try.seq, []byte("state"), func(err error) { done <- err })
		if err := <-done; (err == nil) != try.ok {
			t.Errorf("epoch %d, seq %d: %v", try.epoch, try.seq, err)
		}
	}
	b.append("room:a", 1) // a refused snapshot fences nothing
	b.stop()
	b = openBox(t, cfg)
	if seq, data, err := b.Snapshot("room:a"); seq != 3 || string(data) != "state" || err != nil {
		t.Errorf("%d %q %v", seq, data, err)
	}
	if seq, data, err := b.Snapshot("room:b"); seq != 0 || data != nil || err != nil {
		t.Errorf("%d %q %v", seq, data, err)
	}
}

func TestAFollowerIsWokenByEachCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
		b.raise("room:a")
		ctx, end := context.WithCancel(t.Context())
		var got []uint64
		done := make(chan bool)
		go func() {
			defer close(done)
			for e, err := range b.Follow(ctx, 0) {
				if err != nil {
					t.Error(err)
				}
				got = append(got, e.Pos)
			}
		}()
		for want := 1; want <= 5; want++ {
			b.append("room:a", 1)
			synctest.Wait()
			if len(got) != want {
				t.Fatalf("%d facts seen, want %d", len(got), want)
			}
			time.Sleep(time.Hour)
		}
		end()
		<-done
	})
}

func TestAfterCloseEverythingIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
		b.raise("room:a")
		b.append("room:a", 1)
		ended := make(chan error, 1)
		go func() {
			for _, err := range b.Follow(context.Background(), 1) {
				ended <- err
			}
		}()
		synctest.Wait()
		b.stop()
		if got := errs.KindOf(<-ended); got != errs.Down {
			t.Errorf("a follower of a closed journal ended with %v", got)
		}
		if got := b.try("room:a", 1, 2); got != errs.Down {
			t.Errorf("append: %v", got)
		}
		if _, err := b.Raise(t.Context(), "room:a"); errs.KindOf(err) != errs.Down {
			t.Errorf("raise: %v", err)
		}
		if _, err := b.Since("room:a", 0, 0); err == nil || errs.KindOf(err) != errs.Down {
			t.Errorf("since: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
	})
}

func TestAppendWaitsOnlyWhileTheQueueIsOverItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), NoBallast: true, QueueBytes: 1000, Pace: -1}
		j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		b := wrapJournal(t, j)
		handed, results := 0, 0
		go func() {
			for seq := range uint64(20) {
				b.Append(Batch{Stream: "room:a", Epoch: 1, Facts: []event.Event{testFact("room:a", 1, seq+1)}}, func(error) { results++ })
				handed++
			}
		}()
		synctest.Wait()
		if handed == 0 || handed >= 10 {
			t.Errorf("%d batches went into a queue of 1000 bytes", handed)
		}
		b.serve()
		synctest.Wait()
		if handed != 20 || results != 20 {
			t.Errorf("%d handed over, %d answered", handed, results)
		}
	})
}

func TestACommitterThatCrashedIsFollowedByOneThatGoesOn(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.raise("room:b")
	b.append("room:b", 1)
	b.end()
	<-b.done
	lost := make(chan error, 2)
	b.inFlight = []*op{{kind: opAppend, batch: Batch{Stream: "room:a", Epoch: 1}, done: func(o *op) { lost <- o.err }}}
	b.serve()
	if got := errs.KindOf(<-lost); got != errs.Down {
		t.Errorf("the batch in flight ended with %v", got)
	}
	b.append("room:b", 1) // another room continues
	if got := b.try("room:a", 1, 1); got != errs.Stale {
		t.Errorf("the room whose batch was lost was not fenced: %v", got)
	}
	b.raise("room:a")
	b.append("room:a", 1)
}

func TestAPanicInADoneFunctionHurtsNobodyElse(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.Append(Batch{Stream: "room:a", Epoch: 1, Facts: []event.Event{testFact("room:a", 1, 1)}}, func(error) { panic("mine") })
	b.seq["room:a"] = 1
	b.append("room:a", 1)
}

func testFact(stream string, epoch, seq uint64) event.Event {
	return event.Event{
		Stream: stream, Epoch: epoch, Seq: seq, Kind: "chat.said", By: "p_ada", ID: fmt.Sprintf("%s-%d", stream, seq),
		Stamp: event.Stamp{Boot: 7, Mono: int64(seq), Wall: 1700000000000, Trusted: seq%2 == 0},
		Data:  json.RawMessage(fmt.Sprintf(`{"text":"fact %d of %s"}`, seq, stream)),
	}
}
