package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/seal"
	"github.com/livelearn/box/services/timetest"
)

// smallFile makes a small journal and returns its bytes and facts by position.
func smallFile(t *testing.T) ([]byte, map[uint64]event.Event, uint64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "facts.db")
	b := openBox(t, Config{Path: path, checkpointFacts: 64})
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

// checkSurvives opens a damaged file, reads all of it and writes to it. Nothing may panic, and
// each fact must come out as it went in. It returns the result of Open and the number of facts
// that are missing, which is at most the number on the pages that are not those of good.
func checkSurvives(t *testing.T, good, data []byte, want map[uint64]event.Event) (found checkedkv.OpenResult, lost int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "facts.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBox(t, Config{Path: path, checkpointFacts: 64, InitialMmap: 1 << 26})
	defer func() {
		b.stop()
		for _, err := range b.crashes {
			t.Errorf("a commit failed on a file that passed the check: %v", err)
		}
	}()
	if found = b.OpenResult(); found.SetAside != "" {
		kept, err := os.ReadFile(found.SetAside)
		if err != nil || !bytes.Equal(kept, data) || found.Reason == "" {
			t.Fatalf("set aside as %+v: %v", found, err)
		}
	}
	seen := 0
	for e, err := range b.scanAll() {
		if err != nil {
			continue
		}
		if !sameFact(want[e.Pos], e) {
			t.Fatalf("altered: %s", cmp.Diff(want[e.Pos], e))
		}
		seen++
	}
	lost = len(want) - seen
	if on := factsOnDamagedPages(good, data, want); lost > on || lost > 0 && found.SetAside == "" {
		t.Fatalf("%d facts are missing and %d are on damaged pages: %+v", lost, on, found)
	}
	replayed := 0
	for _, stream := range []string{"box", "room:a", "room:b"} {
		for e, err := range b.Replay(stream, 0) {
			if err != nil {
				continue
			}
			if replayed++; !sameFact(want[e.Pos], e) {
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
	if replayed != seen {
		t.Errorf("%d facts are there and %d are in the streams: %+v", seen, replayed, found)
	}
	return found, lost
}

// factsOnDamagedPages counts the facts on the pages in which two files differ.
func factsOnDamagedPages(good, data []byte, want map[uint64]event.Event) (n int) {
	var pages []byte
	for at := 0; at < len(good); at += 4096 {
		page := good[at:min(at+4096, len(good))]
		if at+len(page) > len(data) || !bytes.Equal(page, data[at:at+len(page)]) {
			pages = append(pages, page...)
		}
	}
	head := testSealer().Seal(nil, nil, nil)[:5] // algorithm and key, as of each sealed fact
	for pos, e := range want {
		size := len(appendFact(nil, e)) + seal.Overhead + checksumSize
		if holdsFact(pages, factKey(pos), head, size) {
			n++
		}
	}
	return n
}

// holdsFact reports whether pages hold the whole value of a fact. The search is for its key with the
// head of the value: the key alone is mostly zeros, which lie everywhere.
func holdsFact(pages, key, head []byte, size int) bool {
	start := slices.Concat(key, head)
	for {
		at := bytes.Index(pages, start)
		if at < 0 {
			return false
		}
		pages = pages[at+len(key):]
		if size <= len(pages) {
			if _, err := verifyChecksum(bucketFacts, key, pages[:size]); err == nil {
				return true
			}
		}
	}
}

// scanAll reads everything up to now.
func (b *journalRig) scanAll() func(func(event.Event, error) bool) {
	return func(yield func(event.Event, error) bool) {
		for f := range b.scanFacts(0, b.Position()) {
			if !yield(f.event, f.err) {
				return
			}
		}
	}
}

func TestNoDamagedByteEndsTheBoxOrAltersAFact(t *testing.T) {
	data, want, _ := smallFile(t)
	set, lost, states := 0, 0, 0
	// The first bytes of each page and every 97th of the rest, each time from another offset,
	// so that headers, elements, keys and values are all covered.
	seed, each := rand.IntN(97), 2
	if testing.Short() {
		each = 14
	}
	at := 0
	t.Cleanup(func() { // bbolt chooses free pages at random, so the seed does not make the same file again
		if t.Failed() {
			name := filepath.Join(t.ArtifactDir(), "whole.db")
			t.Logf("seed %d, byte %d of %s: %v", seed, at, name, os.WriteFile(name, data, 0o600))
		}
	})
	for at = range data {
		if in := at % 4096; in > 112 && in%97 != seed || (at+seed)%each != 0 || data[at] == 0 && at%5 != seed%5 {
			continue
		}
		bad := bytes.Clone(data)
		bad[at] ^= 1 << (at % 8)
		found, n := checkSurvives(t, data, bad, want)
		if t.Failed() {
			return // the clean-up says which byte it was
		}
		states++
		if lost += n; found.SetAside != "" {
			set++
		}
	}
	t.Logf("%d damaged files: %d set aside, %d facts of %d are missing", states, set, lost, len(want)*states)
}

// A damaged root of a bucket may name a page of another bucket, an older root, or a page further
// down in its own tree. None of them costs a fact.
func TestADamagedRootCostsNoFact(t *testing.T) {
	data, want, _ := smallFile(t)
	roots := findRoots(t, data)
	if len(roots) < 5 {
		t.Fatalf("%d roots were found", len(roots))
	}
	for _, at := range roots {
		for to := range len(data)/4096 + 1 {
			bad := bytes.Clone(data)
			binary.NativeEndian.PutUint64(bad[at:], uint64(to))
			if found, lost := checkSurvives(t, data, bad, want); lost > 0 {
				t.Errorf("the root at byte %d names page %d: %d facts are missing: %+v", at, to, lost, found)
			}
		}
	}
}

// findRoots finds where the roots of the buckets lie, in all versions of the page.
func findRoots(t *testing.T, data []byte) (at []int) {
	t.Helper()
	for _, name := range buckets {
		for from := 0; ; {
			next := bytes.Index(data[from:], []byte(name))
			if next < 0 {
				break
			}
			from += next + len(name)
			// The head of a bucket is its root and a sequence number, which is 0.
			if root := binary.NativeEndian.Uint64(data[from:]); root < uint64(len(data)/4096) && binary.NativeEndian.Uint64(data[from+8:]) == 0 {
				at = append(at, from)
			}
		}
	}
	return at
}

// A damaged key, or table of a page, hides a piece of the index, and no checksum sees it.
func TestAHiddenPieceOfTheIndexHidesNoFact(t *testing.T) {
	data, want, _ := smallFile(t)
	for _, stream := range []string{"box", "room:a", "room:b"} {
		for piece := range 3 {
			path := filepath.Join(t.TempDir(), "facts.db")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			deleteIndexKey(t, path, stream, piece)
			b := openBox(t, Config{Path: path, checkpointFacts: 64, InitialMmap: 1 << 26})
			got, err := b.Since(stream, 0, 0)
			if len(got) != 75 || err != nil {
				t.Errorf("%s without piece %d of its index: %d facts: %v", stream, piece, len(got), err)
			}
			for _, e := range got {
				if !sameFact(want[e.Pos], e) {
					t.Errorf("altered: %s", cmp.Diff(want[e.Pos], e))
				}
			}
			b.stop()
		}
	}
}

func deleteIndexKey(t *testing.T, path, stream string, piece int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		var keys [][]byte
		err := tx.Bucket([]byte(bucketIndex)).ForEach(func(k, _ []byte) error {
			if bytes.HasPrefix(k, indexPrefix(stream)) {
				keys = append(keys, bytes.Clone(k))
			}
			return nil
		})
		if piece < len(keys) {
			err = errors.Join(err, tx.Bucket([]byte(bucketIndex)).Delete(keys[piece]))
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAPageOfGarbageCostsOnlyItsFacts(t *testing.T) {
	data, want, _ := smallFile(t)
	for page := range len(data) / 4096 {
		for _, fill := range []byte{0, 0xFF, 0x5A} {
			bad := bytes.Clone(data)
			copy(bad[page*4096:], bytes.Repeat([]byte{fill}, 4096))
			checkSurvives(t, data, bad, want)
		}
		bad := bytes.Clone(data) // a page in the place of another
		other := (page*7 + 5) % (len(data) / 4096)
		copy(bad[page*4096:(page+1)*4096], data[other*4096:])
		checkSurvives(t, data, bad, want)
		copy(bad[other*4096:(other+1)*4096], data[page*4096:]) // and the other in its place
		checkSurvives(t, data, bad, want)
	}
}

func TestADamagedLastKeyIsNoPosition(t *testing.T) {
	data, want, _ := smallFile(t)
	last := factKey(uint64(len(want)))
	for at := bytes.Index(data, last); ; {
		for i := range 8 {
			bad := bytes.Clone(data)
			bad[at+i] ^= 0x41
			if _, lost := checkSurvives(t, data, bad, want); lost > 1 {
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

// In a large file Open does not check the leaves. When a damaged one stops the commits, the
// next Open checks all and sets the file aside, so there is no boot loop.
func TestDamageThatStopsCommitsIsFoundByTheNextOpen(t *testing.T) {
	data, want, _ := smallFile(t)
	stopped := 0
	for page := range len(data) / 4096 { // the leaf of the next fact, in each version of it
		leaf := data[page*4096 : (page+1)*4096]
		if !bytes.Contains(leaf, factKey(uint64(len(want)))) {
			continue
		}
		for at := 0; at < len(leaf)-16 && stopped < 5; at += 16 {
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

// stopsOnce opens a damaged file as if it were large. It returns 1 when a commit failed because
// of the damage and the next Open mended it.
func stopsOnce(t *testing.T, data []byte) int {
	t.Helper()
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), NoBallast: true, InitialMmap: 1 << 26, leafLimit: 1, Sealer: testSealer()}
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if j.OpenResult().SetAside != "" { // the branches, or a page that Open itself reads
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return 0
	}
	ctx, end := context.WithTimeout(t.Context(), timetest.Patience)
	defer end()
	served := make(chan error, 1)
	go func() { served <- j.Serve(ctx); end() }() // nothing answers after a crash
	for _, stream := range []string{"box", "room:a", "room:b"} {
		if c, err := j.Raise(ctx, stream); err == nil {
			results := make(chan error, 1)
			j.Append(Batch{Stream: stream, Epoch: c.Epoch, Facts: []event.Event{testFact(stream, c.Epoch, c.Seq+1)}}, func(err error) { results <- err })
			select {
			case <-results:
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
	if b.OpenResult().SetAside == "" {
		t.Errorf("a commit failed (%v) and the next Open found %+v", crash, b.OpenResult())
	}
	b.raise("room:a")
	b.append("room:a", 1)
	b.stop()
	return 1
}

func TestATruncatedFileIsSetAside(t *testing.T) {
	data, want, _ := smallFile(t)
	for cut := 0; cut < len(data); cut += 1365 {
		checkSurvives(t, data, data[:cut], want)
	}
	if found, _ := checkSurvives(t, data, nil, want); found.SetAside == "" {
		t.Error("an empty file was taken for a good one")
	}
	if found, _ := checkSurvives(t, data, data[:8192], want); found.SetAside == "" {
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
		db, found, err := checkedkv.OpenDB(path, checkedkv.DBOptions{Now: now}, slog.New(slog.DiscardHandler))
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
		if err := createBuckets(&checkedkv.Tx{Tx: tx}); err != nil {
			return err
		}
		_, err := tx.Bucket([]byte(bucketFacts)).CreateBucket(factKey(1)) // whole, and useless to us
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
