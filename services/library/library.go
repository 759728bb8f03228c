// Package library stores the material that teachers prepare for lessons: quizzes, and the decks of
// package deck.
//
// It owns one bbolt file and a folder next to it. There is no state in memory. Each call is
// one transaction, so its result is on disk when it returns, and a crash loses nothing.
//
// Promises:
//   - A quiz that changed since it was read is not overwritten: errs.Stale, code changed.
//   - Answer keys are on disk under the box's own secret only. With another secret a quiz is
//     in the list and its keys are errs.Down, code keys_locked.
//   - A quiz of the cloud is applied once, whenever the power is cut. It replaces the version
//     before, and a teacher's changes to that version are kept as a copy.
//   - Each value carries a checksum. A damaged value is errs.Corrupt. Lists leave it out and
//     log it. Errors and log lines hold ids, never titles.
package library

import (
	"crypto/cipher"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// MaxQuizzes is how many quizzes a library holds.
const MaxQuizzes = 2000

// Config says where the library is.
type Config struct {
	Path   string // the database file, in a folder that exists
	Folder string // for uploads and page images, created if it does not exist
	// Secret is 32 bytes that encrypt the answer keys. Without it no quiz can be read or written,
	// but the lists can.
	Secret []byte
	Sealer *seal.Sealer `toml:"-"` // seals the values of the database, nil: they are plain
}

// Validate returns an error for a secret of another length.
func (c Config) Validate() error {
	if n := len(c.Secret); n != 0 && n != secretLen {
		return errs.NewField("library.Config", "library.secret", "out_of_range", secretLen, "must be %d bytes", secretLen)
	}
	return nil
}

// Library is an open library. Any goroutine may call its methods. A method that changes something
// returns when the change is on disk.
type Library struct {
	Decks *deck.Store

	cfg        Config
	db         *checkedkv.DB
	keyCipher  cipher.AEAD // for answer keys, nil without a secret
	root       *os.Root    // of cfg.Folder: no path leads out of it
	log        *slog.Logger
	openResult checkedkv.OpenResult
}

// Open opens the library, or creates it, and sweeps the leftovers of an earlier run. It sets a
// damaged database aside, and OpenResult reports that. The page images stay.
func Open(cfg Config, log *slog.Logger) (*Library, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Library{cfg: cfg, log: log, keyCipher: newKeyCipher(cfg.Secret)}
	var err error
	if l.openResult, err = l.openDB(); err != nil {
		return nil, err
	}
	if err = l.sealOld(); err == nil {
		l.Decks, err = deck.OpenStore(l.db, cfg.Folder, l.lostDatabase(), log)
	}
	if err != nil {
		return nil, errors.Join(err, l.db.Close())
	}
	if l.root, err = os.OpenRoot(cfg.Folder); err != nil {
		return nil, errors.Join(errs.New("library.Open", errs.Down, err), l.db.Close(), l.Decks.Close())
	}
	if err = l.sweepImages(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// suffixCopy names the second copy of the database.
const suffixCopy = ".copy"

// Copy writes the second copy of the database, if it changed. The next Open reads it where the
// database is damaged or missing.
func (l *Library) Copy() error {
	return checkedkv.CopyIfChanged(l.db, l.cfg.Path+suffixCopy, allBuckets())
}

// openDB opens the database and creates the buckets that an earlier version did not have.
func (l *Library) openDB() (found checkedkv.OpenResult, err error) {
	opts := checkedkv.DBOptions{
		InitialMmap: 64 << 20, Init: createBuckets, Ready: checkBuckets,
		Values: &checkedkv.Values{Buckets: allBuckets()}, Copies: []string{l.cfg.Path + suffixCopy}, Sealer: l.cfg.Sealer,
	}
	if l.db, found, err = checkedkv.OpenDB(l.cfg.Path, opts, l.log); err != nil {
		return found, err
	}
	if err := l.writeTx("library.Open", createLaterBuckets); err != nil {
		return found, errors.Join(err, l.db.Close())
	}
	return found, nil
}

// lostDatabase names the database that was set aside or is missing, or returns "".
func (l *Library) lostDatabase() string {
	switch {
	case l.openResult.SetAside != "":
		return filepath.Base(l.openResult.SetAside)
	case l.openResult.Fresh:
		return filepath.Base(l.cfg.Path) + ".missing-" + time.Now().UTC().Format("20060102T150405Z")
	}
	return ""
}

// OpenResult returns the state in which Open found the database.
func (l *Library) OpenResult() checkedkv.OpenResult { return l.openResult }

// DB returns the open database, for a backup.
func (l *Library) DB() *checkedkv.DB { return l.db }

// Close waits for the calls under way and closes the files.
func (l *Library) Close() error { return errors.Join(l.db.Close(), l.Decks.Close(), l.root.Close()) }

// readTx runs fn in a read transaction, and writeTx in a write transaction. Errors of bbolt
// become errs.Down.
func (l *Library) readTx(op string, fn func(*checkedkv.Tx) error) error {
	return checkedkv.WrapError(op, l.db.View(fn))
}

func (l *Library) writeTx(op string, fn func(*checkedkv.Tx) error) error {
	return checkedkv.WrapError(op, l.db.Update(fn))
}

// timeAfter returns the time in milliseconds, but always a later one than before.
func timeAfter(before int64) int64 { return max(time.Now().UnixMilli(), before+1) }
