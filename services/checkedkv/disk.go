package checkedkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	bbolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/errs"
)

// RecoverPageFaults runs fn and turns a damaged page into an errs.Corrupt error. bbolt panics
// on pages without meaning, and a mapped page that the card cannot deliver faults when it is
// read. Both would end the program.
func RecoverPageFaults(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = errs.New("checkedkv", errs.Corrupt, fmt.Errorf("a page is damaged: %v", p))
		}
	}()
	return fn()
}

// IsDiskFull reports whether an update failed for lack of space. bbolt keeps only the text of
// some causes.
func IsDiskFull(err error) bool {
	if err == nil {
		return false
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, no) || strings.Contains(err.Error(), no.Error()) {
			return true
		}
	}
	return false
}

// DiskFree is the number of bytes that we may still write on the disk of a file.
func DiskFree(path string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// moveSynced renames a database so that after it returns a power cut cannot undo it. bbolt writes
// the database itself, by its name, so hal/atomicfile does not fit here.
func moveSynced(from, to string) error {
	if err := syncPath(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncPath(filepath.Dir(to))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// renameAside renames a file to <path>.<why>-<UTC time>, never over another one.
func renameAside(path, why string, now func() time.Time) (string, error) {
	name := chooseAside(path, why, now)
	if err := moveSynced(path, name); err != nil {
		return "", errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	return name, nil
}

func chooseAside(path, why string, now func() time.Time) string {
	base := path + "." + why + "-" + now().UTC().Format("20060102T150405Z")
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// linkAside gives a damaged file a second name, which it keeps when another file takes its place.
func linkAside(path string, now func() time.Time) (string, error) {
	name := chooseAside(path, "damaged", now)
	if err := os.Link(path, name); err != nil {
		return "", errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	return name, nil
}

func errFull() *errs.Error {
	return errs.NewCode("checkedkv", errs.Down, "disk_full", "the disk is full")
}

// refuseClosed turns bbolt's error for a closed database into errs.Down (code stopped).
func refuseClosed(err error) error {
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return errs.NewCode("checkedkv", errs.Down, "stopped", "the database is closed")
	}
	return err
}
