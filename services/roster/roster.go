// Package roster stores who may be here: the box and its owner, the staff, the classes with
// their pupils, the open lessons, and the person of each device.
//
// It owns one bbolt file next to the journal, and a small copy of who owns the box. There is
// no state in memory. Each call is one transaction, so its result is on disk when it
// returns, and a crash loses nothing.
//
// Promises:
//   - Secrets are stored as hashes: PINs by argon2id, device tokens by SHA-256. The claim
//     code is stored in the clear until the box is claimed, for the display, and then erased.
//   - Damage never makes a claimed box unclaimed. If the roster is damaged or missing, the new
//     one begins with the copy of the owner. Without a copy it is claimed and locked.
//   - A name in a lesson belongs to one device at a time, also if two ask at once.
//   - Pasting a list of names only adds. It deletes and renames no pupil. A file renames
//     the pupils that it identifies by their id, and deletes none.
//   - A class list of the cloud adds, renames and gives more time, and deletes no pupil
//     either. It is applied once, whenever the power is cut.
//   - A pupil's card opens that pupil's place and nothing else. Renewing it voids it for
//     good. Its key is stored in the clear, because it is printed again.
//   - Each value carries a checksum. A damaged value is errs.Corrupt. Lists leave it out and
//     log it. Errors and log lines hold ids, never names.
//   - Errors about input name the field, and the limit if there is one.
//
// Tokens age by the box's clock, which a box without a battery sets late. A jump forward by
// more than a token's life signs staff out, and they sign in again. The box cannot
// distinguish such a jump from the same time in a cupboard.
package roster

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Limits of the roster. Lengths are in characters (runes).
const (
	MaxName    = 60  // of a person, class, box or lesson title
	MaxPupils  = 200 // of a class, and lines of a pasted list
	MaxClasses = 500
	MaxStaff   = 100
	MinPIN     = 6
	MaxPIN     = 64
	maxSource  = 255 // bytes of an id that comes from elsewhere
	maxDevices = 20  // signed-in devices of one member of staff, and the next one signs the oldest out
)

// Config says where the roster is. Its zero value works but for Path.
type Config struct {
	Path    string        // the database file, in a folder that exists
	Session time.Duration // staff are signed out after so long without a request (default 12 h)
	Hashes  int           // PINs checked at the same time, each in 19 MiB (default 2)
	Used    bool          // the folder holds a box, so a missing roster was lost
}

// WithDefaults sets the defaults of empty fields.
func (c Config) WithDefaults() Config {
	if c.Session == 0 {
		c.Session = 12 * time.Hour
	}
	if c.Hashes == 0 {
		c.Hashes = 2
	}
	return c
}

// Validate returns an error for values that cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	switch {
	case c.Path == "":
		return errs.NewField("roster.Config", "roster.path", "missing", 0, "path of the database is missing")
	case c.Session < time.Minute:
		return errs.NewField("roster.Config", "roster.session", "too_small", int64(time.Minute), "must be at least 1m")
	case c.Hashes < 1 || c.Hashes > 16:
		return errs.NewField("roster.Config", "roster.hashes", "out_of_range", 16, "must be 1 to 16")
	}
	return nil
}

// Roster is an open roster. Any goroutine may call its methods. A method that changes something
// returns when the change is on disk.
type Roster struct {
	cfg        Config
	db         *bbolt.DB
	log        *slog.Logger
	openResult checkedkv.OpenResult
	pins       pinHasher
	clock      func() int64                // milliseconds since 1970, for the times of lessons
	tokenTime  *stepWatch                  // of the machine's clock; setting the time in a browser signs no device out
	passTime   *stepWatch                  // of clock
	open       atomic.Pointer[openLessons] // the last answer of OpenLessons
	moving     sync.Mutex                  // held while stored times follow a clock
	code       string                      // of SetClaimCode, or empty: each claim code is a fresh one
}

// suffixCopy names the second copy of the database.
const suffixCopy = ".copy"

// Copy writes the second copy of the database, if it changed. The next Open reads it where the
// database is damaged or missing.
func (r *Roster) Copy() error {
	return checkedkv.CopyIfChanged(r.db, r.cfg.Path+suffixCopy, allBuckets())
}

// Open opens the roster, or creates it with a fresh claim code. It sets a damaged file aside and
// keeps what can be read of it, and OpenResult reports that. The owner of the box comes from
// the copy of the owner.
func Open(cfg Config, log *slog.Logger) (*Roster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	first, kept := readOwner(cfg, log)
	opts := checkedkv.DBOptions{
		InitialMmap: 64 << 20, Init: first.initialise, Ready: checkBuckets,
		Values: &checkedkv.Values{Buckets: allBuckets()}, Copies: []string{cfg.Path + suffixCopy},
	}
	db, found, err := checkedkv.OpenDB(cfg.Path, opts, log)
	if err != nil {
		return nil, err
	}
	r := &Roster{cfg: cfg, db: db, log: log, openResult: found, pins: newPINHasher(cfg.Hashes)}
	opened := time.Now()
	r.UseClock(nowMillis, func() time.Duration { return time.Since(opened) })
	if err := errors.Join(r.writeTx("roster.Open", createLaterBuckets), r.restoreOwner(kept), r.sweepExpired()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := r.readTx("roster.Open", r.keepOwner); err != nil { // a box starts with a full disk too
		log.Warn("the copy of the owner is not written", "err", err)
	}
	return r, nil
}

// OpenResult returns the state in which Open found the database.
func (r *Roster) OpenResult() checkedkv.OpenResult { return r.openResult }

// DB returns the open database, for a backup.
func (r *Roster) DB() *bbolt.DB { return r.db }

// Close waits for the calls under way and closes the file.
func (r *Roster) Close() error { return r.db.Close() }

// createLaterBuckets creates the buckets that an earlier version did not have.
func createLaterBuckets(tx *bbolt.Tx) error {
	return checkedkv.CreateBuckets(tx, laterBuckets...)
}

// checkBuckets returns errs.Corrupt if an open database is not a roster with a box in it.
func checkBuckets(tx *bbolt.Tx) error {
	if err := checkedkv.CheckBuckets(tx, buckets...); err != nil {
		return err
	}
	_, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
	if err != nil {
		return errs.New("roster", errs.Corrupt, err)
	}
	return nil
}

// readTx runs fn in a read transaction, and writeTx in a write transaction. Errors of bbolt
// become errs.Down.
func (r *Roster) readTx(op string, fn func(*bbolt.Tx) error) error {
	return checkedkv.WrapError(op, r.db.View(fn))
}

func (r *Roster) writeTx(op string, fn func(*bbolt.Tx) error) error {
	return checkedkv.WrapError(op, r.db.Update(fn))
}

// newKey returns n random bytes as text that is safe in a URL.
func newKey(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func nowMillis() int64 { return time.Now().UnixMilli() }
