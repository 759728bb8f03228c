package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// DBOptions tells OpenDB how to open a database.
type DBOptions struct {
	InitialMmap int                   // bytes of address space mapped at once; 0 is 1 GiB (256 MiB on 32-bit)
	Wait        time.Duration         // how long to wait for another process that has it open; 0 is 1 s
	Init        func(*bbolt.Tx) error // fills a new database before it gets its name; may be nil
	Ready       func(*bbolt.Tx) error // errs.Corrupt from it sets the file aside; may be nil
	Now         func() time.Time      // names what is set aside; nil is time.Now

	deep int64 // size up to which each leaf is checked; 0 is deepLimit; tests lower it
}

// OpenDB opens a bbolt database, or makes it, so that no damage and no power cut can
// keep the box from starting.
//
//	no file      made under another name, synced, then renamed, and the folder synced
//	damaged      every page is checked before bbolt maps the file (above 64 MiB: all
//	             but the leaves); a damaged file becomes <path>.damaged-<UTC time>,
//	             is never deleted, and a new one is made
//	half empty   copied into a smaller file that takes its place; see also CompactNext
//
// errs.Busy (code in_use): another process has it open.
func OpenDB(path string, opts DBOptions, log *slog.Logger) (*bbolt.DB, Found, error) {
	opts.InitialMmap = cmp.Or(opts.InitialMmap, defaultMmap())
	opts.Wait = cmp.Or(opts.Wait, time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	var found Found
	for _, end := range []string{suffixNew, suffixCompact} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, found, errs.New("journal.OpenDB", errs.Down, err)
		}
	}
	db, note, err := openExisting(path, opts, log)
	found.Reason = note
	if err != nil && errs.KindOf(err) == errs.Corrupt {
		found.Reason = err.Error()
		if found.SetAside, err = setAside(path, err, opts, log); err != nil {
			return nil, found, err
		}
		_ = os.Remove(path + suffixCheck) // when it stays, the fresh file is checked in full
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		found.Fresh = true
		if err = createDB(path, opts); err == nil {
			db, _, err = openExisting(path, opts, log)
		}
	}
	return db, found, err
}

const (
	suffixNew     = ".new"
	suffixCompact = ".compact"
	suffixCheck   = ".check"  // an empty file: a commit met damage, the next Open checks all
	suffixShrink  = ".shrink" // an empty file: the next Open copies the database into a fresh one
)

// depth is the size of a file up to which each leaf is checked.
func depth(path string, opts DBOptions) int64 {
	if _, err := os.Lstat(path + suffixCheck); err == nil {
		return math.MaxInt64
	}
	return cmp.Or(opts.deep, deepLimit)
}

// CheckAllNext makes the next OpenDB of path check every page, however large the file
// is: a caller whose commits fail with errs.Corrupt says so before it gives up.
func CheckAllNext(path string) error {
	if err := os.WriteFile(path+suffixCheck, nil, 0o600); err != nil {
		return errs.New("journal.CheckAllNext", errs.Down, err)
	}
	return nil
}

// openExisting checks a file and opens it. The check runs under bbolt's own lock, so
// that a file another process is writing to is never taken for damaged.
func openExisting(path string, opts DBOptions, log *slog.Logger) (*bbolt.DB, string, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fs.ErrNotExist
	}
	if err != nil {
		return nil, "", errs.New("journal.OpenDB", errs.Down, err)
	}
	if err := lockFile(f, opts.Wait); err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	note, err := verify(f, depth(path, opts))
	if err != nil {
		return nil, "", errors.Join(errs.New("journal.OpenDB", errs.Corrupt, err), f.Close())
	}
	if err := os.Remove(path + suffixCheck); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", errors.Join(errs.New("journal.OpenDB", errs.Down, err), f.Close())
	}
	if note != "" {
		log.Error("a database has damage that it survives", "path", path, "err", note)
	}
	db, err := openFile(f, opts)
	if err != nil {
		return nil, "", err
	}
	db, err = compact(db, path, opts, log)
	return db, note, err
}

// openFile gives an open and locked file to bbolt.
func openFile(f *os.File, opts DBOptions) (*bbolt.DB, error) {
	var db *bbolt.DB
	err := guarded(func() (err error) {
		db, err = bbolt.Open(f.Name(), 0o600, bboltOptions(f, opts))
		if err != nil {
			return errs.New("journal.OpenDB", errs.Corrupt, err)
		}
		if opts.Ready != nil {
			return db.View(opts.Ready)
		}
		return nil
	})
	if err != nil && db != nil {
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return nil, errors.Join(err, closed(f.Close()))
	}
	return db, nil
}

// closed forgets that a file was closed before.
func closed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// bboltOptions never has NoSync, NoGrowSync or NoFreelistSync: the first two lose facts
// in a power cut, the third makes a damaged page panic in a goroutine of bbolt's own.
func bboltOptions(f *os.File, opts DBOptions) *bbolt.Options {
	return &bbolt.Options{
		Timeout:         opts.Wait,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: opts.InitialMmap,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			if f != nil {
				return f, nil
			}
			return os.OpenFile(name, flag, mode)
		},
	}
}

func lockFile(f *os.File, wait time.Duration) error {
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if err != syscall.EWOULDBLOCK {
			return errs.New("journal.OpenDB", errs.Down, err)
		}
		if time.Since(start) >= wait {
			return errs.Code("journal.OpenDB", errs.Busy, "in_use", "%s is open in another process", f.Name())
		}
	}
}

// createDB makes a database under another name and gives it its own when it is on
// disk, so that a power cut leaves a whole database or none.
func createDB(path string, opts DBOptions) error {
	temp := path + suffixNew
	err := guarded(func() error {
		db, err := bbolt.Open(temp, 0o600, bboltOptions(nil, opts))
		if err != nil {
			return err
		}
		if opts.Init != nil {
			err = db.Update(opts.Init)
		}
		return errors.Join(err, db.Close())
	})
	if err == nil {
		err = moveSynced(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return errs.New("journal.OpenDB", errs.Down, err)
	}
	return nil
}

// moveSynced renames a file so that after it returns a power cut cannot undo it.
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

// setAside renames a damaged file; cause is why.
func setAside(path string, cause error, opts DBOptions, log *slog.Logger) (string, error) {
	name, err := aside(path, "damaged", opts.Now)
	if err != nil {
		return "", errors.Join(err, cause)
	}
	log.Error("a damaged database was set aside and a fresh one begun", "path", name, "err", cause)
	return name, nil
}

// aside renames a file to <path>.<why>-<UTC time>, never over another one.
func aside(path, why string, now func() time.Time) (string, error) {
	base := path + "." + why + "-" + now().UTC().Format("20060102T150405Z")
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
	if err := moveSynced(path, name); err != nil {
		return "", errs.New("journal.OpenDB", errs.Down, err)
	}
	return name, nil
}
