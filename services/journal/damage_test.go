package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
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
	for at := 0; at < len(data); at++ {
		if in := at % 4096; in > 112 && in%97 != start || (at+start)%each != 0 || data[at] == 0 && at%5 != 0 {
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

// break changes values in place, behind the journal's back and through bbolt, so that
// only our own checksums can tell.
func breakValues(t *testing.T, path, bucket string, change func(k, v []byte) []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		changed := make(map[string][]byte)
		if err := b.ForEach(func(k, v []byte) error {
			if v := change(k, bytes.Clone(v)); v != nil {
				changed[string(k)] = v
			}
			return nil
		}); err != nil {
			return err
		}
		for k, v := range changed {
			var err error
			if len(v) == 0 {
				err = b.Delete([]byte(k))
			} else {
				err = b.Put([]byte(k), v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func flip(v []byte) []byte { v[len(v)/2] ^= 4; return v }

func TestADamagedFactComesAsAnErrorInItsPlaceAndTheRestIsRead(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{"flipped": flip, "gone": func([]byte) []byte { return []byte{} }} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), tail: 40}
			b := openBox(t, cfg)
			b.raise("room:a")
			want := b.append("room:a", 60)
			b.stop()
			breakValues(t, cfg.Path, bucketFacts, func(k, v []byte) []byte {
				if pos := binary.BigEndian.Uint64(k); pos == 13 || pos == 51 {
					return change(v)
				}
				return nil
			})
			b = openBox(t, cfg)
			var bad []uint64
			place := uint64(0)
			for e, err := range b.Replay("room:a", 0) {
				if place++; e.Seq != place {
					t.Fatalf("seq %d at place %d", e.Seq, place)
				}
				if err != nil {
					if errs.KindOf(err) != errs.Corrupt {
						t.Error(err)
					}
					bad = append(bad, e.Seq)
				} else if d := cmp.Diff(want[place-1], e); d != "" {
					t.Error(d)
				}
			}
			if d := cmp.Diff([]uint64{13, 51}, bad); d != "" || place != 60 {
				t.Errorf("%d facts, damaged: %s", place, d)
			}
			got, err := b.Since("room:a", 0, 0)
			if len(got) != 58 || err == nil || errs.KindOf(err) != errs.Corrupt {
				t.Errorf("%d facts, %v", len(got), err)
			}
			s, err := b.Scrub(t.Context())
			if d := cmp.Diff([]string{"facts 13", "facts 51"}, s.Damaged); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
		})
	}
}

func TestADamagedIndexLosesNoFact(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), tail: 40}
	b := openBox(t, cfg)
	var want []event.Event
	for _, stream := range []string{"room:a", "room:b", "room:a", "room:b"} {
		if b.epoch[stream] == 0 {
			b.raise(stream)
		}
		facts := b.append(stream, 300)
		if stream == "room:a" {
			want = append(want, facts...)
		}
	}
	b.stop()
	n := 0
	breakValues(t, cfg.Path, bucketIndex, func(_, v []byte) []byte {
		if n++; n%3 == 1 {
			return flip(v)
		}
		return nil
	})
	b = openBox(t, cfg)
	if got, err := b.Since("room:a", 0, 0); err != nil || diff(want, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
}

func TestAStreamWhoseRecordIsDamagedOrGoneReusesNoEpochAndNoSeq(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{"flipped": flip, "gone": func([]byte) []byte { return []byte{} }} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
			b := openBox(t, cfg)
			b.raise("room:a")
			b.append("room:a", 30)
			b.raise("room:a")
			b.raise("room:a")
			b.stop()
			breakValues(t, cfg.Path, bucketStreams, func(_, v []byte) []byte { return change(v) })
			b = openBox(t, cfg)
			if c := b.raise("room:a"); c.Epoch <= 3 || c.Seq != 30 {
				t.Errorf("raised to %+v", c)
			}
			b.append("room:a", 1)
			if got, err := b.Since("room:a", 0, 0); len(got) != 31 || err != nil {
				t.Errorf("%d facts, %v", len(got), err)
			}
		})
	}
}

func TestADamagedRecordOfTheBoxMakesANewIncarnation(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), tail: 10}
	b := openBox(t, cfg)
	b.raise("room:a")
	want := b.append("room:a", 30)
	b.stop()
	before := b.Incarnation()
	breakValues(t, cfg.Path, bucketBox, func(_, v []byte) []byte { return flip(v) })
	for range 2 {
		b = openBox(t, cfg)
		if b.Incarnation() == before {
			t.Error("the incarnation is the old one")
		}
		if got, err := b.Since("room:a", 0, 0); err != nil || diff(want, got) != "" {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
		b.raise("room:a")
		b.stop()
	}
}
