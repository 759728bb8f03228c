package roster

import (
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// DownCursor is the number of the last of the cloud's items that was applied or skipped.
func (r *Roster) DownCursor() (n uint64, err error) {
	err = r.view("roster.DownCursor", func(tx *bbolt.Tx) error {
		n, err = downCursor(tx)
		return err
	})
	return n, err
}

// SkipDown notes that all items up to n are done, with nothing to change here.
func (r *Roster) SkipDown(n uint64) error {
	return r.update("roster.SkipDown", func(tx *bbolt.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		return records.Put(tx, bucketDown, keyCursor, n)
	})
}

// ForgetDown begins anew: another cloud, or another school of it, counts for itself. The
// classes stay.
func (r *Roster) ForgetDown() error {
	return r.update("roster.ForgetDown", func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte(bucketDown)); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte(bucketDown))
		return err
	})
}

// downCursor is 0 before the first item. A damaged one is 0 too: each item comes again and
// changes nothing that is as it should be.
func downCursor(tx *bbolt.Tx) (uint64, error) {
	n, err := records.Get[uint64](tx, bucketDown, keyCursor)
	if k := errs.KindOf(err); err != nil && (k == errs.Missing || k == errs.Corrupt) {
		return 0, nil
	}
	return n, err
}
