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

// file is a part's view of a file: the disk's, or a test's.
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

// openPart begins the next file of the recording.
func (w *Writer) openPart(start time.Duration, forms []format, numbers []int) (*part, error) {
	p := &part{start: start, trackNumbers: make([]int, len(w.tracks)), syncedAt: time.Now()}
	for i := range p.trackNumbers {
		p.trackNumbers[i] = -1
	}
	for i, n := range numbers {
		p.trackNumbers[n] = i
		p.codecs = append(p.codecs, forms[i].codec)
	}
	p.earliestNext = make([]time.Duration, len(forms))
	p.container = newWebM(forms)
	if w.extension == ".mp4" {
		p.container = newMP4(forms)
	}
	p.claim = func(n int64) error { return w.cfg.Budget.claimBytes(w.cfg.Name, n) }
	head, err := p.container.encodeHead(0, 0)
	if err != nil {
		return nil, err
	}
	if p.path, p.file, err = w.createNextFile(); err != nil {
		return nil, wrapDiskFull(err)
	}
	p.info = describePart(w.cfg, p.path, start, forms)
	p.info.BeganMS = p.syncedAt.UnixMilli() - w.latest.Milliseconds()
	if err := errors.Join(p.appendBytes(head), p.info.saveSidecar(p.path, false)); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

// createNextFile makes the first file that does not exist yet: "name", "name-2" and so on.
// Earlier ones belong to this recording, or to a node that recorded before.
func (w *Writer) createNextFile() (string, file, error) {
	for n := 1; ; n++ {
		path := w.cfg.Name + w.extension
		if n > 1 {
			path = w.cfg.Name + "-" + strconv.Itoa(n) + w.extension
		}
		f, err := w.cfg.create(path)
		if err == nil || !errors.Is(err, os.ErrExist) || n >= 1000 {
			return path, f, err
		}
	}
}

// wrapDiskFull is err, with the code "disk_full" when the disk is full.
func wrapDiskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e := errs.NewCode("record.Write", errs.Down, "disk_full", "the disk is full: %w", err)
		return e
	}
	return err
}
