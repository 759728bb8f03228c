package checkedkv

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// DBOptions are the options of OpenDB.
type DBOptions struct {
	InitialMmap int              // bytes of address space mapped at once, 0 means 1 GiB (256 MiB on 32-bit)
	Wait        time.Duration    // how long to wait for another process that has it open, 0 means 1 s
	Init        func(*Tx) error  // fills a new database before it gets its name, may be nil
	Ready       func(*Tx) error  // errs.Corrupt from it sets the file aside, may be nil
	Now         func() time.Time // the time in the name of a file set aside, nil means time.Now

	Sealer *seal.Sealer // seals the values; nil: they stay as they are

	Values *Values  // how to save what a damaged file holds, nil: it is only set aside
	Copies []string // files of CopyRange, the best first

	LeafLimit int64 // bytes of a file up to which OpenDB checks each leaf, 0 means 64 MiB
}

// OpenResult is the state in which OpenDB found the file.
type OpenResult struct {
	Fresh    bool    // the file was made by this Open
	SetAside string  // where the damaged file was put, empty when there was none
	Reason   string  // why it was set aside, or which damage the file survived
	Restored bool    // the file came from a backup since the last Open, set by the journal
	Salvage  Salvage // what was saved of a damaged or missing file
	Missing  string  // what was not, in words, set by the journal; empty: unknown or nothing
}

// OpenDB opens a bbolt database, or makes it. Neither damage nor a power cut can keep the
// box from starting.
//
//	no file      made under another name, synced, then renamed, and the folder synced
//	damaged      every page is checked before bbolt maps the file (above 64 MiB: all
//	             but the leaves). A damaged file becomes <path>.damaged-<UTC time>,
//	             is never deleted, and a new one is made
//	half empty   copied into a smaller file that takes its place. See also CompactNext
//
// errs.Busy (code in_use): another process has it open.
func OpenDB(path string, opts DBOptions, log *slog.Logger) (*DB, OpenResult, error) {
	db, found, err := openOrMake(path, opts, log)
	if err != nil {
		return nil, found, err
	}
	return &DB{db, opts.Sealer, opts.Values}, found, nil
}

func openOrMake(path string, opts DBOptions, log *slog.Logger) (*bbolt.DB, OpenResult, error) {
	opts.InitialMmap = cmp.Or(opts.InitialMmap, defaultMmap())
	opts.Wait = cmp.Or(opts.Wait, time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	var found OpenResult
	for _, end := range []string{suffixNew, suffixCompact} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, found, errs.New("checkedkv.OpenDB", errs.Down, err)
		}
	}
	db, note, err := openExisting(path, opts, log)
	found.Reason = note
	if err != nil && errs.KindOf(err) == errs.Corrupt {
		found.Reason = err.Error()
		if found.SetAside, found.Salvage, err = replaceDamaged(path, opts, err, log); err != nil {
			return nil, found, err
		}
		_ = os.Remove(path + suffixCheck) // if it stays, the new file is checked in full
		if db, _, err = openExisting(path, opts, log); err != nil && errs.KindOf(err) == errs.Corrupt {
			_ = os.Remove(path) // the damaged file is kept
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		found.Fresh = true
		if found.Salvage, err = createDB(path, opts, found.SetAside == ""); err == nil {
			db, _, err = openExisting(path, opts, log)
		}
	}
	return db, found, err
}

// replaceDamaged sets a damaged file aside and makes one of what can be saved. If nothing can,
// there is no file at path afterwards.
func replaceDamaged(path string, opts DBOptions, cause error, log *slog.Logger) (aside string, saved Salvage, err error) {
	if opts.Values != nil {
		if aside, saved, err = salvageFile(path, opts, cause, log); err == nil {
			return aside, saved, nil
		}
		cause = errors.Join(cause, err)
	}
	aside, err = SetAside(path, cause, opts.Now, log)
	return aside, Salvage{}, err
}

// defaultMmap is address space, not memory. bbolt stops every commit until all
// readers are gone when a file outgrows its mapping, so the mapping starts large.
func defaultMmap() int {
	if strconv.IntSize == 32 {
		return 256 << 20
	}
	return 1 << 30
}

const (
	suffixNew     = ".new"
	suffixCompact = ".compact"
	suffixCheck   = ".check"  // an empty file: a commit found damage, the next Open checks all pages
	suffixShrink  = ".shrink" // an empty file: the next Open copies the database into a fresh one
)

// leafCheckLimit is the size of a file up to which each leaf is checked.
func leafCheckLimit(path string, opts DBOptions) int64 {
	if _, err := os.Lstat(path + suffixCheck); err == nil {
		return math.MaxInt64
	}
	return cmp.Or(opts.LeafLimit, deepLimit)
}

// CheckAllNext makes the next OpenDB of path check every page, however large the file is. A
// caller uses it before it gives up on commits that fail with errs.Corrupt.
func CheckAllNext(path string) error {
	if err := os.WriteFile(path+suffixCheck, nil, 0o600); err != nil {
		return errs.New("checkedkv.CheckAllNext", errs.Down, err)
	}
	return nil
}

// openExisting checks a file and opens it. The check runs under bbolt's own lock, so that a
// file that another process writes to never counts as damaged.
func openExisting(path string, opts DBOptions, log *slog.Logger) (*bbolt.DB, string, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fs.ErrNotExist
	}
	if err != nil {
		return nil, "", errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	if err := lockFile(f, opts.Wait); err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	note, err := verifyDB(f, leafCheckLimit(path, opts), opts)
	if err != nil {
		return nil, "", errors.Join(errs.New("checkedkv.OpenDB", errs.Corrupt, err), f.Close())
	}
	if err := os.Remove(path + suffixCheck); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", errors.Join(errs.New("checkedkv.OpenDB", errs.Down, err), f.Close())
	}
	if note != "" {
		log.Error("a database has damage but is usable", "path", path, "err", note)
	}
	db, err := openFile(f, opts)
	if err != nil {
		return nil, "", err
	}
	db, err = compactIfHalfEmpty(db, path, opts, log)
	return db, note, err
}

// openFile lets bbolt open a file that is open and locked.
func openFile(f *os.File, opts DBOptions) (*bbolt.DB, error) {
	var db *bbolt.DB
	err := RecoverPageFaults(func() (err error) {
		db, err = bbolt.Open(f.Name(), 0o600, bboltOptions(f, opts))
		if err != nil {
			return errs.New("checkedkv.OpenDB", errs.Corrupt, err)
		}
		if opts.Ready != nil {
			return db.View(withSealer(opts.Sealer, opts.Ready))
		}
		return nil
	})
	if err != nil && db != nil {
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(f.Close()))
	}
	return db, nil
}

// ignoreClosed forgets that a file was closed before.
func ignoreClosed(err error) error {
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
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) { // another process holds the lock
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return errs.New("checkedkv.OpenDB", errs.Down, err)
		}
		if time.Since(start) >= wait {
			return errs.NewCode("checkedkv.OpenDB", errs.Busy, "in_use", "%s is open in another process", f.Name())
		}
	}
}

// createDB makes a database under another name and renames it when it is on disk, so that a
// power cut leaves a whole database or none.
func createDB(path string, opts DBOptions, fromCopy bool) (saved Salvage, err error) {
	temp := path + suffixNew
	if fromCopy && opts.Values != nil && len(opts.Copies) > 0 {
		if saved, err = buildFrom(path, temp, opts); err == nil && saved.FromCopy > 0 {
			return saved, WrapError("checkedkv.OpenDB", moveSynced(temp, path))
		}
		_ = os.Remove(temp)
	}
	err = RecoverPageFaults(func() error {
		db, err := bbolt.Open(temp, 0o600, bboltOptions(nil, opts))
		if err != nil {
			return err
		}
		if opts.Init != nil {
			err = db.Update(withSealer(opts.Sealer, opts.Init))
		}
		return errors.Join(err, db.Close())
	})
	if err == nil {
		err = moveSynced(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return Salvage{}, errs.New("checkedkv.OpenDB", errs.Down, err)
	}
	return Salvage{}, nil
}

// SetAside renames the damaged file at path and returns its new name. The log gets cause.
func SetAside(path string, cause error, now func() time.Time, log *slog.Logger) (string, error) {
	name, err := renameAside(path, "damaged", now)
	if err != nil {
		return "", errors.Join(err, cause)
	}
	log.Error("a damaged database was set aside and a new one made", "path", name, "err", cause)
	return name, nil
}
