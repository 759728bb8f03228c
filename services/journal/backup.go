package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// A backup is
//
//	magic    8 bytes "LLBACKUP"
//	version  1 byte
//	size     8 bytes, little endian: of the database
//	database size bytes
//	sum      32 bytes: SHA-256 of all before
const (
	backupMagic   = "LLBACKUP"
	backupVersion = 1
	backupHeader  = len(backupMagic) + 1 + 8
	restoreSuffix = ".restore"
)

// Backup writes a consistent copy of the journal, with its checksum, while it serves.
func (j *Journal) Backup(w io.Writer) error {
	return BackupDB(j.db, w)
}

// BackupDB writes a consistent copy of a database, with its checksum. The copy is made
// on disk first, because w may be a slow browser and a read transaction that stays
// open lets the file grow. errs.Down (code disk_full): there is no room for the copy.
func BackupDB(db *bbolt.DB, w io.Writer) error {
	room, err := diskFree(db.Path())
	if err != nil {
		return errs.New("journal.Backup", errs.Down, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(db.Path()), filepath.Base(db.Path())+".backup-*")
	if err != nil {
		return errs.New("journal.Backup", errs.Down, err)
	}
	defer temp.Close()           //nolint:errcheck // removed below, nothing to lose
	defer os.Remove(temp.Name()) //nolint:errcheck // the same
	var size int64
	err = translate(guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			if size = tx.Size(); room < size+size/4 {
				return errFull()
			}
			_, err := tx.WriteTo(temp)
			return err
		})
	}))
	if err != nil {
		return err
	}
	if _, err := temp.Seek(0, io.SeekStart); err != nil {
		return errs.New("journal.Backup", errs.Down, err)
	}
	return writeBackup(w, temp, size)
}

func writeBackup(w io.Writer, image io.Reader, size int64) error {
	sum := sha256.New()
	both := io.MultiWriter(w, sum)
	head := binary.LittleEndian.AppendUint64(append([]byte(backupMagic), backupVersion), uint64(size))
	if _, err := both.Write(head); err != nil {
		return errs.New("journal.Backup", errs.Down, err)
	}
	if _, err := io.CopyN(both, image, size); err != nil {
		return errs.New("journal.Backup", errs.Down, err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return errs.New("journal.Backup", errs.Down, err)
	}
	return nil
}

// Restore makes the journal at path from a backup, as a new incarnation. The backup is
// checked in full first; a file that stands at path is kept as <path>.replaced-<UTC
// time>. errs.Invalid: this is no backup, or not a whole one. errs.Busy: the box runs.
func Restore(r io.Reader, path string) error {
	return RestoreDB(r, path, func(tx *bbolt.Tx) error {
		if err := usable(tx); err != nil {
			return err
		}
		r, err := getBox(tx)
		if err != nil {
			return err
		}
		r.begin(highest(tx))
		r.restored = true
		return putBox(tx, r)
	})
}

// RestoreDB is Restore for any database; edit changes it before it gets its name, and
// may refuse it.
func RestoreDB(r io.Reader, path string, edit func(*bbolt.Tx) error) error {
	temp := path + restoreSuffix
	defer os.Remove(temp) //nolint:errcheck // it has its name by then, or is of no use
	if err := readBackup(r, temp); err != nil {
		return err
	}
	if err := editDB(temp, edit); err != nil {
		return err
	}
	if err := replaced(path); err != nil {
		return err
	}
	if err := moveSynced(temp, path); err != nil {
		return errs.New("journal.Restore", errs.Down, err)
	}
	return nil
}

// readBackup checks a backup while it unpacks it into a file.
func readBackup(r io.Reader, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return errs.New("journal.Restore", errs.Down, err)
	}
	err = unpack(r, f)
	if err == nil {
		if _, err = verify(f, 1<<62); err != nil {
			err = errs.New("journal.Restore", errs.Invalid, err)
		}
	}
	return errors.Join(err, f.Close())
}

func unpack(r io.Reader, w io.Writer) error {
	sum := sha256.New()
	head := make([]byte, backupHeader)
	if err := readSummed(r, sum, head); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint64(head[backupHeader-8:]))
	if !bytes.HasPrefix(head, []byte(backupMagic)) || head[len(backupMagic)] != backupVersion || size < 0 {
		return errs.Code("journal.Restore", errs.Invalid, "not_a_backup", "this is not a backup of a box")
	}
	if _, err := io.CopyN(io.MultiWriter(w, sum), r, size); err != nil {
		return notWhole(err)
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, want); err != nil {
		return notWhole(err)
	}
	if !bytes.Equal(want, sum.Sum(nil)) {
		return errs.Code("journal.Restore", errs.Invalid, "altered", "the backup was altered: its checksum is wrong")
	}
	return nil
}

func readSummed(r io.Reader, sum hash.Hash, b []byte) error {
	if _, err := io.ReadFull(r, b); err != nil {
		return notWhole(err)
	}
	sum.Write(b)
	return nil
}

func notWhole(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errs.Code("journal.Restore", errs.Invalid, "truncated", "the backup is not whole")
	}
	if isFull(err) {
		return errFull()
	}
	return errs.New("journal.Restore", errs.Down, err)
}

func editDB(path string, edit func(*bbolt.Tx) error) error {
	err := guarded(func() error {
		db, err := bbolt.Open(path, 0o600, bboltOptions(nil, DBOptions{Wait: time.Second}))
		if err != nil {
			return err
		}
		return errors.Join(db.Update(edit), db.Close())
	})
	if err != nil && (errs.KindOf(err) == errs.Corrupt || errs.KindOf(err) == errs.Internal) {
		return errs.New("journal.Restore", errs.Invalid, err)
	}
	return err
}

// replaced sets the file at path aside, if there is one and nobody has it open.
func replaced(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.New("journal.Restore", errs.Down, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := lockFile(f, time.Second); err != nil {
		return err
	}
	_, err = aside(path, "replaced", time.Now)
	return err
}
