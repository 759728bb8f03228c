package library

import (
	"io"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/deck"
)

// A backup of the library is the database in checkedkv's format, then the page images of the decks.

// Backup writes the library while it serves. A deck that is deleted during the backup may be in
// it without its images.
func (l *Library) Backup(w io.Writer) error {
	if err := checkedkv.BackupDB(l.db, w); err != nil {
		return err
	}
	return l.Decks.BackupImages(w)
}

// Restore creates the files of a library from a backup. Neither may exist. It reads r up to the
// end of the backup. errs.Invalid: the data is not a backup, or not a complete one.
func Restore(r io.Reader, c Config) error {
	if err := checkedkv.RestoreDB(r, c.Path, checkBuckets); err != nil {
		return err
	}
	return deck.RestoreImages(r, c.Folder)
}
