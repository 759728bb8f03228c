package record

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/livelearn/box/services/errs"
)

// file is what a part needs of a file: the disk's, or a test's.
type file interface {
	io.Writer
	io.WriterAt
	io.Closer
	Truncate(int64) error
	Sync() error
}

// createFile makes a new file.
func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
}

// open begins the next file of the recording.
func (w *Writer) open(start time.Duration, forms []format, numbers []int) (*part, error) {
	p := &part{start: start, numbers: make([]int, len(w.tracks)), synced: time.Now()}
	for i := range p.numbers {
		p.numbers[i] = -1
	}
	for i, n := range numbers {
		p.numbers[n] = i
		p.codecs = append(p.codecs, forms[i].codec)
	}
	p.next = make([]time.Duration, len(forms))
	p.box = newWebM(forms)
	if w.ending == ".mp4" {
		p.box = newMP4(forms)
	}
	p.claim = func(n int64) error { return w.cfg.Budget.claim(w.cfg.Name, n) }
	head, err := p.box.head(0, 0)
	if err != nil {
		return nil, err
	}
	if p.path, p.file, err = w.next(); err != nil {
		return nil, full(err)
	}
	p.info = newPart(w.cfg, p.path, start, forms)
	p.info.BeganMS = p.synced.UnixMilli() - w.latest.Milliseconds()
	if err := errors.Join(p.append(head), p.info.save(p.path, false)); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

// next makes the first file that is not there yet: "name", "name-2" and so on; the earlier
// ones are this recording's, or those of a node that had been recording before.
func (w *Writer) next() (string, file, error) {
	for n := 1; ; n++ {
		path := w.cfg.Name + w.ending
		if n > 1 {
			path = w.cfg.Name + "-" + strconv.Itoa(n) + w.ending
		}
		f, err := w.cfg.create(path)
		if err == nil || !errors.Is(err, os.ErrExist) || n >= 1000 {
			return path, f, err
		}
	}
}

// full is err, with a word for people when it says that no place is left.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e := errs.Code("record.Write", errs.Down, "disk_full", "the disk is full: %w", err)
		return e
	}
	return err
}
