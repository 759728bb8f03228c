package firmware

import (
	"errors"
	"io"
	"time"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/hal/atomicfile"
)

// backupTo writes a whole backup, encrypted if there is a passphrase.
func (b *Box) backupTo(w io.Writer, passphrase string) error {
	if passphrase == "" {
		return b.Backup(w)
	}
	sealed, err := backup.Encrypt(w, passphrase)
	if err != nil {
		return err
	}
	return errors.Join(b.Backup(sealed), sealed.Close())
}

// Backup writes a whole backup while the box runs, and records the time of it.
func (b *Box) Backup(w io.Writer) error {
	box, err := b.roster.Box()
	if err != nil {
		return err
	}
	m := backup.Manifest{Version: b.cfg.Version, Box: box.ID, Made: time.Now().UTC()}
	if err := backup.Write(w, b.folder, m, backup.Databases{Journal: b.journal, Roster: b.roster, Library: b.library}); err != nil {
		return err
	}
	if err := atomicfile.Write(b.folder.PathOf(datafolder.BackupMarkFile), 0o600, atomicfile.Bytes(nil)); err != nil {
		b.parts.Log.Warn("the time of the backup was not noted", "err", err)
	}
	return nil
}
