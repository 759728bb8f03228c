package journal

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/checkedkv"
)

// State describes the journal's disk.
type State struct {
	Full    bool      // only vital facts are taken
	Since   time.Time // time at which it became full, zero when not full
	Free    int64     // bytes free on the disk, the ballast not counted
	Ballast int64     // bytes reserved now
}

// State returns the state of the journal's disk.
func (j *Journal) State() State { return j.ballast.currentState() }

// Full reports whether only vital facts are taken. It costs a lock.
func (j *Journal) Full() bool { return j.ballast.isFull() }

// ballast is a file that only takes up room. When the disk is full it is removed. Vital facts
// use its room until the disk has space again and the ballast is rewritten.
type ballast struct {
	path     string
	want     int64
	interval time.Duration
	log      *slog.Logger
	gauge    interface{ Set(float64) }

	mu        sync.Mutex // guards the fields below
	held      int64
	since     time.Time // zero: not full
	lastProbe time.Time
}

func openBallast(cfg Config, log *slog.Logger, gauge interface{ Set(float64) }) *ballast {
	b := &ballast{path: cfg.Path + ".ballast", want: cfg.Ballast, interval: cfg.probeEvery, log: log, gauge: gauge}
	if cfg.NoBallast {
		b.want = 0
	}
	if info, err := os.Stat(b.path); err == nil && b.want > 0 && info.Size() == b.want {
		b.held = b.want
		return b
	}
	if err := b.writeBallast(); err != nil {
		b.since = time.Now()
		b.gauge.Set(1)
		b.log.Error("the disk is nearly full, only vital facts are taken", "err", err)
	}
	return b
}

// writeBallast writes the ballast's file. The blocks are really allocated: a file with holes
// would free no space.
func (b *ballast) writeBallast() error {
	if b.want == 0 {
		return nil
	}
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // its content does not matter
	err = unix.Fallocate(int(f.Fd()), 0, 0, b.want)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = fillFile(f, b.want)
	}
	if err != nil {
		_ = os.Remove(b.path)
		return err
	}
	b.held = b.want
	return nil
}

func fillFile(f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i*7 + i>>8) // data that does not compress
	}
	for size > 0 {
		n, err := f.Write(block[:min(size, int64(len(block)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// releaseBallast gives the ballast's room to the database. From now on only vital facts are taken.
func (b *ballast) releaseBallast(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		b.since = time.Now()
		b.gauge.Set(1)
		b.log.Error("the disk is full, only vital facts are taken", "err", cause)
	}
	b.lastProbe = time.Now()
	if b.held == 0 {
		return
	}
	if err := os.Remove(b.path); err != nil {
		b.log.Error("the ballast cannot be removed", "err", err)
		return
	}
	b.held = 0
}

// restoreBallast makes the ballast again once twice its size is free, and ends the time of
// vital facts only.
func (b *ballast) restoreBallast() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() || time.Since(b.lastProbe) < b.interval {
		return
	}
	b.lastProbe = time.Now()
	if free, err := checkedkv.DiskFree(b.path); err != nil || free < 2*b.want || free < minFree {
		return
	}
	if err := b.writeBallast(); err != nil {
		return
	}
	b.log.Info("the disk has space again, everything is taken", "dur", time.Since(b.since))
	b.since = time.Time{}
	b.gauge.Set(0)
}

// minFree is the space, without a ballast, from which the disk no longer counts as full.
const minFree = 1 << 20

func (b *ballast) isFull() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero()
}

// probeInterval is how long the committer may sleep before it looks at the disk. 0 means for
// ever.
func (b *ballast) probeInterval() time.Duration {
	if b.isFull() {
		return b.interval
	}
	return 0
}

func (b *ballast) currentState() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	free, err := checkedkv.DiskFree(b.path)
	if err != nil {
		free = 0
	}
	return State{Full: !b.since.IsZero(), Since: b.since, Free: free, Ballast: b.held}
}
