package journal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/event"
)

// smallFile makes a small journal and gives its bytes and facts by position.
func smallFile(t *testing.T) ([]byte, map[uint64]event.Event, uint64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "facts.db")
	b := openBox(t, Config{Path: path, tail: 64})
	want := make(map[uint64]event.Event)
	for range 3 {
		for _, stream := range []string{"box", "room:a", "room:b"} {
			b.raise(stream)
			for _, e := range b.append(stream, 25) {
				want[e.Pos] = e
			}
			b.SaveSnapshot(stream, b.epoch[stream], b.seq[stream], bytes.Repeat([]byte(stream), 20), func(error) {})
		}
	}
	b.stop()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.TrimRight(data, "\x00") // the file grows by 16 MiB of holes
	return data[:min(len(data), (len(end)/4096+2)*4096)], want, b.Incarnation()
}

// survives opens a damaged file, reads all of it and writes to it. Nothing may panic,
// and no fact may come out other than it went in. It tells whether the file was set
// aside, and how many facts were told to be damaged.
func survives(t *testing.T, data []byte, want map[uint64]event.Event) (aside bool, lost int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "facts.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBox(t, Config{Path: path, tail: 64, InitialMmap: 1 << 26})
	defer func() {
		b.stop()
		for _, err := range b.crashes {
			t.Errorf("a commit failed on a file that passed the check: %v", err)
		}
	}()
	if found := b.Found(); found.SetAside != "" {
		kept, err := os.ReadFile(found.SetAside)
		if err != nil || !bytes.Equal(kept, data) || found.Reason == "" || !found.Fresh {
			t.Fatalf("set aside as %+v: %v", found, err)
		}
		return true, len(want)
	}
	seen := 0
	for e, err := range b.scanAll() {
		if err != nil {
			continue
		}
		if !same(want[e.Pos], e) {
			t.Fatalf("altered: %s", cmp.Diff(want[e.Pos], e))
		}
		seen++
	}
	for _, stream := range []string{"box", "room:a", "room:b"} {
		for e, err := range b.Replay(stream, 0) {
			if err == nil && !same(want[e.Pos], e) {
				t.Fatalf("altered: %s", cmp.Diff(want[e.Pos], e))
			}
		}
		if _, state, err := b.Snapshot(stream); err == nil && state != nil && !bytes.Equal(state, bytes.Repeat([]byte(stream), 20)) {
			t.Fatalf("an altered snapshot: %q", state)
		}
		c, err := b.Raise(context.Background(), stream)
		if err == nil && c.Epoch <= 3 {
			t.Fatalf("%s: epoch %d was given before", stream, c.Epoch)
		}
		if err == nil {
			b.try(stream, c.Epoch, c.Seq+1)
		}
	}
	return false, len(want) - seen
}

// scanAll reads what is there now.
func (b *box) scanAll() func(func(event.Event, error) bool) {
	return func(yield func(event.Event, error) bool) {
		for f := range b.scan(0, b.Position()) {
			if !yield(f.event, f.err) {
				return
			}
		}
	}
}

func TestNoDamagedByteEndsTheBoxOrAltersAFact(t *testing.T) {
	data, want, _ := smallFile(t)
	set, lost, states := 0, 0, 0
	// The first bytes of each page and every 97th of the rest, from another place each
	// time, so that headers, elements, keys and values all have their turn.
	start, each := rand.IntN(97), 2
	if testing.Short() {
		each = 14
	}
	for at := range data {
		if in := at % 4096; in > 112 && in%97 != start || (at+start)%each != 0 || data[at] == 0 && at%5 != start%5 {
			continue
		}
		bad := bytes.Clone(data)
		bad[at] ^= 1 << (at % 8)
		aside, n := survives(t, bad, want)
		states++
		if aside {
			set++
		} else {
			lost += n
		}
	}
	t.Logf("%d damaged files: %d set aside, in the others %d facts of %d were told to be damaged", states, set, lost, len(want)*(states-set))
}

func TestAPageOfGarbageIsSurvived(t *testing.T) {
	data, want, _ := smallFile(t)
	for page := range len(data) / 4096 {
		for _, fill := range []byte{0, 0xFF, 0x5A} {
			bad := bytes.Clone(data)
			copy(bad[page*4096:], bytes.Repeat([]byte{fill}, 4096))
			survives(t, bad, want)
		}
		bad := bytes.Clone(data) // a page where another belongs
		copy(bad[page*4096:(page+1)*4096], data[(page*7+5)%(len(data)/4096)*4096:])
		survives(t, bad, want)
	}
}

func TestADamagedLastKeyIsNoPosition(t *testing.T) {
	data, want, _ := smallFile(t)
	last := factKey(uint64(len(want)))
	for at := bytes.Index(data, last); ; {
		for i := range 8 {
			bad := bytes.Clone(data)
			bad[at+i] ^= 0x41
			if aside, lost := survives(t, bad, want); !aside && lost > 1 {
				t.Errorf("byte %d of the key: %d facts lost", i, lost)
			}
		}
		next := bytes.Index(data[at+1:], last)
		if next < 0 {
			break
		}
		at += 1 + next
	}
}

// In a large file the leaves are not checked at Open. When a damaged one stops the
// commits, the Open after that checks all and sets the file aside: no boot loop.
func TestDamageThatStopsCommitsIsFoundByTheNextOpen(t *testing.T) {
	data, want, _ := smallFile(t)
	stopped := 0
	for page := range len(data) / 4096 { // the leaf where the next fact goes, in each version of it
		leaf := data[page*4096 : (page+1)*4096]
		if !bytes.Contains(leaf, factKey(uint64(len(want)))) {
			continue
		}
		for at := 0; at < len(leaf)-16 && stopped < 5; at += 7 {
			bad := bytes.Clone(data)
			copy(bad[page*4096+at:], bytes.Repeat([]byte{0xA5}, 16))
			stopped += stopsOnce(t, bad)
		}
	}
	if stopped == 0 {
		t.Error("no damage stopped a commit: the test proves nothing")
	}
	t.Logf("%d damaged files stopped a commit and were set aside by the next Open", stopped)
}

// stopsOnce opens a damaged file as if it were large. It gives 1 when a commit failed
// of the damage and the next Open mended it.
func stopsOnce(t *testing.T, data []byte) int {
	t.Helper()
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), NoBallast: true, InitialMmap: 1 << 26, deep: 1}
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if j.Found().SetAside != "" { // the branches, or what Open itself reads
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return 0
	}
	ctx, end := context.WithTimeout(t.Context(), 10*time.Second)
	defer end()
	served := make(chan error, 1)
	go func() { served <- j.Serve(ctx) }()
	for _, stream := range []string{"box", "room:a", "room:b"} {
		if c, err := j.Raise(ctx, stream); err == nil {
			told := make(chan error, 1)
			j.Append(Batch{Stream: stream, Epoch: c.Epoch, Facts: []event.Event{fact(stream, c.Epoch, c.Seq+1)}}, func(err error) { told <- err })
			select {
			case <-told:
			case <-ctx.Done():
			}
		}
		if len(served) > 0 {
			break
		}
	}
	end()
	crash := <-served
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if crash == nil {
		return 0
	}
	b := openBox(t, cfg)
	if b.Found().SetAside == "" {
		t.Errorf("a commit failed (%v) and the next Open found %+v", crash, b.Found())
	}
	b.raise("room:a")
	b.append("room:a", 1)
	b.stop()
	return 1
}

func TestATruncatedFileIsSetAside(t *testing.T) {
	data, want, _ := smallFile(t)
	for cut := 0; cut < len(data); cut += 1365 {
		survives(t, data[:cut], want)
	}
	if aside, _ := survives(t, nil, want); !aside {
		t.Error("an empty file was taken for a good one")
	}
	if aside, _ := survives(t, data[:8192], want); !aside {
		t.Error("a file of two pages was taken for a good one")
	}
}

func TestTwoDamagedFilesAreBothKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.db")
	now := func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
	for _, want := range []string{".damaged-20260304T050607Z", ".damaged-20260304T050607Z-2"} {
		if err := os.WriteFile(path, []byte("no database"), 0o600); err != nil {
			t.Fatal(err)
		}
		db, found, err := OpenDB(path, DBOptions{Now: now}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(found.SetAside, path); got != want {
			t.Errorf("set aside as %s, want %s", got, want)
		}
	}
}

func TestAFileThatIsNoJournalIsSetAside(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	db, err := bbolt.Open(cfg.Path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := initialise(tx); err != nil {
			return err
		}
		_, err := tx.Bucket([]byte(bucketFacts)).CreateBucket(factKey(1)) // whole, and of no use to us
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	b := openBox(t, cfg)
	b.raise("room:a")
	b.append("room:a", 3)
	if got, err := b.Since("room:a", 0, 0); len(got) != 3 || err != nil {
		t.Errorf("%d facts: %v", len(got), err)
	}
}
