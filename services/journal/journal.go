// Package journal keeps every fact of the box on disk.
//
// It owns one bbolt file. Rooms hand over facts with Append and do not wait. One committer
// (Serve) drains the queue into one bbolt update, which costs two syncs however many rooms
// took part. Commits are Pace apart while facts keep coming. A fact after a pause does not
// wait. bbolt's own Batch is never used: a lone caller would sleep for its whole delay.
//
// Promises
//   - A fact is on disk when its done was called with nil: it survives kill -9 and a
//     power cut, once, at its place.
//   - Seq is dense in a stream, Pos is dense on the box, both from 1. Commits of
//     one stream happen in the order of its Appends. A stream that another box
//     began may begin later here: see AppendCopies.
//   - After a refusal no more facts of that stream and epoch are taken until Raise:
//     the room's memory was ahead of the disk and is rebuilt from the log.
//   - A value with a wrong checksum is never returned as good. It comes out as an
//     errs.Corrupt error in its place and the reading continues.
//   - A damaged file is set aside, never deleted. What it holds is saved: from a damaged page
//     only the facts on it are missing, and CopySealed keeps those of all but the last pages.
//   - A fact is never deleted. Rewrite empties its payload and keeps its place.
//   - With a Sealer, facts and snapshots are encrypted on disk, each alone: see sealed.go.
//
// Layout of the file (integers of keys are big endian, those of values are varints. Each
// value ends with a CRC-32C over bucket, key and value, because bbolt has none on its data
// pages)
//
//	box        "box"               -> incarnation, written, epoch to start above, restored
//	           "checkpoint"        -> position up to which index and streams are complete
//	facts      position            -> the fact, its stream's name included
//	index      stream 00 first seq -> positions of up to 512 facts that follow each other
//	streams    stream              -> epoch, last seq, where the last 64 epochs ended
//	snapshots  stream              -> epoch, seq, the room's state at seq
//	bounds     stream              -> where a copied stream begins, and what was cut off
//
// The same folder may hold <path>.ballast, <path>.copies with copies of the facts, and the files of package checkedkv.
//
// A commit touches only the last pages of facts. The index by stream is kept in memory for
// the facts since the checkpoint and written in bulk each 16,384 facts: keys by stream
// would dirty one 4 KiB page a room in each commit, and an index entry a fact two more
// pages in a lonely commit. Open reads the facts after the checkpoint once to rebuild the
// rest of the index.
package journal

import (
	"cmp"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/seal"
)

// Config sets where the journal lives and how much room it may take.
type Config struct {
	Path        string // the database file, its folder must exist
	InitialMmap int    // bytes of address space mapped at once, 0 means 1 GiB (256 MiB on 32-bit)
	Ballast     int64  // bytes reserved for a full disk, 0 means 64 MiB
	NoBallast   bool   // no ballast

	Sealer *seal.Sealer `toml:"-"` // seals facts and snapshots, nil: they are plain

	QueueBytes int // bytes of facts that may wait for the committer, 0 means 16 MiB

	// Pace is the least time from the start of one commit to that of the next, so that facts
	// which come close together share one. 0 means 10 ms, negative means none.
	Pace time.Duration

	checkpointFacts int           // facts between two checkpoints, 0 means 16,384, tests lower it
	leafLimit       int64         // size of a file up to which Open checks each leaf, 0 means 64 MiB
	probeEvery      time.Duration // interval between looks at a full disk, 0 means 5 s
}

// Validate returns the first fault of the configuration.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return errs.NewField("journal", "path", "missing", 0, "path of the database is missing")
	case c.InitialMmap < 0 || c.Ballast < 0 || c.QueueBytes < 0:
		return errs.Newf("journal", errs.Invalid, "sizes cannot be negative")
	}
	return nil
}

func (c Config) defaults() Config {
	c.Ballast = cmp.Or(c.Ballast, 64<<20)
	c.QueueBytes = cmp.Or(c.QueueBytes, 16<<20)
	c.Pace = cmp.Or(c.Pace, 10*time.Millisecond)
	c.checkpointFacts = cmp.Or(c.checkpointFacts, 16384)
	c.probeEvery = cmp.Or(c.probeEvery, 5*time.Second)
	return c
}

// Cursor is a position in a stream.
type Cursor struct{ Epoch, Seq uint64 }

// Journal is an open journal. Its methods may be called from any goroutine.
type Journal struct {
	cfg        Config
	db         *checkedkv.DB
	log        *slog.Logger
	met        *metrics
	openResult checkedkv.OpenResult
	ballast    *ballast

	serving  sync.Mutex // held by Serve while it runs
	queue    *queue
	inFlight []*op // the ops in the committer's hands, owned by Serve
	reload   bool  // memory may differ from disk, owned by Serve

	mu         sync.RWMutex           // guards the fields below, never held over I/O
	box        boxRecord              // changed only by Open and Serve, which read it without mu
	heads      map[string]*streamHead // streams touched since Open. A *streamHead is replaced, never changed
	position   uint64                 // last durable position
	checkpoint uint64                 // index and streams are complete up to here
	wake       chan struct{}          // closed and replaced when position moves
	closed     chan struct{}          // closed by Close
	isClosed   bool
}

// Open opens the journal or makes it. A damaged file is set aside, and OpenResult reports it. A
// damaged page never ends the program. Nothing runs before Serve.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.defaults()
	j, err := openJournal(cfg, log, reg)
	if err != nil && errs.KindOf(err) == errs.Corrupt { // a leaf that a quick check skips
		if err := checkedkv.CheckAllNext(cfg.Path); err != nil {
			return nil, err
		}
		j, err = openJournal(cfg, log, reg)
	}
	if err != nil && errs.KindOf(err) == errs.Corrupt { // it passes every check and is useless
		return startOver(cfg, log, reg, err)
	}
	return j, err
}

// startOver sets aside a file on which only bbolt itself, or our own code, fails.
func startOver(cfg Config, log *slog.Logger, reg prometheus.Registerer, cause error) (*Journal, error) {
	name, err := checkedkv.SetAside(cfg.Path, cause, time.Now, log)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(cfg, log, reg)
	if err != nil {
		return nil, err
	}
	j.openResult.SetAside, j.openResult.Reason = name, cause.Error()
	j.box.newIncarnation(0)
	if err := j.writeTx(func(tx *checkedkv.Tx) error { return putBox(tx, j.box) }); err != nil {
		return nil, errors.Join(err, j.db.Close())
	}
	return j, nil
}

func openJournal(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Journal, error) {
	opts := checkedkv.DBOptions{
		InitialMmap: cfg.InitialMmap, Init: createBuckets, Ready: checkBuckets, LeafLimit: cfg.leafLimit,
		Values: savedValues(), Copies: copiesOf(cfg.Path), Sealer: cfg.Sealer,
	}
	db, found, err := checkedkv.OpenDB(cfg.Path, opts, log)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		cfg: cfg, db: db, log: log, met: newMetrics(reg), openResult: found,
		queue: newQueue(cfg.QueueBytes), wake: make(chan struct{}), closed: make(chan struct{}),
	}
	for _, step := range []func() error{j.createMissing, j.claimIncarnation, j.loadPosition} {
		if err := step(); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	if found.SetAside != "" || found.Salvage.FromCopy > 0 {
		j.openResult.Missing = j.describeMissing()
	}
	j.ballast = openBallast(cfg, log, j.met.full)
	return j, nil
}

var buckets = []string{bucketBox, bucketFacts, bucketIndex, bucketStreams, bucketSnapshots}

// laterBuckets are missing in a file of an earlier version. Open creates them.
var laterBuckets = []string{bucketBounds}

// createBuckets fills a new database.
func createBuckets(tx *checkedkv.Tx) error {
	if err := errors.Join(checkedkv.CreateBuckets(tx, buckets...), createLaterBuckets(tx)); err != nil {
		return err
	}
	return putBox(tx, boxRecord{incarnation: rand.Uint64() | 1})
}

func createLaterBuckets(tx *checkedkv.Tx) error { return checkedkv.CreateBuckets(tx, laterBuckets...) }

// createMissing creates the buckets that an earlier version did not have. A disk that takes no writes
// does not keep the box from starting: such a bucket is only missing until the first write to it.
func (j *Journal) createMissing() error {
	missing := false
	err := j.readTx(func(tx *checkedkv.Tx) error {
		missing = checkedkv.CheckBuckets(tx, laterBuckets...) != nil
		return nil
	})
	if err != nil || !missing {
		return err
	}
	err = j.writeTx(createLaterBuckets)
	if endsReading(err) {
		j.log.Error("the journal takes no writes and is opened as it is", "err", err)
		return nil
	}
	return err
}

// checkBuckets checks that a database is a journal. A file of an earlier version has the earlier
// buckets and nothing else: with another name beside them, the name of a later one is damaged.
func checkBuckets(tx *checkedkv.Tx) error {
	if err := checkedkv.CheckBuckets(tx, buckets...); err != nil {
		return err
	}
	if checkedkv.CheckBuckets(tx, laterBuckets...) == nil {
		return nil
	}
	c := tx.Cursor()
	for name, _ := c.First(); name != nil; name, _ = c.Next() {
		if !slices.Contains(buckets, string(name)) {
			return errs.Newf("journal", errs.Corrupt, "%q is no bucket of a journal", name)
		}
	}
	return nil
}

// claimIncarnation reads the journal's incarnation. After damage that may have cost a commit,
// or the whole file, it becomes a new incarnation, as after a restore.
func (j *Journal) claimIncarnation() error {
	var nonsense [][]byte
	var last, above uint64
	err := j.readTx(func(tx *checkedkv.Tx) (err error) {
		last, nonsense = lastPosition(tx)
		j.box, err = getBox(tx)
		above = highestEpoch(tx)
		return err
	})
	if err == nil && !j.box.restored && j.openResult.Reason == "" && len(nonsense) == 0 {
		return nil
	}
	j.openResult.Restored = j.box.restored
	if err != nil || len(nonsense) > 0 {
		j.log.Error("the journal is damaged and continues as a new incarnation", "err", err, "keys", len(nonsense))
	}
	if j.box.restored = false; !j.openResult.Restored {
		for f := range j.scanFacts(0, last) { // the records of their streams may be lost
			above = max(above, f.event.Epoch)
		}
		j.box.newIncarnation(above)
	}
	return j.writeTx(func(tx *checkedkv.Tx) error {
		for _, key := range nonsense { // damaged facts without a position would be in the way
			if err := tx.Bucket([]byte(bucketFacts)).Delete(key); err != nil {
				return errs.New("journal.Open", errs.Corrupt, err)
			}
		}
		return putBox(tx, j.box)
	})
}

// Incarnation is a random number. It changes when the file is created, restored or renewed, or
// when damage may have cost a commit. A pair (Incarnation, Pos) never names two facts.
func (j *Journal) Incarnation() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.box.incarnation
}

// OpenResult returns the state in which Open found the file.
func (j *Journal) OpenResult() checkedkv.OpenResult { return j.openResult }

// Position is the position of the last durable fact of the box. 0 means none.
func (j *Journal) Position() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.position
}

// Close waits for Serve and for the readers, refuses the waiting ops and closes the file. Call
// it after Serve's context has ended, never from a done function.
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
	j.completeOps(append(j.inFlight, rest...), errStopped())
	j.inFlight = nil
	return j.db.Close()
}

func errStopped() error {
	return errs.NewCode("journal", errs.Down, "stopped", "the journal is closed")
}
