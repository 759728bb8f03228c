package journal

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// breakValues changes values in place, behind the journal's back and through bbolt, so that
// only our own checksums can detect it.
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

func flipBit(v []byte) []byte { v[len(v)/2] ^= 4; return v }

func TestADamagedFactComesAsAnErrorInItsPlaceAndTheRestIsRead(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{"flipped": flipBit, "gone": func([]byte) []byte { return []byte{} }} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 40}
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
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 40}
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
			return flipBit(v)
		}
		return nil
	})
	b = openBox(t, cfg)
	if got, err := b.Since("room:a", 0, 0); err != nil || diffFacts(want, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
}

func TestAStreamWhoseRecordIsDamagedOrGoneReusesNoEpochAndNoSeq(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{"flipped": flipBit, "gone": func([]byte) []byte { return []byte{} }} {
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
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 10}
	b := openBox(t, cfg)
	b.raise("room:a")
	want := b.append("room:a", 30)
	b.stop()
	before := b.Incarnation()
	breakValues(t, cfg.Path, bucketBox, func(_, v []byte) []byte { return flipBit(v) })
	for range 2 {
		b = openBox(t, cfg)
		if b.Incarnation() == before {
			t.Error("the incarnation is the old one")
		}
		if got, err := b.Since("room:a", 0, 0); err != nil || diffFacts(want, got) != "" {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
		b.raise("room:a")
		b.stop()
	}
}
