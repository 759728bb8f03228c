package persistlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// blockSize is the smallest write of a file system, in bytes.
const blockSize = 4 << 10

func fileNumber(file string) int {
	n := 0
	_, _ = fmt.Sscanf(filepath.Base(file), "%d.log", &n) // 0: not one of our files
	return n
}

// logFiles returns the files of the log, the oldest first.
func (l *Log) logFiles() []string {
	list, _ := filepath.Glob(filepath.Join(l.dir, "*.log")) // the pattern is valid
	list = slices.DeleteFunc(list, func(f string) bool { return fileNumber(f) < 1 })
	slices.SortFunc(list, func(x, y string) int { return fileNumber(x) - fileNumber(y) })
	return list
}

// writeWaiting writes the lines that wait. If the disk is full it deletes the oldest files. If the
// write still fails, the last Batch bytes stay in memory, so that people can see them.
func (l *Log) writeWaiting() error {
	if l.waiting.Len() == 0 {
		return nil
	}
	data := bytes.Clone(l.waiting.Bytes())
	err := l.appendFile(data)
	for errors.Is(err, syscall.ENOSPC) {
		list := l.logFiles()
		if len(list) < 2 || os.Remove(list[0]) != nil {
			break
		}
		err = l.appendFile(data)
	}
	l.waiting.Reset()
	if l.writeFailed = err != nil; l.writeFailed {
		kept := data[max(0, len(data)-l.opts.Batch):]
		lost := len(data) - len(kept)
		if end := bytes.IndexByte(kept, '\n') + 1; lost > 0 {
			kept, lost = kept[end:], lost+end // whole lines
		}
		l.waiting.Write(kept)
		l.state.Lost += int64(lost)
		l.unreported += int64(lost)
		return fmt.Errorf("%d bytes of log wait and %d are lost: %w", len(kept), lost, err)
	}
	l.state.Written += int64(len(data))
	l.state.Flushes++
	return nil
}

// appendFile appends to the newest file, or starts the next file. It undoes a partial write.
func (l *Log) appendFile(data []byte) error {
	if l.size > 0 && l.size+int64(len(data)) > l.opts.Size {
		l.number++
		l.size = 0
	}
	name := filepath.Join(l.dir, fmt.Sprintf("%08d.log", l.number))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Truncate(l.size) // otherwise a retry writes it twice
		return errors.Join(err, f.Close())
	}
	end := l.size + int64(len(data))
	l.state.Blocks += (end+blockSize-1)/blockSize - l.size/blockSize
	l.size = end
	return errors.Join(f.Close(), l.deleteOldest())
}

// deleteOldest deletes the oldest files above the limit.
func (l *Log) deleteOldest() error {
	list := l.logFiles()
	for len(list) > l.opts.Files {
		if err := os.Remove(list[0]); err != nil {
			return err
		}
		list = list[1:]
	}
	return nil
}
