package checkedkv

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

// BackupDB writes a consistent copy of a database, with its checksum. The copy is made
// on disk first, because w may be a slow browser and a read transaction that stays
// open lets the file grow. Its values are opened: a backup needs no key of the box.
// errs.Down (code disk_full): there is no room for the copy.
func BackupDB(db *DB, w io.Writer) error {
	room, err := DiskFree(db.Path())
	if err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(db.Path()), filepath.Base(db.Path())+".backup-*")
	if err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	defer func() { _ = temp.Close() }() // removed below, nothing to lose
	defer func() { _ = os.Remove(temp.Name()) }()
	var size int64
	err = refuseClosed(RecoverPageFaults(func() error {
		return db.View(func(tx *Tx) error {
			need := tx.Size() + tx.Size()/4
			if db.sealer != nil {
				need *= 2 // for the copy with opened values
			}
			if size = tx.Size(); room < need {
				return errFull()
			}
			_, err := tx.WriteTo(temp)
			return err
		})
	}))
	if err != nil {
		return err
	}
	if db.sealer != nil {
		return db.backupOpened(w, temp.Name())
	}
	if _, err := temp.Seek(0, io.SeekStart); err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	return writeBackup(w, temp, size)
}

// backupOpened writes the copy at path with opened values. A damaged value is in it as it is.
func (db *DB) backupOpened(w io.Writer, path string) error {
	opened := path + "-opened"
	defer func() { _ = os.Remove(opened) }() // nothing to lose
	err := RecoverPageFaults(func() error { return db.copyOpened(opened, path) })
	if IsDiskFull(err) {
		return errFull()
	}
	if err != nil {
		return WrapError("checkedkv.Backup", err)
	}
	f, err := os.Open(opened)
	if err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	return writeBackup(w, f, info.Size())
}

func (db *DB) copyOpened(to, from string) error {
	values := Values{}
	if db.values != nil {
		values = *db.values
	}
	src, err := bbolt.Open(from, 0o600, bboltOptions(nil, DBOptions{Wait: time.Second}))
	if err != nil {
		return err
	}
	dst, err := bbolt.Open(to, 0o600, bboltOptions(nil, DBOptions{Wait: time.Second}))
	if err != nil {
		return errors.Join(err, src.Close())
	}
	err = copyRecoded(dst, src, func(bucket string, key, value []byte) []byte {
		return values.recode(db.sealer, bucket, key, value, false)
	})
	return errors.Join(err, dst.Close(), src.Close())
}

func writeBackup(w io.Writer, image io.Reader, size int64) error {
	sum := sha256.New()
	both := io.MultiWriter(w, sum)
	head := binary.LittleEndian.AppendUint64(append([]byte(backupMagic), backupVersion), uint64(size))
	if _, err := both.Write(head); err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	if _, err := io.CopyN(both, image, size); err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return errs.New("checkedkv.Backup", errs.Down, err)
	}
	return nil
}

// RestoreDB makes the database at path from a backup. The function edit changes it before it
// gets its name, and may refuse it. The backup is checked in full first. An existing file at
// path is kept as <path>.replaced-<UTC time>.
func RestoreDB(r io.Reader, path string, edit func(*Tx) error) error {
	temp := path + restoreSuffix
	defer func() { _ = os.Remove(temp) }() // it has its name by then, or is of no use
	if err := readBackup(r, temp); err != nil {
		return err
	}
	if err := editDB(temp, edit); err != nil {
		return err
	}
	if err := setAsideReplaced(path); err != nil {
		return err
	}
	if err := moveSynced(temp, path); err != nil {
		return errs.New("checkedkv.Restore", errs.Down, err)
	}
	return nil
}

// readBackup checks a backup while it unpacks it into a file.
func readBackup(r io.Reader, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return errs.New("checkedkv.Restore", errs.Down, err)
	}
	err = unpackBackup(r, f)
	if err == nil {
		if _, err = verifyFile(f, 1<<62); err != nil {
			err = errs.New("checkedkv.Restore", errs.Invalid, err)
		}
	}
	return errors.Join(err, f.Close())
}

func unpackBackup(r io.Reader, w io.Writer) error {
	sum := sha256.New()
	head := make([]byte, backupHeader)
	if err := readSummed(r, sum, head); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint64(head[backupHeader-8:]))
	if !bytes.HasPrefix(head, []byte(backupMagic)) || head[len(backupMagic)] != backupVersion || size < 0 {
		return errs.NewCode("checkedkv.Restore", errs.Invalid, "not_a_backup", "this is not a backup of a box")
	}
	if _, err := io.CopyN(io.MultiWriter(w, sum), r, size); err != nil {
		return errNotWhole(err)
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, want); err != nil {
		return errNotWhole(err)
	}
	if !bytes.Equal(want, sum.Sum(nil)) {
		return errs.NewCode("checkedkv.Restore", errs.Invalid, "altered", "the backup was altered: its checksum is wrong")
	}
	return nil
}

func readSummed(r io.Reader, sum hash.Hash, b []byte) error {
	if _, err := io.ReadFull(r, b); err != nil {
		return errNotWhole(err)
	}
	sum.Write(b)
	return nil
}

func errNotWhole(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errs.NewCode("checkedkv.Restore", errs.Invalid, "truncated", "the backup is not whole")
	}
	if IsDiskFull(err) {
		return errFull()
	}
	return errs.New("checkedkv.Restore", errs.Down, err)
}

func editDB(path string, edit func(*Tx) error) error {
	err := RecoverPageFaults(func() error {
		db, err := bbolt.Open(path, 0o600, bboltOptions(nil, DBOptions{Wait: time.Second}))
		if err != nil {
			return err
		}
		return errors.Join(db.Update(withSealer(nil, edit)), db.Close())
	})
	if err != nil && (errs.KindOf(err) == errs.Corrupt || errs.KindOf(err) == errs.Internal) {
		return errs.New("checkedkv.Restore", errs.Invalid, err)
	}
	return err
}

// setAsideReplaced sets the file at path aside if it exists. errs.Busy: it is open.
func setAsideReplaced(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.New("checkedkv.Restore", errs.Down, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	if err := lockFile(f, time.Second); err != nil {
		return err
	}
	_, err = renameAside(path, "replaced", time.Now)
	return err
}
