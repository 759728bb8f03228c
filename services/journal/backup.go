package journal

import (
	"io"

	"github.com/livelearn/box/services/checkedkv"
)

// Backup writes a consistent copy of the journal, with its checksum, while it serves.
func (j *Journal) Backup(w io.Writer) error {
	return checkedkv.BackupDB(j.db, w)
}

// Restore makes the journal at path from a backup, as a new incarnation. The backup is checked
// in full first. An existing file at path is kept as <path>.replaced-<UTC time>. errs.Invalid:
// this is no backup, or not a whole one. errs.Busy: the box runs.
func Restore(r io.Reader, path string) error {
	return checkedkv.RestoreDB(r, path, func(tx *checkedkv.Tx) error {
		if err := checkBuckets(tx); err != nil {
			return err
		}
		r, err := getBox(tx)
		if err != nil {
			return err
		}
		r.newIncarnation(highestEpoch(tx))
		r.restored = true
		return putBox(tx, r)
	})
}
