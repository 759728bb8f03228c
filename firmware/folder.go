package firmware

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/livelearn/box/services/errs"
)

// The data folder of a box:
//
//	journal.db, roster.db   the databases (services/journal, services/roster)
//	library.db, library/    quizzes and decks, and the images of their pages (services/library)
//	compiled/               PDFium as machine code; made again when it is not there
//	results/                what came of each lesson (services/results); made again from the journal
//	recordings/             a folder for each lesson (services/media/record)
//	tls/                    the box's own authority and its certificate
//	livelearn.toml          the configuration, where a board has no boot partition
//	lock                    held by the one program that uses the folder
//	control.sock            how the command line speaks to a running box
//	backed-up               its time is that of the last backup
//	restore/                a restored box that is whole but has not taken its place yet
//	replaced-<UTC time>/    what a restore put aside
const (
	configFile  = "livelearn.toml"
	lockFile    = "lock"
	controlFile = "control.sock"
	backedUp    = "backed-up"
	resultsDir  = "results"
	recordsDir  = "recordings"
	staging     = "restore"
	stagedMark  = "complete"

	lockTime = time.Second // that a folder may still be held by what a killed box leaves
)

// Folder is a data folder that this program alone uses.
type Folder struct {
	Path string
	lock *os.File
}

// OpenFolder makes the data folder if there is none, takes it for this program and
// finishes a restore that was cut off. errs.Busy (code in_use): another box has it.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, errs.New("data folder", errs.Down, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.New("data folder", errs.Down, err)
	}
	if err := take(lock); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errs.Code("data folder", errs.Busy, "in_use", "%s is in use: a box runs on it; stop it first", path)
		}
		return nil, errs.New("data folder", errs.Down, err)
	}
	f := &Folder{Path: path, lock: lock}
	if err := f.finishRestore(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// take locks the folder. A box that was killed may leave a child behind that has not yet
// become another program: it holds the lock until it has, which on a busy machine is a while.
func take(lock *os.File) (err error) {
	for end := time.Now().Add(lockTime); ; time.Sleep(lockTime / 40) {
		if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return err
		}
	}
}

// Close lets others use the folder.
func (f *Folder) Close() error { return f.lock.Close() }

// Name is the path of a file in the folder.
func (f *Folder) Name(name string) string { return filepath.Join(f.Path, name) }

// finishRestore puts a staged box in its place. Each step can be done again, so a power
// cut anywhere is mended at the next start: what stands in the way of a staged file goes
// into replaced-<time>, which is never deleted, and the mark goes last.
func (f *Folder) finishRestore() error {
	stage := f.Name(staging)
	mark, err := os.ReadFile(filepath.Join(stage, stagedMark))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(stage) // half made, or none
	}
	if err != nil {
		return errs.New("restore", errs.Down, err)
	}
	aside := f.Name(string(mark))
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return errs.New("restore", errs.Down, err)
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return errs.New("restore", errs.Down, err)
	}
	for _, e := range entries {
		if e.Name() == stagedMark {
			continue
		}
		err := moveOver(filepath.Join(stage, e.Name()), f.Name(e.Name()), filepath.Join(aside, e.Name()))
		if err != nil {
			return errs.New("restore", errs.Down, err)
		}
	}
	if err := errors.Join(syncDir(aside), syncDir(f.Path)); err != nil {
		return errs.New("restore", errs.Down, err)
	}
	return os.RemoveAll(stage)
}

// moveOver moves from to to. What is at to goes to aside first.
func moveOver(from, to, aside string) error {
	if _, err := os.Lstat(to); err == nil {
		if _, err := os.Lstat(aside); err == nil {
			return fmt.Errorf("%s: already there", aside)
		}
		if err := os.Rename(to, aside); err != nil {
			return err
		}
	}
	return os.Rename(from, to)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// stamp is a time as it stands in names.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
