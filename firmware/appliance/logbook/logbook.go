// Package logbook keeps what programs write over a restart, within a budget, and writes so
// seldom that a card lives long: lines wait in memory and are written together.
//
// What waits is lost when the power goes. A line that tells of an error does not wait, nor
// does anything when the machine goes down in order.
package logbook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are a logbook's bounds. The zero value gives the defaults.
type Options struct {
	Files int           // 8
	Size  int64         // bytes of one; 256 KiB
	Batch int           // bytes that wait; 32 KiB
	Every time.Duration // how long they wait; 1 min
}

func (o Options) withDefaults() Options {
	if o.Files == 0 {
		o = Options{8, 256 << 10, 32 << 10, time.Minute}
	}
	return o
}

// Book is a logbook in a folder. Its methods may be called from any goroutine.
type Book struct {
	dir  string
	opts Options

	mu      sync.Mutex
	waiting bytes.Buffer // guarded by mu
	number  int          // of the newest file; guarded by mu
	size    int64        // of it; guarded by mu
	written int64        // bytes since Open; guarded by mu
	lost    int64        // bytes that no disk had room for; guarded by mu
}

// mark begins the lines of a start of the machine.
const mark = "--- start "

// Open opens the logbook in a folder and begins a start of the machine in it.
func Open(dir, boot string, opts Options) (*Book, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b := &Book{dir: dir, opts: opts.withDefaults()}
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

func number(file string) int {
	n := 0
	_, _ = fmt.Sscanf(filepath.Base(file), "%d.log", &n) // 0 is no file of ours
	return n
}

// files are those of the book, the oldest first.
func (b *Book) files() []string {
	list, _ := filepath.Glob(filepath.Join(b.dir, "*.log")) // the pattern is good
	list = slices.DeleteFunc(list, func(f string) bool { return number(f) < 1 })
	slices.SortFunc(list, func(x, y string) int { return number(x) - number(y) })
	return list
}

// urgent are lines that do not wait, as our programs and Go's runtime write them.
var urgent = [][]byte{[]byte(`"level":"ERROR"`), []byte("panic: "), []byte("fatal error: ")}

// Write takes lines. It never fails: where there is no room the oldest lines give way, and
// then the newest.
func (b *Book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Write(p)
	now := b.waiting.Len() >= b.opts.Batch
	for _, u := range urgent {
		now = now || bytes.Contains(p, u)
	}
	if now {
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

func (b *Book) flush() error {
	if b.waiting.Len() == 0 {
		return nil
	}
	data := bytes.Clone(b.waiting.Bytes())
	b.waiting.Reset()
	err := b.put(data)
	for err != nil && len(b.files()) > 1 {
		if os.Remove(b.files()[0]) != nil {
			break
		}
		err = b.put(data)
	}
	if err != nil {
		b.lost += int64(len(data))
		return fmt.Errorf("%d bytes of log are lost: %w", len(data), err)
	}
	b.written += int64(len(data))
	return nil
}

// put appends to the newest file, or begins one.
func (b *Book) put(data []byte) error {
	if b.size > 0 && b.size+int64(len(data)) > b.opts.Size {
		b.number++
		b.size = 0
	}
	name := filepath.Join(b.dir, fmt.Sprintf("%08d.log", b.number))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := f.Write(data)
	b.size += int64(n)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	list := b.files()
	for len(list) > b.opts.Files {
		if err := os.Remove(list[0]); err != nil {
			return err
		}
		list = list[1:]
	}
	return nil
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
			_ = b.Flush() // what is lost is counted
		}
	}
}

// String is the service's name.
func (b *Book) String() string { return "logbook" }

// Written is how many bytes were written since Open.
func (b *Book) Written() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written
}

// Tail are the last lines of this start.
func (b *Book) Tail(lines int) []string {
	all := starts(b.all())
	return last(all[len(all)-1], lines)
}

// PreviousBoot are the last lines of the start before this one.
func (b *Book) PreviousBoot(lines int) []string {
	all := starts(b.all())
	if len(all) < 2 {
		return nil
	}
	return last(all[len(all)-2], lines)
}

// all is what is kept and what waits.
func (b *Book) all() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var text []byte
	for _, name := range b.files() {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		part, _ := io.ReadAll(io.LimitReader(f, 2*b.opts.Size)) // as far as it can be read
		_ = f.Close()
		text = append(text, part...)
	}
	return append(text, b.waiting.Bytes()...)
}

// starts are the lines of each start that is kept, the newest last.
func starts(text []byte) [][]string {
	list := [][]string{nil}
	for line := range strings.Lines(string(text)) {
		line = strings.ToValidUTF8(strings.TrimRight(line, "\n"), "?")
		switch {
		case strings.HasPrefix(line, mark):
			list = append(list, nil)
		case strings.Trim(line, "\x00") != "": // a cut may leave zeros
			list[len(list)-1] = append(list[len(list)-1], line)
		}
	}
	return list
}

func last(list []string, n int) []string { return list[max(0, len(list)-n):] }
