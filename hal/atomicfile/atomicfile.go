// Package atomicfile writes files that appear whole: a reader, and a machine that loses its
// power, see the old file or the new one and never a part of it.
//
//	create .name<digits>   next to name, since a rename cannot cross file systems
//	write, fsync           the bytes are on the medium before they have the name
//	rename                 the new file takes the place of the old one
//	fsync the folder       the name is on the medium too
//
// A power cut before the rename leaves the temporary file. The next write of the same name
// removes it.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// Write replaces the file called name by the output of write. When it returns nil, a power cut
// cannot undo it. After an error of write, or of the disk before the rename, the old file stays.
// If only the fsync of the folder fails, the new file is in place, and a power cut may bring back
// the old one. mode is for the new file, less the umask.
//
// Several goroutines and processes may write the same name: the last rename wins.
func Write(name string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := replace(name, mode, write, (*renameio.PendingFile).CloseAtomicallyReplace); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// WriteVolatile is Write without fsync: readers see whole files, but a power cut may leave
// the old file, or an empty one. It is for tmpfs, and for files that are made again.
func WriteVolatile(name string, mode fs.FileMode, write func(io.Writer) error) error {
	return replace(name, mode, write, func(f *renameio.PendingFile) error {
		if err := os.Rename(f.Name(), name); err != nil {
			return err
		}
		return f.File.Close()
	})
}

// Bytes is a write function for Write that writes b.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// SyncDir makes the names in a folder last over a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replace writes a temporary file and gives it to rename. It removes the file after an error.
func replace(name string, mode fs.FileMode, write func(io.Writer) error, rename func(*renameio.PendingFile) error) error {
	sweep(name)
	f, guard, err := createLocked(name, mode)
	if err != nil {
		return err
	}
	defer func() { _ = guard.Close() }() // only read
	if err = write(f); err == nil {
		err = rename(f)
	}
	if err != nil {
		return errors.Join(err, f.Cleanup())
	}
	return nil
}

// createLocked makes a temporary file. guard is a second handle that holds a lock on it until
// after the rename, so that the sweep of another writer leaves it alone. A sweep may come between
// the two: then the file is lost, and another one is made.
func createLocked(name string, mode fs.FileMode) (f *renameio.PendingFile, guard *os.File, err error) {
	for {
		f, err = renameio.NewPendingFile(name, renameio.WithTempDir(filepath.Dir(name)), renameio.WithPermissions(mode))
		if err != nil {
			return nil, nil, err
		}
		guard, err = lockNamed(f.Name())
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) {
			return f, guard, nil // guard is nil on a file system without locks, where no sweep gets one either
		}
		_ = f.Cleanup() // the sweep may have removed it
	}
}

// lockNamed opens and locks a file. fs.ErrNotExist: it has no name any more. EWOULDBLOCK: another
// handle has the lock.
func lockNamed(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var st syscall.Stat_t
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		err = syscall.Fstat(int(f.Fd()), &st)
	}
	if err == nil && st.Nlink == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the temporary files of writes that were cut: those without a lock. A file that
// it cannot remove costs only space.
func sweep(name string) {
	dir := filepath.Dir(name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // the write finds out
	}
	for _, e := range entries {
		if e.Type().IsRegular() && isTemporary(e.Name(), filepath.Base(name)) {
			removeUnlocked(filepath.Join(dir, e.Name()))
		}
	}
}

func removeUnlocked(path string) {
	f, err := lockNamed(path)
	if err != nil {
		return
	}
	_ = errors.Join(os.Remove(path), f.Close())
}

// isTemporary reports whether file is the name of a temporary file for a file called base.
func isTemporary(file, base string) bool {
	digits, ok := strings.CutPrefix(file, "."+base)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
