// Package datafolder owns the data folder of a box: the names of its files, the lock on it, and
// the last step of a restore. Package firmware and the commands that work on a stopped box open it.
//
// One program at a time holds the folder.
package datafolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

// The data folder of a box:
//
//	journal.db, roster.db   the databases (services/journal, services/roster)
//	roster.db.owner         who owns the box, should the roster be damaged
//	journal.db.copies/      copies of the journal's facts, all but the newest
//	roster.db.copy          copies of the roster, the library and the link to the cloud, for a
//	library.db.copy         damaged or missing database. They are made again
//	cloud.db.copy
//	losses.json             which of the databases were damaged or missing (firmware/losses)
//	cloud.db                the link to the cloud (services/cloud)
//	library.db, library/    quizzes and decks, and the images of their pages (services/library)
//	compiled/               PDFium and decoders of pictures as machine code, made again when it is missing
//	results/                the results of each lesson (services/results), made again from the journal
//	recordings/             a folder for each lesson (services/media/record)
//	keys/                   the key of the box. Its copy is on the boot partition of an appliance,
//	keys.copy/              and here where there is none
//	sealed-by               the id of the key with which the databases are sealed
//	sealed-<id>/            databases whose key was lost. They come back with their key
//	tls/                    the box's own authority and its certificate, and the key that other boxes
//	                        of the school know it by. With ACME also the certificate of the school's
//	                        name, the key of the account and the time of the last try
//	members.json            the boxes of the school (services/cluster/members)
//	livelearn.toml          the configuration, where a board has no boot partition
//	lock                    held by the one program that uses the folder
//	control.sock            how the command line speaks to a running box
//	backed-up               its time is that of the last backup
//	restored.json           the last restore (firmware/backup)
//	restore/                a backup that an admin uploads, or a restored box that is whole but
//	                        has not taken its place yet
//	replaced-<UTC time>/    what a restore put aside
const (
	ConfigFile     = "livelearn.toml"
	LockFile       = "lock"
	ControlSocket  = "control.sock"
	BackupMarkFile = "backed-up"
	JournalFile    = "journal.db"
	RosterFile     = "roster.db"
	OwnerFile      = RosterFile + ".owner" // the roster's copy of who owns the box
	LibraryFile    = "library.db"
	LibraryDir     = "library" // uploads and page images
	CloudFile      = "cloud.db"
	MembersFile    = "members.json"
	BoxKeyFile     = "tls/box.key"
	CompiledDir    = "compiled"
	ResultsDir     = "results"
	ImportDir      = "import" // pictures of a quiz while it comes in
	RecordingsDir  = "recordings"
	StagingDir     = "restore"
	UploadFile     = "upload" // in StagingDir

	ACMEPairFile    = "tls/acme.pem"
	ACMEAccountFile = "tls/acme-account.key"
	ACMETriesFile   = "tls/acme-tries.json"

	CompleteMark = "complete"
	RestoredFile = "restored.json"
	SealedFile   = "sealed-by"

	lockTimeout = time.Second // that a folder may still be held by what a killed box leaves
)

// copyEndings follow the name of a database in the names of its copies.
var copyEndings = []string{".copy", ".copies"}

// Format is the format of the data folder. It rises when an older version could not read the
// folder. A rollback or a restore over such a step is refused.
const Format = 1

// MaxConfigSize bounds a configuration file.
const MaxConfigSize = 1 << 20

// Folder is a data folder that this program has locked.
type Folder struct {
	Path string
	lock *os.File
}

// Open makes the data folder if there is none, locks it for this program and finishes an
// interrupted restore. errs.Busy (code in_use): another box has the lock.
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, errs.New("data folder", errs.Down, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, LockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.New("data folder", errs.Down, err)
	}
	if err := acquireLock(lock); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errs.NewCode("data folder", errs.Busy, "in_use", "%s is in use: a box runs on it; stop it first", path)
		}
		return nil, errs.New("data folder", errs.Down, err)
	}
	f := &Folder{Path: path, lock: lock}
	if err := f.FinishRestore(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// acquireLock locks the folder. A box that was killed may leave a child between fork and exec.
// The child holds the lock until exec, which takes a while on a busy machine.
func acquireLock(lock *os.File) (err error) {
	for end := time.Now().Add(lockTimeout); ; time.Sleep(lockTimeout / 40) {
		if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return err
		}
	}
}

// Close unlocks the folder.
func (f *Folder) Close() error { return f.lock.Close() }

// PathOf is the path of a file in the folder.
func (f *Folder) PathOf(name string) string { return filepath.Join(f.Path, name) }

// FinishRestore puts a staged box in its place. Each step can run again, so the next start
// repairs a power cut anywhere. A file in the place of a staged one moves into replaced-<time>,
// which the box never deletes. The mark is removed last.
func (f *Folder) FinishRestore() error {
	stage := f.PathOf(StagingDir)
	mark, err := os.ReadFile(filepath.Join(stage, CompleteMark))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(stage) // half made, or none
	}
	if err != nil {
		return errs.New("restore", errs.Down, err)
	}
	aside := f.PathOf(string(mark))
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return errs.New("restore", errs.Down, err)
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return errs.New("restore", errs.Down, err)
	}
	for _, e := range entries {
		if e.Name() == CompleteMark {
			continue
		}
		err := moveOver(filepath.Join(stage, e.Name()), f.PathOf(e.Name()), filepath.Join(aside, e.Name()))
		for _, end := range copyEndings { // of another box, or of later data
			err = errors.Join(err, os.RemoveAll(f.PathOf(e.Name()+end)))
		}
		if err != nil {
			return errs.New("restore", errs.Down, err)
		}
	}
	if err := errors.Join(atomicfile.SyncDir(aside), atomicfile.SyncDir(f.Path)); err != nil {
		return errs.New("restore", errs.Down, err)
	}
	return os.RemoveAll(stage)
}

// moveOver moves from to to, after it has moved an older file at to to aside.
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

// FormatStamp formats a time for the name of a file.
func FormatStamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// UnusedPath returns path, or path with a number if something is there.
func UnusedPath(path string) string {
	name := path
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", path, n)
	}
}

// existingParent is the folder itself or what there is of the way to it.
func existingParent(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

// FreeBytes is the space that the disk of a folder has left. The folder need not exist.
func FreeBytes(data string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(existingParent(data), &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
