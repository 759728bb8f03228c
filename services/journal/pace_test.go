package journal

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/event"
)

// TestFactsThatComeCloseTogetherShareACommit has a fact each millisecond for a second,
// and then one after a pause, which does not wait.
func TestFactsThatComeCloseTogetherShareACommit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		j, err := Open(Config{Path: filepath.Join(dir, "facts.db"), NoBallast: true, Sealer: testSealer()}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := j.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
		cur, err := j.Raise(ctx, "room:a")
		if err != nil {
			t.Fatal(err)
		}
		seq, saved := cur.Seq, 0
		append1 := func(done func(error)) {
			seq++
			j.Append(Batch{Stream: "room:a", Epoch: cur.Epoch, Facts: []event.Event{{Stream: "room:a", Epoch: cur.Epoch, Seq: seq, Kind: "chat.said", Data: []byte("{}")}}}, done)
		}
		commits := map[time.Time]bool{} // fake time does not advance within one
		for range 1000 {
			append1(func(err error) {
				if err == nil {
					saved++ // on the committer's goroutine only
					commits[time.Now()] = true
				}
			})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(commits); saved != 1000 || n < 95 || n > 110 {
			t.Errorf("%d of 1000 facts saved in %d commits, want one each 10 ms", saved, n)
		}
		asked := time.Now()
		var took time.Duration
		append1(func(error) { took = time.Since(asked) })
		synctest.Wait()
		if took != 0 || saved != 1000 {
			t.Errorf("a lone fact waited %v", took)
		}
		cancel()
		serving.Wait()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}
