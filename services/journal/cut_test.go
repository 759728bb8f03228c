package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

func TestACutEndsTheEpochForEveryReaderButTheUplink(t *testing.T) {
	for _, flush := range []int{5, 8, 1000} { // the index on disk ends before the cut, behind it, or nowhere
		cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: flush}
		b := openBox(t, cfg)
		b.mustCopy(run(4, 11, 13)...)
		own := b.take()
		b.append("room:a", 3)
		if err := b.save("room:a", "behind the cut"); err != nil {
			t.Fatal(err)
		}
		b.append("room:a", 4)
		for range 2 {
			b.cut(13)
		}
		if got := b.try("room:a", own.Epoch, 14); got != errs.Stale {
			t.Errorf("a fact of the epoch that has ended: %v", got)
		}
		for range 2 {
			if d := cmp.Diff(StreamState{At: Cursor{own.Epoch, 13}, Ended: true, Base: 10, Ends: []Cursor{{4, 13}}}, b.state()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(cursors(run(4, 11, 13)), b.identities()); d != "" {
				t.Error(d)
			}
			if seq, data, err := b.Snapshot("room:a"); seq != 0 || data != nil || err != nil {
				t.Errorf("a snapshot at %d: %v", seq, err)
			}
			b.stop()
			b = openBox(t, cfg)
			b.epoch["room:a"], b.seq["room:a"] = own.Epoch, 13
			if err := b.save("room:a", "of the branch"); errs.KindOf(err) != errs.Stale {
				t.Errorf("a snapshot of the epoch that has ended, after a restart: %v", err)
			}
			if got := b.try("room:a", own.Epoch, 14); got != errs.Stale {
				t.Errorf("a fact of the epoch that has ended, after a restart: %v", got)
			}
		}
		// The winner went on in the epoch that ended here, and then in another one.
		b.mustCopy(slices.Concat(run(4, 13, 15), run(5, 16, 17))...)
		want := cursors(run(4, 11, 15), run(5, 16, 17))
		for range 2 {
			if d := cmp.Diff(want, b.identities()); d != "" {
				t.Error(d)
			}
			n := 0
			for _, err := range b.Scan(0, b.Position()) {
				if n++; err != nil {
					t.Error(err)
				}
			}
			if n != 3+7+4 {
				t.Errorf("the uplink reads %d facts", n)
			}
			for epoch, seq := range map[uint64]uint64{4: 15, 5: 17, own.Epoch: 13} {
				if got, ok := b.EpochEnd("room:a", epoch); !ok || got != seq {
					t.Errorf("epoch %d ended at %d (%v), want %d", epoch, got, ok, seq)
				}
			}
			b.stop()
			b = openBox(t, cfg)
		}
		if c := b.raise("room:a"); c.Epoch <= own.Epoch {
			t.Errorf("epoch %d was given before", c.Epoch)
		}
	}
}

func TestASnapshotBeforeACutStays(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 3)
	if err := b.save("room:a", "state"); err != nil {
		t.Fatal(err)
	}
	b.append("room:a", 3)
	b.cut(3)
	if seq, data, err := b.Snapshot("room:a"); seq != 3 || string(data) != "state" || err != nil {
		t.Errorf("%d %q %v", seq, data, err)
	}
}

func TestACutThroughSeveralEpochsEndsEachOfThem(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 4})
	for range 4 {
		b.raise("room:a")
		b.append("room:a", 3)
	}
	b.cut(4)
	want := StreamState{At: Cursor{4, 4}, Ended: true, Ends: []Cursor{{1, 3}, {2, 4}, {3, 4}}}
	if d := cmp.Diff(want, b.state()); d != "" {
		t.Error(d)
	}
	for epoch := uint64(1); epoch <= 4; epoch++ {
		if err := b.copies(run(epoch, 5, 5)...); err == nil {
			t.Errorf("epoch %d goes on behind the cut", epoch)
		}
	}
	b.mustCopy(run(7, 5, 5)...)
	if d := cmp.Diff(cursors(run(1, 1, 3), run(2, 4, 4), run(7, 5, 5)), b.identities()); d != "" {
		t.Error(d)
	}
}

func TestACutShortensEveryPieceOfTheIndexThatReachesBehindIt(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	err := b.writeTx(func(tx *checkedkv.Tx) error {
		index := tx.Bucket([]byte(bucketIndex))
		for first, list := range map[uint64][]uint64{1: {1, 2, 3, 4, 5, 6, 7, 8}, 4: {4, 5, 6, 7, 8}, 7: {7, 8}} {
			key := indexKey("room:a", first)
			if err := index.Put(key, appendChecksum(bucketIndex, key, encodeChunk(list))); err != nil {
				return err
			}
		}
		if err := cutIndex(tx, "room:a", 5); err != nil {
			return err
		}
		for first, want := range map[uint64][]uint64{1: {1, 2, 3, 4, 5}, 4: {4, 5}, 7: nil} {
			key := indexKey("room:a", first)
			var got []uint64
			if v := index.Get(key); v != nil {
				body, _ := verifyChecksum(bucketIndex, key, v)
				got, _ = decodeChunk(body)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the piece from %d on is %v, want %v", first, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A cut at the end of a stream leaves nothing for an erasure to look for.
func TestACutOfNothingMakesNoErasureReadTheBox(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 3)
	b.cut(3)
	h, err := b.headOf(nil, "room:a")
	if err != nil {
		t.Fatal(err)
	}
	if from, to := h.bounds.cutRange(); from <= to {
		t.Errorf("an erasure reads the positions %d to %d", from, to)
	}
	if n := b.rewriteAll("room:a", "p_ada"); n != 3 {
		t.Errorf("%d facts were rewritten, want 3", n)
	}
}

func TestAnErasureSaysWhyItEndsEarly(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 3)
	_, err := b.Rewrite(t.Context(), "room:a", begun, func(e *event.Event) bool {
		if e.Seq == 1 {
			b.cut(2)
		}
		return false
	})
	if errs.KindOf(err) != errs.Busy || strings.Contains(err.Error(), "%!") {
		t.Errorf("a cut during an erasure: %v", err)
	}
}

func TestACutThatIsNoneIsRefused(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.mustCopy(run(4, 11, 13)...)
	for _, try := range []struct {
		stream string
		seq    uint64
		kind   errs.Kind
		code   string
	}{
		{"room:b", 0, errs.Missing, ""},
		{"room:a", 14, errs.Invalid, "too_high"},
		{"room:a", 9, errs.Invalid, "too_low"},
		{"", 1, errs.Invalid, ""},
	} {
		e, ok := errors.AsType[*errs.Error](b.CutStream(t.Context(), try.stream, try.seq))
		if !ok || e.Kind != try.kind || e.Code != try.code || (e.Field == "seq") != (try.code != "") {
			t.Errorf("%q at %d: %+v", try.stream, try.seq, e)
		}
	}
	b.cut(10) // all that is here
	if got := b.identities(); got != nil {
		t.Errorf("read %v", got)
	}
	b.mustCopy(run(8, 11, 12)...)
	if d := cmp.Diff(cursors(run(8, 11, 12)), b.identities()); d != "" {
		t.Error(d)
	}
}

// What was cut off is erased with the rest: it is in the file, and its author may ask for that.
func TestAnErasureReachesWhatWasCutOff(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 6})
	b.mustCopy(run(4, 11, 15)...)
	b.take()
	b.append("room:a", 5)
	b.cut(15)
	b.mustCopy(run(4, 16, 18)...)
	b.raise("room:b")
	b.append("room:b", 2)
	if n := b.rewriteAll("room:a", "p_ada"); n != 13 {
		t.Errorf("%d facts were rewritten, want 13", n)
	}
	for e, err := range b.Scan(0, b.Position()) {
		if err != nil || (e.By == "p_ada") != (e.Stream == "room:b") {
			t.Errorf("position %d of %s is by %s: %v", e.Pos, e.Stream, e.By, err)
		}
	}
	if d := cmp.Diff(cursors(run(4, 11, 18)), b.identities()); d != "" {
		t.Error(d)
	}
}

// A backup has the bounds. Second copies have the facts only, and all bounds follow from them.
func TestCopiesWorkWithBackupsAndSecondCopies(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 300}
	b := openBox(t, cfg)
	b.mustCopy(run(4, 11, 500)...)
	own := b.take()
	b.append("room:a", 100)
	b.cut(450)
	b.mustCopy(run(own.Epoch+1, 451, 540)...)
	b.raise("room:b")
	b.append("room:b", 1)
	b.cut(530)
	b.mustCopy(run(own.Epoch+2, 531, 1000)...)
	for b.Position()%copyLen != 0 {
		b.append("room:b", 1)
	}
	want, err := b.Since("room:a", 0, 0)
	if err != nil || len(want) != 990 {
		t.Fatalf("%d facts: %v", len(want), err)
	}
	var backup bytes.Buffer
	if err := errors.Join(b.CopySealed(), b.Backup(&backup)); err != nil {
		t.Fatal(err)
	}
	b.stop()
	for name, lose := range map[string]func() error{
		"restored":           func() error { return Restore(&backup, cfg.Path) },
		"from second copies": func() error { return os.Remove(cfg.Path) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b = openBox(t, cfg)
			if got, err := b.Since("room:a", 0, 0); err != nil || diffFacts(want, got) != "" {
				t.Fatalf("%s: %v %.500s", name, err, diffFacts(want, got))
			}
			b.mustCopy(run(own.Epoch+2, 999, 1001)...) // a standby goes on
			if s := b.state(); s.Base != 10 || s.At != (Cursor{own.Epoch + 2, 1001}) {
				t.Errorf("%s: %+v", name, s)
			}
			b.cut(1000)
			b.stop()
			b = openBox(t, cfg)
			if c := b.take(); c.Epoch <= own.Epoch+2 {
				t.Errorf("%s: epoch %d", name, c.Epoch)
			}
			b.stop()
			if name == "restored" {
				break
			}
			if err := lose(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
