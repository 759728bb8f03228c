package roster

import (
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// DownCursor returns the number of the last of the cloud's items that was applied or skipped.
func (r *Roster) DownCursor() (n uint64, err error) {
	err = r.readTx("roster.DownCursor", func(tx *checkedkv.Tx) error {
		n, err = downCursor(tx)
		return err
	})
	return n, err
}

// SkipDown moves the cursor to n: the items up to it change nothing here.
func (r *Roster) SkipDown(n uint64) error {
	return r.writeTx("roster.SkipDown", func(tx *checkedkv.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		return checkedkv.Put(tx, bucketDown, keyCursor, n)
	})
}

// ForgetDown sets the cursor back to the start. Another cloud, or another school of it, has its
// own numbers. The classes stay.
func (r *Roster) ForgetDown() error {
	return r.writeTx("roster.ForgetDown", func(tx *checkedkv.Tx) error {
		if err := tx.DeleteBucket([]byte(bucketDown)); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte(bucketDown))
		return err
	})
}

// downCursor returns 0 before the first item. It also returns 0 if the value is damaged: each
// item then comes again, and applying an item twice changes nothing.
func downCursor(tx *checkedkv.Tx) (uint64, error) {
	n, err := checkedkv.Get[uint64](tx, bucketDown, keyCursor)
	if k := errs.KindOf(err); err != nil && (k == errs.Missing || k == errs.Corrupt) {
		return 0, nil
	}
	return n, err
}
