package checkedkv

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

func TestAWholeFilePassesTheCheckWhateverItHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "any.db")
	for round := range 20 {
		db, err := bbolt.Open(path, 0o600, bboltOptions(nil, DBOptions{InitialMmap: 1 << 26}))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := db.Update(func(tx *bbolt.Tx) error { return fillAtRandom(tx, rng) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int64{0, 1 << 40} {
			if note, err := verifyFile(f, limit); err != nil || note != "" {
				t.Fatalf("round %d, leaves read %v: %v %s", round, limit > 0, err, note)
			}
		}
		f.Close()
	}
}

func TestTheFreelistIsOnDiskAndSyncsAreOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.db")
	db, _, err := OpenDB(path, DBOptions{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	if err := db.Update(func(tx *Tx) error { return fillAtRandom(tx.Tx, rng) }); err != nil {
		t.Fatal(err)
	}
	if db.NoSync || db.NoGrowSync || db.NoFreelistSync {
		t.Error("a sync is off")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := &verifier{file: f, size: 1 << 40}
	if err := v.readMeta(); err != nil || v.meta.freelist == noFreelist {
		t.Errorf("the freelist is at page %d: %v", v.meta.freelist, err)
	}
}

// fillAtRandom changes a database in every way that makes other pages: buckets in buckets,
// inline and not, values over several pages, deletions.
func fillAtRandom(tx *bbolt.Tx, rng *rand.Rand) error {
	for range 30 {
		b, err := tx.CreateBucketIfNotExists(fmt.Appendf(nil, "b%d", rng.IntN(8)))
		if err != nil {
			return err
		}
		if rng.IntN(2) == 0 {
			if b, err = b.CreateBucketIfNotExists(fmt.Appendf(nil, "inner%d", rng.IntN(20))); err != nil {
				return err
			}
		}
		for range rng.IntN(200) {
			size := rng.IntN(60)
			if rng.IntN(100) == 0 {
				size = rng.IntN(20000)
			}
			key := fmt.Appendf(nil, "k%05d", rng.IntN(3000))
			if rng.IntN(3) == 0 {
				err = b.Delete(key)
			} else {
				err = b.Put(key, bytes.Repeat([]byte{byte(size)}, size))
			}
			if err != nil {
				return err
			}
		}
	}
	if rng.IntN(2) == 0 {
		name := fmt.Appendf(nil, "b%d", rng.IntN(8))
		if tx.Bucket(name) != nil {
			return tx.DeleteBucket(name)
		}
	}
	return nil
}
