// Package library keeps what a lesson is made of beforehand: quizzes and decks of page
// images.
//
// It owns one bbolt file and a folder beside it. There is no state in memory: each call
// is one transaction, so what a call reported done is on disk and a crash forgets nothing.
//
//	upload  -> incoming/<deck>/0001...   until the pages are made
//	worker  -> decks/<deck>/<key>-<width>.<ext>
//	SetPages: the record names the pages; all other files of the deck go
//
// Promises:
//   - A deck's record is written after its files are on disk. What a cut leaves over is
//     swept by the next Open.
//   - A page image is found by its key alone, which is 128 random bits: who knows the
//     address may see it, and no other file of the box can be reached by it.
//   - A quiz that changed since it was read is not overwritten: errs.Stale, code changed.
//   - Answer keys are on disk under the box's own secret only. With another secret a quiz is
//     in the list and its keys are errs.Down, code keys_locked.
//   - A quiz that comes from the cloud is applied once, whenever the power is cut. It takes
//     the place of the one that came before; what a teacher made of that is kept as a copy.
//   - Each value carries a checksum; a damaged one is errs.Corrupt, and lists leave it
//     out and say so in the log. Errors and log lines hold ids, never titles.
package library

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/records"
)

// Limits on what is kept.
const (
	MaxTitle   = 120 // characters of a title
	MaxDecks   = 500
	MaxQuizzes = 2000
)

// Config tells where the library lives.
type Config struct {
	Path   string // the database file; its folder must exist
	Folder string // of uploads and page images; made when it is not there
	// Secret is 32 bytes under which answer keys are kept. Without it no quiz can be read or
	// written; the lists can be read.
	Secret []byte
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	if n := len(c.Secret); n != 0 && n != secretLen {
		return errs.Field("library.Config", "library.secret", "out_of_range", secretLen, "must be %d bytes", secretLen)
	}
	return nil
}

// Library is an open library. Its methods may be called from any goroutine; each that
// changes something returns when the change is on disk.
type Library struct {
	cfg   Config
	db    *bbolt.DB
	keys  cipher.AEAD // for answer keys; nil without a secret
	root  *os.Root    // of cfg.Folder: paths from outside stay in it
	log   *slog.Logger
	found journal.Found
}

// Open opens the library or makes it, and sweeps what an earlier run left over. A damaged
// file is set aside, and Found says so: the page images stay.
func Open(cfg Config, log *slog.Logger) (*Library, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, errs.New("library.Open", errs.Down, err)
	}
	root, err := os.OpenRoot(cfg.Folder)
	if err != nil {
		return nil, errs.New("library.Open", errs.Down, err)
	}
	l := &Library{cfg: cfg, root: root, log: log, keys: newKeys(cfg.Secret)}
	if l.found, err = l.openDB(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := errors.Join(l.sealOld(), l.prepare()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// openDB opens the database and makes what an earlier version did not have.
func (l *Library) openDB() (found journal.Found, err error) {
	opts := journal.DBOptions{InitialMmap: 64 << 20, Init: initialise, Ready: usable}
	if l.db, found, err = journal.OpenDB(l.cfg.Path, opts, l.log); err != nil {
		return found, err
	}
	if err := l.update("library.Open", complete); err != nil {
		return found, errors.Join(err, l.db.Close())
	}
	return found, nil
}

// prepare makes the folders and sweeps them. Where the database was set aside nobody
// knows what belongs to what: the images are set aside beside it.
func (l *Library) prepare() error {
	const op = "library.Open"
	if name := l.found.SetAside; name != "" {
		err := l.root.Rename(decksDir, decksDir+"-of-"+filepath.Base(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return records.Fault(op, err)
		}
	}
	for _, dir := range []string{decksDir, incomingDir} {
		if err := l.root.MkdirAll(dir, 0o700); err != nil {
			return records.Fault(op, err)
		}
	}
	return l.sweep()
}

// Found tells what Open met.
func (l *Library) Found() journal.Found { return l.found }

// DB is the open database, for a backup.
func (l *Library) DB() *bbolt.DB { return l.db }

// Close waits for what is under way and closes the files.
func (l *Library) Close() error { return errors.Join(l.db.Close(), l.root.Close()) }

// title is a title without control characters and with single spaces.
func title(op, text string) (string, error) {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	switch n := len([]rune(text)); {
	case n == 0:
		return "", errs.Field(op, "title", "missing", 0, "a title is missing")
	case n > MaxTitle:
		return "", errs.Field(op, "title", "too_long", MaxTitle, "%d characters, at most %d", n, MaxTitle)
	}
	return text, nil
}

// view and update run fn in a transaction. An error that is not ours is of the disk.
func (l *Library) view(op string, fn func(*bbolt.Tx) error) error {
	return records.Fault(op, l.db.View(fn))
}

func (l *Library) update(op string, fn func(*bbolt.Tx) error) error {
	return records.Fault(op, l.db.Update(fn))
}

// newID is 64 random bits with a prefix that tells what it names.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:13]) }

// after is the time in milliseconds, later than before in any case.
func after(before int64) int64 { return max(time.Now().UnixMilli(), before+1) }
