package appliance

import (
	"bytes"
	"io"
	"os"
	"sync"

	"github.com/livelearn/box/firmware/appliance/initctl"
)

// logStore keeps lines across restarts. *persistlog.Log implements it.
type logStore interface {
	io.Writer
	Flush() error
	LastLines(lines int) []string
	PreviousBoot(lines int) []string
	BytesWritten() int64
}

// maxShownLines is the number of log lines in a report.
const maxShownLines = 200

// output collects the log of the first process and the output of the programs, line by line.
// It buffers the first lines until the disk is mounted.
type output struct {
	mu     sync.Mutex
	early  bytes.Buffer // guarded by mu
	store  logStore     // guarded by mu; nil before there is a disk
	mirror io.Writer    // guarded by mu; nil: no console
}

// maxEarly bounds the buffer of early lines, in bytes.
const maxEarly = 256 << 10

func newOutput() *output { return &output{} }

// Write writes whole lines to the mirror and to the store. It never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mirror != nil {
		_, _ = o.mirror.Write(p) // the console is optional
	}
	switch {
	case o.store != nil:
		_, _ = o.store.Write(p) // the store reports a full disk itself
	case o.early.Len()+len(p) <= maxEarly:
		o.early.Write(p)
	}
	return len(p), nil
}

// attachStore sends the buffered lines and all later ones to k.
func (o *output) attachStore(k logStore) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.store = k
	_, _ = k.Write(o.early.Bytes())
	o.early.Reset()
}

// mirrorTo sends the buffered lines and all later ones to w as well.
func (o *output) mirrorTo(w io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mirror = w
	_, _ = w.Write(o.early.Bytes()) // the console is optional
}

func (o *output) flushLog() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.store != nil {
		_ = o.store.Flush() // the store reports a full disk itself
	}
}

// fillReport adds the log to the report of a start.
func (o *output) fillReport(b *initctl.Boot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.store == nil {
		for line := range bytes.Lines(o.early.Bytes()) {
			b.Log = append(b.Log, string(bytes.TrimRight(line, "\n")))
		}
		b.Log = b.Log[max(0, len(b.Log)-maxShownLines):]
		return
	}
	b.Log, b.Before, b.Written = o.store.LastLines(maxShownLines), o.store.PreviousBoot(maxShownLines), o.store.BytesWritten()
}

// OpenConsoles opens all active consoles, such as the screen and the serial line.
func OpenConsoles() io.Writer {
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

// newLineWriter returns a writer for one program. It passes on whole lines.
func (o *output) newLineWriter() io.Writer { return &lineWriter{out: o} }

// maxPartialLine is the length, in bytes, at which an unfinished line is passed on.
const maxPartialLine = 16 << 10

// lineWriter collects the lines of one program. One goroutine writes to it.
type lineWriter struct {
	out     *output
	partial []byte // a line without its end
}

// Write passes on whole lines and keeps the rest.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.partial = append(w.partial, p...)
	if end := bytes.LastIndexByte(w.partial, '\n'); end >= 0 {
		_, _ = w.out.Write(w.partial[:end+1]) // never fails
		w.partial = append(w.partial[:0], w.partial[end+1:]...)
	}
	if len(w.partial) > maxPartialLine {
		_, _ = w.out.Write(append(w.partial, '\n'))
		w.partial = w.partial[:0]
	}
	return len(p), nil
}
