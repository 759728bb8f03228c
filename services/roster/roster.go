// Package roster knows who may be here: the box and its owner, the staff, the classes
// with their pupils, the lessons that are open, and which device speaks for whom.
//
// It owns one bbolt file beside the journal. There is no state in memory: each call is
// one transaction, so what a call reported done is on disk and a crash forgets nothing.
//
// Promises:
//   - Secrets are kept as hashes: PINs by argon2id, device tokens by SHA-256. The claim
//     code is kept as it is until the box is claimed, for the display, and then erased.
//   - A name in a lesson belongs to one device at a time, whoever asks at once.
//   - Pasting a list of names only ever adds; nothing is deleted or renamed by it. A file
//     renames whom it knows by their id, and deletes nobody.
//   - A class list that comes from the cloud adds, renames and gives more time, and deletes
//     nobody either. It is applied once, whenever the power is cut.
//   - A pupil's card opens that pupil's place and nothing else, and is void for good when
//     it is renewed. Its key is kept as it is, as it is printed again.
//   - Each value carries a checksum; a damaged one is errs.Corrupt, and lists leave it
//     out and say so in the log. Errors and log lines hold ids, never names.
//   - Errors about input name the field, and the limit if there is one.
//
// Tokens age by the box's clock, which a box without a battery sets late: a jump forward
// by more than a token's life signs staff out, and they sign in again. Nothing can tell
// such a jump from a box that lay in a cupboard for as long.
package roster

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/records"
)

// Limits on what is kept. Lengths are in characters (runes).
const (
	MaxName    = 60  // of a person, class, box or lesson title
	MaxPupils  = 200 // of a class, and lines of a pasted list
	MaxClasses = 500
	MaxStaff   = 100
	MinPIN     = 6
	MaxPIN     = 64
	maxSource  = 255 // bytes of an id that comes from elsewhere
	maxDevices = 20  // signed-in devices of one member of staff; the oldest is signed out
)

// Config tells where the roster lives. Its zero value works but for Path.
type Config struct {
	Path    string        // the database file; its folder must exist
	Session time.Duration // staff who do nothing for so long are signed out; default 12 h
	Hashes  int           // PINs checked at the same time, each in 19 MiB; default 2
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	if c.Session == 0 {
		c.Session = 12 * time.Hour
	}
	if c.Hashes == 0 {
		c.Hashes = 2
	}
	return c
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	switch {
	case c.Path == "":
		return errs.Field("roster.Config", "roster.path", "missing", 0, "path of the database is missing")
	case c.Session < time.Minute:
		return errs.Field("roster.Config", "roster.session", "too_small", int64(time.Minute), "must be at least 1m")
	case c.Hashes < 1 || c.Hashes > 16:
		return errs.Field("roster.Config", "roster.hashes", "out_of_range", 16, "must be 1 to 16")
	}
	return nil
}

// Roster is an open roster. Its methods may be called from any goroutine; each that
// changes something returns when the change is on disk.
type Roster struct {
	cfg   Config
	db    *bbolt.DB
	log   *slog.Logger
	found journal.Found
	pins  pins
	wall  func() int64 // milliseconds since 1970, for the times of lessons
}

// Open opens the roster or makes it, with a fresh claim code. A damaged file is set
// aside, and Found says so: the box then is unclaimed again.
func Open(cfg Config, log *slog.Logger) (*Roster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	opts := journal.DBOptions{InitialMmap: 64 << 20, Init: initialise, Ready: usable}
	db, found, err := journal.OpenDB(cfg.Path, opts, log)
	if err != nil {
		return nil, err
	}
	r := &Roster{cfg: cfg, db: db, log: log, found: found, pins: newPINs(cfg.Hashes), wall: now}
	if err := errors.Join(r.update("roster.Open", complete), r.sweep()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// Clocked has lessons begin and end by another clock than the machine's: one that a
// teacher's browser may have set. Tokens keep to the machine's: setting the time signs
// nobody out. It is called before the roster is used.
func (r *Roster) Clocked(wall func() int64) { r.wall = wall }

// Found tells what Open met.
func (r *Roster) Found() journal.Found { return r.found }

// DB is the open database, for a backup.
func (r *Roster) DB() *bbolt.DB { return r.db }

// Close waits for what is under way and closes the file.
func (r *Roster) Close() error { return r.db.Close() }

func initialise(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	secret := make([]byte, 32)
	rand.Read(secret) //nolint:errcheck // never fails since Go 1.24
	return records.Put(tx, bucketMeta, keyBox, storedBox{Box: Box{ID: newID("")}, Code: newClaimCode(), Secret: secret})
}

// complete makes what an earlier version did not have.
func complete(tx *bbolt.Tx) error {
	for _, name := range later {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// usable tells whether a database that opened is a roster with a box in it.
func usable(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if tx.Bucket([]byte(name)) == nil {
			return errs.Newf("roster", errs.Corrupt, "bucket %s is missing", name)
		}
	}
	_, err := records.Get[storedBox](tx, bucketMeta, keyBox)
	if err != nil {
		return errs.New("roster", errs.Corrupt, err)
	}
	return nil
}

// view and update run fn in a transaction. An error that is not ours is of the disk.
func (r *Roster) view(op string, fn func(*bbolt.Tx) error) error {
	return records.Fault(op, r.db.View(fn))
}

func (r *Roster) update(op string, fn func(*bbolt.Tx) error) error {
	return records.Fault(op, r.db.Update(fn))
}

// newID is 64 random bits with a prefix that tells what it names.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:13]) }

// newKey is n random bytes as text that is safe in a URL.
func newKey(n int) string {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

func now() int64 { return time.Now().UnixMilli() }
