package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/timetest"
)

// FuzzReadFact reads any bytes as a fact. It must not panic, and a fact that is read must
// survive another round trip.
func FuzzReadFact(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{recordVersion, 0})
	f.Add(appendFact(nil, testFact("room:a", 3, 7)))
	f.Add(appendFact(nil, event.Event{Stamp: event.Stamp{Mono: -1, Wall: -1 << 60}}))
	f.Add(bytes.Repeat([]byte{0xFF}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := readFact(b)
		if err != nil {
			if errs.KindOf(err) != errs.Corrupt {
				t.Errorf("kind %v", errs.KindOf(err))
			}
			return
		}
		again, err := readFact(appendFact(nil, e))
		if d := cmp.Diff(e, again); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	})
}

// FuzzDecodeFacts reads any bytes as facts of another box and hands them to a journal. They are
// refused as the sender's fault, or they are there afterwards.
func FuzzDecodeFacts(f *testing.F) {
	f.Add([]byte{})
	f.Add(EncodeFacts(run(4, 11, 13)))
	f.Add(EncodeFacts(append(run(4, 11, 13), run(2, 14, 14)...)))
	f.Add(EncodeFacts(run(1<<63, 1<<63, 1<<63)))
	f.Add(append(EncodeFacts(run(4, 1, 1)), 0xFF, 0xFF, 0xFF, 0xFF, 0x0F))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := DecodeFacts(b)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Errorf("kind %v: %v", errs.KindOf(err), err)
			}
			return
		}
		if again, err := DecodeFacts(EncodeFacts(facts)); err != nil || diffFacts(facts, again) != "" {
			t.Errorf("%v %s", err, diffFacts(facts, again))
		}
		if len(facts) == 0 {
			return
		}
		path := filepath.Join(dir, "facts.db")
		box := openBox(t, Config{Path: path})
		defer func() { box.stop(); _ = os.Remove(path) }()
		if err := box.copies(facts...); err != nil {
			if k := errs.KindOf(err); k != errs.Invalid && k != errs.Stale {
				t.Errorf("kind %v: %v", k, err)
			}
			if s := box.state(); s.At != (Cursor{}) || box.Position() != 0 {
				t.Errorf("a refused batch left %+v", s)
			}
			return
		}
		if got, err := box.Since("room:a", 0, 0); err != nil || len(got) != len(facts) {
			t.Errorf("%d facts of %d: %v", len(got), len(facts), err)
		}
	})
}

// FuzzFact writes any fact. It comes back unchanged, and never under another key.
func FuzzFact(f *testing.F) {
	f.Add("room:a", uint64(1), uint64(2), "chat.said", "p_ada", "id", uint64(3), int64(4), int64(5), true, []byte(`{}`))
	f.Add("", uint64(1<<63), uint64(0), "", "", "", uint64(0), int64(-4), int64(-5), false, []byte{})
	f.Fuzz(func(t *testing.T, stream string, epoch, seq uint64, kind, by, id string, boot uint64, mono, wall int64, trusted bool, data []byte) {
		e := event.Event{
			Stream: stream, Epoch: epoch, Seq: seq, Kind: event.Kind(kind), By: by, ID: id,
			Stamp: event.Stamp{Boot: boot, Mono: mono, Wall: wall, Trusted: trusted},
		}
		if len(data) > 0 {
			e.Data = data
		}
		value := appendChecksum(bucketFacts, factKey(seq), appendFact(nil, e))
		body, err := verifyChecksum(bucketFacts, factKey(seq), value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readFact(body)
		if d := cmp.Diff(e, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		if _, err := verifyChecksum(bucketFacts, factKey(seq+1), value); err == nil {
			t.Error("the value passes under another key")
		}
		if _, err := verifyChecksum(bucketIndex, factKey(seq), value); err == nil {
			t.Error("the value passes in another bucket")
		}
	})
}

// FuzzRecords reads any bytes as a stream's record, as its bounds and as a piece of the index.
func FuzzRecords(f *testing.F) {
	f.Add((&streamHead{epoch: 3, seq: 9, ends: []epochEnd{{1, 4}, {2, 8}}}).encodeHead())
	f.Add(encodeChunk([]uint64{5, 0, 9, 1 << 40}))
	f.Add((&streamBounds{age: 3, base: 9, top: 1 << 40, cuts: []cutMark{{4, 12, 5, 30}, {6, 11, 5, 40}}}).encodeBounds())
	f.Add([]byte{recordVersion, 1, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHead(b); err == nil {
			again, err := decodeHead(h.encodeHead())
			if err != nil || again.epoch != h.epoch || again.seq != h.seq || len(again.ends) != len(h.ends) {
				t.Errorf("%+v became %+v: %v", h, again, err)
			}
		}
		if bounds, err := decodeBounds(b); err == nil {
			again, err := decodeBounds(bounds.encodeBounds())
			if err != nil || !reflect.DeepEqual(bounds, again) {
				t.Errorf("%+v became %+v: %v", bounds, again, err)
			}
		}
		if c, err := decodeChunk(b); err == nil {
			if again, err := decodeChunk(encodeChunk(c)); err != nil || !cmp.Equal(c, again) {
				t.Errorf("%v became %v: %v", c, again, err)
			}
		}
	})
}

// FuzzRestore reads any bytes as a backup: refused, or a journal that opens.
func FuzzRestore(f *testing.F) {
	good := backupOf(f)
	f.Add(good)
	f.Add(good[:40])
	f.Add([]byte("LLBACKUP"))
	f.Add(append([]byte("LLBACKUP\x01"), bytes.Repeat([]byte{0xFF}, 8)...))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "facts.db")
		if Restore(bytes.NewReader(b), path) != nil {
			return
		}
		box := openBox(t, Config{Path: path})
		if !box.OpenResult().Restored {
			t.Errorf("%+v", box.OpenResult())
		}
		box.stop()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzOpen opens any file, unchanged and as a database with some bytes replaced. The box starts
// in every case.
func FuzzOpen(f *testing.F) {
	image := backupOf(f)
	image = image[len("LLBACKUP")+1+8 : len(image)-32]
	f.Add([]byte("no database"), uint32(0))
	f.Add([]byte{1}, uint32(4096*3+20))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF}, uint32(4096*2+10))
	f.Add(image[4096:4200], uint32(10))
	f.Fuzz(func(t *testing.T, b []byte, at uint32) {
		if len(b) > 1<<16 {
			return
		}
		dir := t.TempDir()
		changed := bytes.Clone(image)
		if from := int(at) % len(changed); at > 0 {
			copy(changed[from:], b)
		} else {
			changed = b
		}
		path := filepath.Join(dir, "facts.db")
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		box := openBox(t, Config{Path: path, InitialMmap: 1 << 20})
		box.raise("room:b")
		box.append("room:b", 1)
		for e, err := range box.Replay("room:a", 0) {
			if err == nil && e.Stream != "room:a" {
				t.Errorf("read %+v", e)
			}
		}
		box.stop()
		for _, err := range box.crashes {
			t.Errorf("a commit failed on a file that passed the check: %v", err)
		}
		timetest.CheckBudget(t, "the care for the file", time.Since(start), 5*time.Second)
	})
}
