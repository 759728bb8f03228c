package journal

import (
	"bytes"
	"fmt"
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
			if err := db.Update(func(tx *bbolt.Tx) error { return mess(tx, rng) }); err != nil {
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
			if note, err := verify(f, limit); err != nil || note != "" {
				t.Fatalf("round %d, leaves read %v: %v %s", round, limit > 0, err, note)
			}
		}
		f.Close()
	}
}

// mess changes a database in every way that leaves other pages: buckets in buckets,
// inline and not, values over several pages, deletions.
func mess(tx *bbolt.Tx, rng *rand.Rand) error {
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
