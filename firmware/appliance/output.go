package appliance

import (
	"bytes"
	"io"
	"os"
	"sync"

	"github.com/livelearn/box/firmware/appliance/door"
)

// keeper keeps lines where they survive a restart: a logbook.
type keeper interface {
	io.Writer
	Flush() error
	Tail(lines int) []string
	PreviousBoot(lines int) []string
	Written() int64
}

// shownLines is how much of the log people get to see.
const shownLines = 200

// output takes what the programs and we ourselves write, line by line. It holds the first
// lines until there is a disk to keep them on.
type output struct {
	mu     sync.Mutex
	early  bytes.Buffer // guarded by mu
	keep   keeper       // guarded by mu; nil before there is a disk
	mirror io.Writer    // guarded by mu; nil: nobody watches
}

// maxEarly bounds what is held before there is a disk, in bytes.
const maxEarly = 256 << 10

func newOutput() *output { return &output{} }

// Write takes whole lines.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mirror != nil {
		_, _ = o.mirror.Write(p) // a console is a comfort
	}
	switch {
	case o.keep != nil:
		_, _ = o.keep.Write(p) // it tells of a full disk itself
	case o.early.Len()+len(p) <= maxEarly:
		o.early.Write(p)
	}
	return len(p), nil
}

// keepIn sends what was held, and all that follows, to k.
func (o *output) keepIn(k keeper) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keep = k
	_, _ = k.Write(o.early.Bytes())
	o.early.Reset()
}

// mirrorTo shows all that was held and what follows on w as well.
func (o *output) mirrorTo(w io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mirror = w
	_, _ = w.Write(o.early.Bytes()) // a console is a comfort
}

func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keep != nil {
		_ = o.keep.Flush() // it tells of a full disk itself
	}
}

// report adds the log to what people see of a start.
func (o *output) report(b *door.Boot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keep == nil {
		for line := range bytes.Lines(o.early.Bytes()) {
			b.Log = append(b.Log, string(bytes.TrimRight(line, "\n")))
		}
		b.Log = b.Log[max(0, len(b.Log)-shownLines):]
		return
	}
	b.Log, b.Before, b.Written = o.keep.Tail(shownLines), o.keep.PreviousBoot(shownLines), o.keep.Written()
}

// Consoles are where a person may look: the screen, the serial line.
func Consoles() io.Writer {
	active, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return io.Discard
	}
	var list []io.Writer
	for name := range bytes.FieldsSeq(active) {
		if f, err := os.OpenFile("/dev/"+string(name), os.O_WRONLY, 0); err == nil {
			list = append(list, f)
		}
	}
	return io.MultiWriter(list...)
}

// from is where a program writes: what it writes arrives in whole lines.
func (o *output) from() io.Writer { return &lineWriter{out: o} }

// longestLine is passed on even if its end has not come yet, in bytes.
const longestLine = 16 << 10

// lineWriter is one program's. One goroutine writes to it.
type lineWriter struct {
	out  *output
	part []byte // of a line that has no end yet
}

// Write passes on what is whole.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	if end := bytes.LastIndexByte(w.part, '\n'); end >= 0 {
		_, _ = w.out.Write(w.part[:end+1]) // never fails
		w.part = append(w.part[:0], w.part[end+1:]...)
	}
	if len(w.part) > longestLine {
		_, _ = w.out.Write(append(w.part, '\n'))
		w.part = w.part[:0]
	}
	return len(p), nil
}
