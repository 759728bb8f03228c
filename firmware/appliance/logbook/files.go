package logbook

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// block is what a file system writes at least, in bytes.
const block = 4 << 10

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

// flush writes what waits. On a full disk the oldest files give way. What no disk takes stays
// in memory as far as there is room, for people to see.
func (b *Book) flush() error {
	if b.waiting.Len() == 0 {
		return nil
	}
	data := bytes.Clone(b.waiting.Bytes())
	err := b.put(data)
	for errors.Is(err, syscall.ENOSPC) {
		list := b.files()
		if len(list) < 2 || os.Remove(list[0]) != nil {
			break
		}
		err = b.put(data)
	}
	b.waiting.Reset()
	if b.broken = err != nil; b.broken {
		kept := data[max(0, len(data)-b.opts.Batch):]
		lost := len(data) - len(kept)
		if end := bytes.IndexByte(kept, '\n') + 1; lost > 0 {
			kept, lost = kept[end:], lost+end // whole lines
		}
		b.waiting.Write(kept)
		b.state.Lost += int64(lost)
		b.untold += int64(lost)
		return fmt.Errorf("%d bytes of log wait and %d are lost: %w", len(kept), lost, err)
	}
	b.state.Written += int64(len(data))
	b.state.Flushes++
	return nil
}

// put appends to the newest file, or begins one. What is not whole is taken back.
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
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Truncate(b.size) // else it is there twice
		return errors.Join(err, f.Close())
	}
	end := b.size + int64(len(data))
	b.state.Blocks += (end+block-1)/block - b.size/block
	b.size = end
	return errors.Join(f.Close(), b.forget())
}

// forget deletes the oldest files when there are too many.
func (b *Book) forget() error {
	list := b.files()
	for len(list) > b.opts.Files {
		if err := os.Remove(list[0]); err != nil {
			return err
		}
		list = list[1:]
	}
	return nil
}
