package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

const begun = event.Kind("lesson.started")

// write makes one fact durable.
func (b *journalRig) write(stream string, kind event.Kind, by, data string) {
	b.t.Helper()
	b.seq[stream]++
	e := testFact(stream, b.epoch[stream], b.seq[stream])
	e.Kind, e.By, e.Data = kind, by, json.RawMessage(data)
	results := make(chan error, 1)
	b.Append(Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}}, func(err error) { results <- err })
	if err := <-results; err != nil {
		b.t.Fatal(err)
	}
}

func (b *journalRig) save(stream, data string) error {
	results := make(chan error, 1)
	b.SaveSnapshot(stream, b.epoch[stream], b.seq[stream], []byte(data), func(err error) { results <- err })
	return <-results
}

// emptyAuthor does the same as retention to the facts of one author.
func emptyAuthor(by string) func(*event.Event) bool {
	return func(e *event.Event) bool {
		if e.By != by {
			return false
		}
		e.By, e.Data = "erased", json.RawMessage("null")
		e.Seq, e.Kind, e.Stream = 77, "other", "room:other" // not for fn to change
		return true
	}
}

func (b *journalRig) rewriteAll(stream, by string) int {
	b.t.Helper()
	n, err := b.Rewrite(context.Background(), stream, begun, emptyAuthor(by))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestRewriteKeepsAllButAuthorIDAndPayload(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "j.db"), checkpointFacts: 50})
	b.raise("room:a")
	b.raise("room:b")
	for i := range 200 { // several pieces, and checkpoints between
		b.write("room:a", "chat.said", []string{"p1", "p2"}[i%2], fmt.Sprintf(`{"n":%d}`, i))
		b.write("room:b", "chat.said", "p1", `{"n":0}`)
	}
	before, _ := b.Since("room:a", 0, 0)
	other, _ := b.Since("room:b", 0, 0)
	if n := b.rewriteAll("room:a", "p1"); n != 100 {
		t.Errorf("%d facts were changed", n)
	}
	for i := range before {
		if before[i].By == "p1" {
			before[i].By, before[i].Data = "erased", json.RawMessage("null")
		}
	}
	check := func(j *Journal) {
		t.Helper()
		got, err := j.Since("room:a", 0, 0)
		if d := diffFacts(before, got); d != "" || err != nil {
			t.Error(err, d)
		}
		if got, _ := j.Since("room:b", 0, 0); diffFacts(other, got) != "" {
			t.Error("another stream was changed")
		}
	}
	check(b.Journal)
	if n := b.rewriteAll("room:a", "p1"); n != 0 {
		t.Errorf("%d facts were changed again", n)
	}
	b.append("room:a", 1)
	path := b.cfg.Path
	b.stop()
	again := openBox(t, Config{Path: path})
	if s, err := again.Scrub(context.Background()); err != nil || len(s.Damaged) > 0 {
		t.Errorf("%v, %v", s.Damaged, err)
	}
	before, other = append(before, again.last("room:a")), append(other[:0:0], other...)
	check(again.Journal)
}

func (b *journalRig) last(stream string) event.Event {
	all, _ := b.Since(stream, 0, 0)
	return all[len(all)-1]
}

func TestSnapshotsThatMayHoldWhatWasRewrittenGo(t *testing.T) {
	for _, c := range []struct {
		name        string
		facts       string // s: a lesson starts, x: to be erased, o: another's, S: a snapshot
		kept, taken bool   // the old snapshot stays, a new one is taken
	}{
		{"of the same lesson", "sxoS", false, false},
		{"after it", "soSx", false, false},
		{"of an earlier lesson", "sxsoS", true, true},
		{"of an earlier lesson that still is the snapshot's", "sxSso", false, true},
		{"nothing to erase", "soS", true, true},
		{"no snapshot", "sx", false, false},
		{"before any lesson", "xS", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "j.db")})
			b.raise("room:a")
			for _, f := range c.facts {
				switch f {
				case 's':
					b.write("room:a", begun, "t1", `{}`)
				case 'x':
					b.write("room:a", "chat.said", "p1", `{}`)
				case 'o':
					b.write("room:a", "chat.said", "p2", `{}`)
				case 'S':
					if err := b.save("room:a", "old"); err != nil {
						t.Fatal(err)
					}
				}
			}
			b.rewriteAll("room:a", "p1")
			if _, data, err := b.Snapshot("room:a"); (data != nil) != c.kept || err != nil {
				t.Errorf("the snapshot is %q, %v", data, err)
			}
			b.write("room:a", "chat.said", "p2", `{}`) // lessons continue
			if err := b.save("room:a", "new"); (err == nil) != c.taken {
				t.Errorf("a new snapshot: %v", err)
			}
			b.raise("room:a")
			if err := b.save("room:a", "rebuilt"); err != nil {
				t.Errorf("after Raise: %v", err)
			}
		})
	}
}

// Facts that were cut off are in no state of the stream that goes on without them.
func TestTheSnapshotStaysWhenOnlyWhatWasCutOffIsRewritten(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "j.db")})
	b.raise("room:a")
	b.write("room:a", begun, "t1", `{}`)
	b.write("room:a", "chat.said", "p1", `{}`)
	b.cut(1)
	b.take()
	b.write("room:a", "chat.said", "p2", `{}`)
	if err := b.save("room:a", "live"); err != nil {
		t.Fatal(err)
	}
	if n := b.rewriteAll("room:a", "p1"); n != 1 {
		t.Errorf("%d facts were changed", n)
	}
	if _, data, err := b.Snapshot("room:a"); string(data) != "live" || err != nil {
		t.Errorf("the snapshot is %q, %v", data, err)
	}
	if err := b.save("room:a", "new"); err != nil {
		t.Errorf("a new snapshot: %v", err)
	}
}

func TestRewriteEndsWithItsContextAndGoesOnLater(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "j.db")})
	b.raise("room:a")
	for range 3 * rewriteLen {
		b.write("room:a", "chat.said", "p1", `{}`)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	seen := 0
	n, err := b.Rewrite(ctx, "room:a", begun, func(e *event.Event) bool {
		// Between two commits: a fact under way when the context ends may not be counted.
		if seen++; seen == 2*rewriteLen+1 {
			cancel(errors.New("the box stops"))
		}
		return emptyAuthor("p1")(e)
	})
	if errs.KindOf(err) != errs.Down || n == 0 || n == 3*rewriteLen {
		t.Errorf("%d, %v", n, err)
	}
	// The piece that the committer had at the end may be on disk without being counted.
	rest := b.rewriteAll("room:a", "p1")
	if sum := rest + n; sum != 3*rewriteLen && sum != 2*rewriteLen {
		t.Errorf("%d and then %d of %d", n, rest, 3*rewriteLen)
	}
	if again := b.rewriteAll("room:a", "p1"); again != 0 {
		t.Errorf("%d are left", again)
	}
}

func TestADamagedFactIsNotInTheWayOfRewriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	b := openBox(t, Config{Path: path})
	b.raise("room:a")
	for range 3 {
		b.write("room:a", "chat.said", "p1", `{}`)
	}
	b.stop()
	breakValues(t, path, bucketFacts, func(k, v []byte) []byte {
		if bytes.Equal(k, factKey(2)) {
			v[len(v)-1] ^= 1
		}
		return v
	})
	b = openBox(t, Config{Path: path})
	if n := b.rewriteAll("room:a", "p1"); n != 2 {
		t.Errorf("%d facts were changed", n)
	}
}

func TestAfterCompactNextNothingOfWhatWasRewrittenIsInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	b := openPlain(t, path)
	b.raise("room:a")
	for range 100 {
		b.write("room:a", "chat.said", "p1", `{"text":"canary-text"}`)
		b.write("room:a", "chat.said", "p2", `{"text":"kept"}`)
	}
	if err := b.save("room:a", "canary-text"); err != nil {
		t.Fatal(err)
	}
	b.rewriteAll("room:a", "p1")
	if err := checkedkv.CompactNext(path); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b = openPlain(t, path)
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("canary")) || !bytes.Contains(raw, []byte("kept")) {
		t.Errorf("the file still holds it; %v", err)
	}
	if _, err := os.Lstat(path + ".shrink"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it will be copied again: %v", err)
	}
	if all, err := b.Since("room:a", 0, 0); len(all) != 200 || err != nil {
		t.Errorf("%d facts, %v", len(all), err)
	}
}
