// Package journal keeps every fact of the box on disk.
//
// It owns one bbolt file. Rooms hand facts over with Append and go on; one
// committer (Serve) drains what has gathered into one bbolt update, which costs
// two syncs however many rooms took part. Commits are Pace apart while facts keep
// coming; a fact after a pause does not wait. bbolt's own Batch is never used: alone,
// it sleeps out its delay.
//
// Promises
//   - A fact whose done was called with nil is on disk: it survives kill -9 and a
//     power cut, once, at its place.
//   - Seq is dense in a stream, Pos is dense on the box, both from 1. Commits of
//     one stream happen in the order of its Appends.
//   - After a refusal nothing more of that stream and epoch is taken until Raise:
//     the room's memory was ahead of the disk and is rebuilt from the log.
//   - A value whose checksum is wrong is never returned as good. It comes out as an
//     errs.Corrupt error in its place and the reading goes on.
//   - A damaged file is set aside, never deleted, and the box starts with a fresh one.
//   - A fact is never deleted. Rewrite empties its payload and keeps its place.
//
// Layout of the file (all integers of keys big endian, of values varint; each value
// ends with a CRC-32C over bucket, key and value, because bbolt has none on its
// data pages)
//
//	box        "box"               -> incarnation, written, epoch to start above, restored
//	           "checkpoint"        -> position up to which index and streams are complete
//	facts      position            -> the fact, its stream's name included
//	index      stream 00 first seq -> positions of up to 512 facts that follow each other
//	streams    stream              -> epoch, last seq, where the last 64 epochs ended
//	snapshots  stream              -> epoch, seq, what a room was at seq
//
// Beside it may lie <path>.ballast, .check (the next Open checks every page), .shrink (the
// next Open copies the file), .damaged-<time> and .replaced-<time> (kept for people), and for moments .new,
// .compact, .restore and .backup-<n>.
//
// A commit touches the last pages of facts and nothing else. The index by stream is
// kept in memory for the facts since the checkpoint and written in bulk each 16,384
// facts: keys by stream would dirty one 4 KiB page a room in each commit, and an index
// entry a fact two more pages in a lonely commit. At Open the facts after the
// checkpoint are read once to have the rest of the index again.
package journal

import (
	"cmp"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
)

// Config tells where the journal lives and how much room it may take.
type Config struct {
	Path        string // the database file; its folder must exist
	InitialMmap int    // bytes of address space mapped at once; 0 is 1 GiB (256 MiB on 32-bit)
	Ballast     int64  // bytes kept back for the day the disk is full; 0 is 64 MiB
	NoBallast   bool   // keep nothing back
	QueueBytes  int    // bytes of facts that may wait for the committer; 0 is 16 MiB

	// Pace is the least time from the start of one commit to that of the next, so that facts
	// which come close together share one; 0 is 10 ms, negative is none.
	Pace time.Duration

	tail  int           // facts between two checkpoints; 0 is 16,384; tests lower it
	deep  int64         // size of a file up to which Open checks each leaf; 0 is 64 MiB
	probe time.Duration // how often a full disk is looked at; 0 is 5 s
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return errs.Field("journal", "path", "missing", 0, "path of the database is missing")
	case c.InitialMmap < 0 || c.Ballast < 0 || c.QueueBytes < 0:
		return errs.Newf("journal", errs.Invalid, "sizes cannot be negative")
	}
	return nil
}

func (c Config) defaults() Config {
	c.InitialMmap = cmp.Or(c.InitialMmap, defaultMmap())
	c.Ballast = cmp.Or(c.Ballast, 64<<20)
	c.QueueBytes = cmp.Or(c.QueueBytes, 16<<20)
	c.Pace = cmp.Or(c.Pace, 10*time.Millisecond)
	c.tail = cmp.Or(c.tail, 16384)
	c.probe = cmp.Or(c.probe, 5*time.Second)
	return c
}

// defaultMmap is address space, not memory. bbolt stops every commit until all
// readers are gone when a file outgrows its mapping, so the mapping starts large.
func defaultMmap() int {
	if strconv.IntSize == 32 {
		return 256 << 20
	}
	return 1 << 30
}

// Cursor is a place in a stream.
type Cursor struct{ Epoch, Seq uint64 }

// Found tells what Open met.
type Found struct {
	Fresh    bool   // the file was made by this Open
	SetAside string // where the damaged file was put; empty when there was none
	Reason   string // why it was set aside, or what damage the file survived
	Restored bool   // the file came from a backup since the last Open
}

// Journal is an open journal. Its methods may be called from any goroutine.
type Journal struct {
	cfg     Config
	db      *bbolt.DB
	log     *slog.Logger
	met     *metrics
	found   Found
	ballast *ballast

	serving sync.Mutex // held by Serve while it runs
	queue   *queue
	flight  []*op // what the committer holds now; owned by Serve
	reload  bool  // memory may differ from disk; owned by Serve

	mu         sync.RWMutex     // guards the fields below; never held over I/O
	box        boxRecord        // changed by Open and Serve alone, which read it without mu
	heads      map[string]*head // streams touched since Open; a *head is replaced, never changed
	position   uint64           // last durable position
	checkpoint uint64           // index and streams are complete up to here
	wake       chan struct{}    // closed and replaced when position moves
	closed     chan struct{}    // closed by Close
	isClosed   bool
}

// Open opens the journal or makes it. A damaged file is set aside and Found says so.
// The opener never dies of a damaged page. Nothing runs before Serve.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.defaults()
	j, err := open(cfg, log, reg)
	if err != nil && errs.KindOf(err) == errs.Corrupt { // a leaf that a quick check leaves out
		if err := CheckAllNext(cfg.Path); err != nil {
			return nil, err
		}
		j, err = open(cfg, log, reg)
	}
	if err != nil && errs.KindOf(err) == errs.Corrupt { // passes every check and is of no use
		return startOver(cfg, log, reg, err)
	}
	return j, err
}

// startOver sets a file aside that only bbolt itself, or our own code, stumbles over.
func startOver(cfg Config, log *slog.Logger, reg prometheus.Registerer, cause error) (*Journal, error) {
	name, err := setAside(cfg.Path, cause, DBOptions{Now: time.Now}, log)
	if err != nil {
		return nil, err
	}
	j, err := open(cfg, log, reg)
	if err != nil {
		return nil, err
	}
	j.found.SetAside, j.found.Reason = name, cause.Error()
	j.box.begin(0)
	if err := j.update(func(tx *bbolt.Tx) error { return putBox(tx, j.box) }); err != nil {
		return nil, errors.Join(err, j.db.Close())
	}
	return j, nil
}

func open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Journal, error) {
	opts := DBOptions{InitialMmap: cfg.InitialMmap, Init: initialise, Ready: usable, deep: cfg.deep}
	db, found, err := OpenDB(cfg.Path, opts, log)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		cfg: cfg, db: db, log: log, met: newMetrics(reg), found: found,
		queue: newQueue(cfg.QueueBytes), wake: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := j.claim(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	j.ballast = openBallast(cfg, log, j.met.full)
	return j, nil
}

// initialise fills a new database.
func initialise(tx *bbolt.Tx) error {
	for _, name := range []string{bucketBox, bucketFacts, bucketIndex, bucketStreams, bucketSnapshots} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return putBox(tx, boxRecord{incarnation: rand.Uint64() | 1})
}

// usable tells whether a database that opened is a journal.
func usable(tx *bbolt.Tx) error {
	for _, name := range []string{bucketBox, bucketFacts, bucketIndex, bucketStreams, bucketSnapshots} {
		if tx.Bucket([]byte(name)) == nil {
			return errs.Newf("journal", errs.Corrupt, "bucket %s is missing", name)
		}
	}
	return nil
}

// claim reads who this journal is. After damage that may have cost a commit, or the
// whole file, it goes on as a new incarnation, as after a restore.
func (j *Journal) claim() error {
	var nonsense [][]byte
	var above uint64
	err := j.view(func(tx *bbolt.Tx) (err error) {
		_, nonsense = lastPosition(tx)
		j.box, err = getBox(tx)
		above = highest(tx)
		return err
	})
	if err == nil && !j.box.restored && j.found.Reason == "" && len(nonsense) == 0 {
		return nil
	}
	j.found.Restored = j.box.restored
	if err != nil || len(nonsense) > 0 {
		j.log.Error("the journal is damaged and goes on as a new incarnation", "err", err, "keys", len(nonsense))
	}
	if j.box.restored = false; !j.found.Restored {
		j.box.begin(above)
	}
	return j.update(func(tx *bbolt.Tx) error {
		for _, key := range nonsense { // damaged facts at no position: they would be in the way
			if err := tx.Bucket([]byte(bucketFacts)).Delete(key); err != nil {
				return errs.New("journal.Open", errs.Corrupt, err)
			}
		}
		return putBox(tx, j.box)
	})
}

// Incarnation is a random number made when the file was created, restored or renewed, or
// found with damage that may have cost a commit. (Incarnation, Pos) never names two facts.
func (j *Journal) Incarnation() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.box.incarnation
}

// Found tells what Open met.
func (j *Journal) Found() Found { return j.found }

// Position is the position of the last durable fact of the box; 0 is none.
func (j *Journal) Position() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.position
}

// Close waits for Serve and for the readers, refuses what still waits and closes the
// file. Call it after Serve's context has ended, never from a done function.
func (j *Journal) Close() error {
	j.mu.Lock()
	was := j.isClosed
	j.isClosed = true
	if !was {
		close(j.closed)
	}
	j.mu.Unlock()
	if was {
		return nil
	}
	rest := j.queue.close()
	j.serving.Lock()
	defer j.serving.Unlock()
	j.settle(append(j.flight, rest...), errStopped())
	j.flight = nil
	return j.db.Close()
}

func errStopped() error {
	return errs.Code("journal", errs.Down, "stopped", "the journal is closed")
}
