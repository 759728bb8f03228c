// Package logbook keeps what programs write over a restart, within a budget, and writes so
// seldom that a card lives long: lines wait in memory and are written together, and a program
// that writes without end is cut short.
//
// What waits is lost when the power goes. A line that tells of an error does not wait, nor
// does anything when the machine goes down in order.
package logbook

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// Options are a logbook's bounds. Each that is zero has its default.
type Options struct {
	Files int           // 8
	Size  int64         // bytes of one; 256 KiB
	Batch int           // bytes that wait; 32 KiB
	Every time.Duration // how long they wait; 1 min

	// What may be written: Burst bytes at once, and Refill more each time that Every is over.
	// A quarter of Burst is for errors. What is above is left out, and the book says so. So
	// one that shouts wears no card out, and does not push out what was said before.
	Burst  int // 1 MiB
	Refill int // 64 KiB
	Hasty  int // times in Every that an error is written at once; 20
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.Files, 8)
	set(&o.Batch, 32<<10)
	set(&o.Burst, 1<<20)
	set(&o.Refill, 64<<10)
	set(&o.Hasty, 20)
	if o.Size <= 0 {
		o.Size = 256 << 10
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	return o
}

// State is what a book costs and what it could not keep, since Open.
type State struct {
	Written int64 // bytes
	Blocks  int64 // of 4 KiB that they touched, without what the file system writes about them
	Flushes int64 // each is one fsync
	LeftOut int64 // bytes above the budget
	Lost    int64 // bytes that no disk took
}

// Book is a logbook in a folder. Its methods may be called from any goroutine.
type Book struct {
	dir  string
	opts Options

	mu      sync.Mutex
	waiting bytes.Buffer // guarded by mu
	number  int          // of the newest file; guarded by mu
	size    int64        // of it; guarded by mu
	state   State        // guarded by mu
	budget  int          // bytes that may be written; guarded by mu
	hasty   int          // times that an error may be written at once; guarded by mu
	broken  bool         // the disk took nothing: it is tried again after Every; guarded by mu
	untold  int64        // bytes that are missing and not said to be; guarded by mu
}

// mark begins the lines of a start of the machine.
const mark = "--- start "

// gap tells that lines are missing.
const gap = "--- %d bytes are missing: too much was written, or the disk was full\n"

// Open opens the logbook in a folder and begins a start of the machine in it.
func Open(dir, boot string, opts Options) (*Book, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b := &Book{dir: dir, opts: opts.withDefaults()}
	b.budget, b.hasty = b.opts.Burst, b.opts.Hasty
	if list := b.files(); len(list) > 0 {
		last := list[len(list)-1]
		b.number = number(last)
		if info, err := os.Stat(last); err == nil {
			b.size = info.Size()
		}
	}
	b.number = max(b.number, 1)
	fmt.Fprintf(&b.waiting, "\n%s%s\n", mark, boot) // the empty line ends one that a power cut tore
	return b, nil
}

// urgent are lines that do not wait, as our programs and Go's runtime write them.
var urgent = [][]byte{[]byte(`"level":"ERROR"`), []byte("level=ERROR"), []byte("panic: "), []byte("fatal error: ")}

func isUrgent(p []byte) bool {
	for _, u := range urgent {
		if bytes.Contains(p, u) {
			return true
		}
	}
	return false
}

// Write takes whole lines. It never fails: what cannot be kept is counted, and the book says
// that it is missing.
func (b *Book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, keep := isUrgent(p), b.budget
	if !now {
		keep -= b.opts.Burst / 4
	}
	if len(p) > keep {
		b.state.LeftOut += int64(len(p))
		b.untold += int64(len(p))
		return len(p), nil
	}
	b.budget -= len(p)
	if b.untold > 0 {
		fmt.Fprintf(&b.waiting, gap, b.untold)
		b.untold = 0
	}
	b.waiting.Write(p)
	if now && b.hasty > 0 {
		b.hasty--
	} else {
		now = b.waiting.Len() >= b.opts.Batch
	}
	if now && !b.broken {
		_ = b.flush() // what is lost is counted
	}
	return len(p), nil
}

// Flush writes what waits.
func (b *Book) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

// Serve writes what waited long enough, until ctx ends, and then all of it.
func (b *Book) Serve(ctx context.Context) error {
	tick := time.NewTicker(b.opts.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return b.Flush()
		case <-tick.C:
			b.refill()
			_ = b.Flush() // what is lost is counted
		}
	}
}

func (b *Book) refill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.budget = min(b.opts.Burst, b.budget+b.opts.Refill)
	b.hasty = b.opts.Hasty
	if b.untold > 0 {
		fmt.Fprintf(&b.waiting, gap, b.untold)
		b.untold = 0
	}
}

// String is the service's name.
func (b *Book) String() string { return "logbook" }

// Written is how many bytes were written since Open.
func (b *Book) Written() int64 { return b.State().Written }

// State is what the book cost so far.
func (b *Book) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
