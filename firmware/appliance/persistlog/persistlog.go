// Package persistlog keeps the output of programs across restarts, within a budget. It writes
// rarely, to spare the card: lines wait in memory and are written together. A program that
// writes without end is cut off.
//
// A power cut loses the lines that wait. A line with an error does not wait, and an orderly
// shutdown writes everything.
package persistlog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// Options are the bounds of a log. A zero field has its default.
type Options struct {
	Files      int           // default 8
	Size       int64         // bytes of one file; default 256 KiB
	Batch      int           // bytes that wait in memory; default 32 KiB
	FlushEvery time.Duration // longest wait in memory; default 1 min

	// The write budget: Burst bytes at once, and Refill more bytes after each FlushEvery. A
	// quarter of Burst is reserved for errors. Output above the budget is dropped, and a line in
	// the log reports it. So a noisy program neither wears out the card nor pushes out old lines.
	Burst        int // default 1 MiB
	Refill       int // default 64 KiB
	UrgentWrites int // errors written at once within FlushEvery; default 20
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
	set(&o.UrgentWrites, 20)
	if o.Size <= 0 {
		o.Size = 256 << 10
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = time.Minute
	}
	return o
}

// State counts the writes and the losses since Open.
type State struct {
	Written int64 // bytes on the disk
	Blocks  int64 // blocks of 4 KiB that the data touched, without file system metadata
	Flushes int64 // one fsync each
	LeftOut int64 // bytes dropped above the budget
	Lost    int64 // bytes lost because the disk failed or was full
}

// Log is a log in a folder. Its methods may be called from any goroutine.
type Log struct {
	dir  string
	opts Options

	mu          sync.Mutex
	waiting     bytes.Buffer // guarded by mu
	number      int          // number of the newest file; guarded by mu
	size        int64        // size of the newest file; guarded by mu
	state       State        // guarded by mu
	budget      int          // bytes that may still be written; guarded by mu
	urgentLeft  int          // errors that may still be written at once; guarded by mu
	writeFailed bool         // the last write failed, so wait for the next flush; guarded by mu
	unreported  int64        // missing bytes without a gap line yet; guarded by mu
}

// startMark begins the first line of each start of the machine.
const startMark = "--- start "

// gapLine marks a place where lines are missing.
const gapLine = "--- %d bytes are missing: too much was written, or the disk was full\n"

// Open opens the log in a folder and begins a new start in it.
func Open(dir, boot string, opts Options) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &Log{dir: dir, opts: opts.withDefaults()}
	l.budget, l.urgentLeft = l.opts.Burst, l.opts.UrgentWrites
	if list := l.logFiles(); len(list) > 0 {
		last := list[len(list)-1]
		l.number = fileNumber(last)
		if info, err := os.Stat(last); err == nil {
			l.size = info.Size()
		}
	}
	l.number = max(l.number, 1)
	fmt.Fprintf(&l.waiting, "\n%s%s\n", startMark, boot) // the empty line ends a line that a power cut tore
	return l, nil
}

// urgentMarks are parts of lines that must not wait, as our programs and the Go runtime write them.
var urgentMarks = [][]byte{[]byte(`"level":"ERROR"`), []byte("level=ERROR"), []byte("panic: "), []byte("fatal error: ")}

func isUrgent(p []byte) bool {
	for _, u := range urgentMarks {
		if bytes.Contains(p, u) {
			return true
		}
	}
	return false
}

// Write appends whole lines. It never fails. It counts dropped bytes, and a gap line reports them.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, keep := isUrgent(p), l.budget
	if !now {
		keep -= l.opts.Burst / 4
	}
	if len(p) > keep {
		l.state.LeftOut += int64(len(p))
		l.unreported += int64(len(p))
		return len(p), nil
	}
	l.budget -= len(p)
	if l.unreported > 0 {
		fmt.Fprintf(&l.waiting, gapLine, l.unreported)
		l.unreported = 0
	}
	l.waiting.Write(p)
	if now && l.urgentLeft > 0 {
		l.urgentLeft--
	} else {
		now = l.waiting.Len() >= l.opts.Batch
	}
	if now && !l.writeFailed {
		_ = l.writeWaiting() // State counts the loss
	}
	return len(p), nil
}

// Flush writes the lines that wait.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writeWaiting()
}

// Serve flushes regularly until ctx ends, and then once more.
func (l *Log) Serve(ctx context.Context) error {
	tick := time.NewTicker(l.opts.FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.Flush()
		case <-tick.C:
			l.refillBudget()
			_ = l.Flush() // State counts the loss
		}
	}
}

func (l *Log) refillBudget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget = min(l.opts.Burst, l.budget+l.opts.Refill)
	l.urgentLeft = l.opts.UrgentWrites
	if l.unreported > 0 {
		fmt.Fprintf(&l.waiting, gapLine, l.unreported)
		l.unreported = 0
	}
}

// String returns the name of the service.
func (l *Log) String() string { return "log" }

// BytesWritten returns the number of bytes written since Open.
func (l *Log) BytesWritten() int64 { return l.State().Written }

// State returns the counters since Open.
func (l *Log) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}
