package journal

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// State is how the journal stands with its disk.
type State struct {
	Full    bool      // only vital facts are taken
	Since   time.Time // since when; zero when not full
	Free    int64     // bytes free on the disk, the ballast not counted
	Ballast int64     // bytes kept back now
}

// State tells how the journal stands with its disk.
func (j *Journal) State() State { return j.ballast.state() }

// Full tells that only vital facts are taken. It costs a lock.
func (j *Journal) Full() bool { return j.ballast.full() }

// ballast is a file that only takes up room. When the disk is full it is removed:
// what it took is for vital facts, until space has returned and it can be made again.
type ballast struct {
	path  string
	want  int64
	every time.Duration
	log   *slog.Logger
	gauge interface{ Set(float64) }

	mu     sync.Mutex // guards the fields below
	have   int64
	since  time.Time // zero: not full
	looked time.Time
}

func openBallast(cfg Config, log *slog.Logger, gauge interface{ Set(float64) }) *ballast {
	b := &ballast{path: cfg.Path + ".ballast", want: cfg.Ballast, every: cfg.probe, log: log, gauge: gauge}
	if cfg.NoBallast {
		b.want = 0
	}
	if info, err := os.Stat(b.path); err == nil && b.want > 0 && info.Size() == b.want {
		b.have = b.want
		return b
	}
	if err := b.make(); err != nil {
		b.since = time.Now()
		b.gauge.Set(1)
		b.log.Error("the disk is nearly full, only what must be kept is taken", "err", err)
	}
	return b
}

// make writes the ballast's file. The blocks are really taken: a file with holes
// would give nothing back.
func (b *ballast) make() error {
	if b.want == 0 {
		return nil
	}
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // its content does not matter
	err = unix.Fallocate(int(f.Fd()), 0, 0, b.want)
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		err = fillFile(f, b.want)
	}
	if err != nil {
		_ = os.Remove(b.path)
		return err
	}
	b.have = b.want
	return nil
}

func fillFile(f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i*7 + i>>8) // something that does not compress to nothing
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

// free gives the ballast's room to the database. From now on only vital facts are taken.
func (b *ballast) free(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		b.since = time.Now()
		b.gauge.Set(1)
		b.log.Error("the disk is full, only what must be kept is taken", "err", cause)
	}
	b.looked = time.Now()
	if b.have == 0 {
		return
	}
	if err := os.Remove(b.path); err != nil {
		b.log.Error("the ballast cannot be removed", "err", err)
		return
	}
	b.have = 0
}

// restore makes the ballast again once twice its size is free, and ends the time of
// vital facts only.
func (b *ballast) restore() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() || time.Since(b.looked) < b.every {
		return
	}
	b.looked = time.Now()
	if free, err := diskFree(b.path); err != nil || free < 2*b.want || free < minFree {
		return
	}
	if err := b.make(); err != nil {
		return
	}
	b.log.Info("the disk has space again, everything is taken", "dur", time.Since(b.since))
	b.since = time.Time{}
	b.gauge.Set(0)
}

// minFree is what must be free, without a ballast, before a full disk counts as mended.
const minFree = 1 << 20

func (b *ballast) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.since.IsZero()
}

// probe is how long the committer may sleep before it looks at the disk; 0 is for ever.
func (b *ballast) probe() time.Duration {
	if b.full() {
		return b.every
	}
	return 0
}

func (b *ballast) state() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	free, err := diskFree(b.path)
	if err != nil {
		free = 0
	}
	return State{Full: !b.since.IsZero(), Since: b.since, Free: free, Ballast: b.have}
}

// diskFree is the number of bytes that the disk of a file has left for us.
func diskFree(path string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}
