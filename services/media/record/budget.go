package record

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/errs"
)

const (
	recountInterval = time.Minute      // between two counts of the recordings' size, since others delete too
	activeWindow    = 10 * time.Minute // without a write for so long, a recording counts as finished
)

// Budget is the disk space for all recordings of a box. When it is used up, whole recordings
// are deleted, the oldest lesson's first. If that is not enough, recording stops. Budget never
// touches the space for lesson data, and deletes only recordings. A nil Budget grants
// everything.
type Budget struct {
	Dir     string // the recordings: a folder for each lesson, at any depth
	Bytes   int64  // for all recordings, 0: limited by the disk only
	Reserve int64  // bytes that stay free on the file system

	free func(dir string) (int64, error) // set by tests, nil: the file system's

	mu         sync.Mutex // guards the fields below
	used       int64
	countedAt  time.Time
	lastWrites map[string]time.Time // folder: its latest write
}

// Check reports whether there is room for a second of a recording in folder: nil, or errs.Down
// with the code "disk_full". It deletes old recordings as the budget demands.
func (b *Budget) Check(folder string) error { return b.claimBytes(filepath.Join(folder, "x"), 1<<20) }

// claimBytes reserves n bytes for the file name.
func (b *Budget) claimBytes(name string, n int64) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lastWrites == nil {
		b.lastWrites = map[string]time.Time{}
	}
	now, folder := time.Now(), filepath.Dir(name)
	b.lastWrites[folder] = now
	if now.Sub(b.countedAt) >= recountInterval {
		maps.DeleteFunc(b.lastWrites, func(_ string, last time.Time) bool { return now.Sub(last) > activeWindow })
		b.countUsed(now)
	}
	for {
		why, err := b.shortageReason(n)
		if err != nil {
			return err
		}
		if why == "" {
			b.used += n
			return nil
		}
		if !b.dropOldest(now) {
			return errs.NewCode("record.Budget", errs.Down, "disk_full", "%s", why)
		}
	}
}

// shortageReason returns why there is no room for n more bytes.
func (b *Budget) shortageReason(n int64) (string, error) {
	if b.Bytes > 0 && b.used+n > b.Bytes {
		return "recordings take all the disk that they may", nil
	}
	free := b.free
	if free == nil {
		free = freeBytes
	}
	left, err := free(b.Dir)
	if err != nil {
		return "", err
	}
	if left-n < b.Reserve {
		return "the rest of the disk is kept for answers", nil
	}
	return "", nil
}

// freeBytes is the free space of the file system for us.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// lessonRecordings is a folder's recordings.
type lessonRecordings struct {
	folder string
	files  []string
	bytes  int64
	last   time.Time // the latest write
}

// listLessons are the folders with recordings, the oldest first.
func (b *Budget) listLessons() []*lessonRecordings {
	found := map[string]*lessonRecordings{}
	_ = filepath.WalkDir(b.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !isRecordingOrSidecar(d.Name()) {
			//lint:ignore nilerr an unreadable file is not ours to delete
			return nil
		}
		info, err := d.Info()
		if err != nil {
			//lint:ignore nilerr an unreadable file is not ours to delete
			return nil
		}
		folder := filepath.Dir(path)
		l := found[folder]
		if l == nil {
			l = &lessonRecordings{folder: folder}
			found[folder] = l
		}
		l.files, l.bytes = append(l.files, path), l.bytes+info.Size()
		if info.ModTime().After(l.last) {
			l.last = info.ModTime()
		}
		return nil
	})
	return slices.SortedFunc(maps.Values(found), func(a, b *lessonRecordings) int {
		return cmp.Or(a.last.Compare(b.last), strings.Compare(a.folder, b.folder))
	})
}

// isRecordingOrSidecar reports whether a name is that of a recording's file or of its sidecar.
func isRecordingOrSidecar(name string) bool {
	name = strings.TrimSuffix(name, ".new") // a film, or a sidecar of version 0.1.0, that was not finished
	if whole := strings.TrimRight(name, "0123456789"); strings.HasSuffix(whole, sidecarSuffix) {
		name = whole // the temporary file of hal/atomicfile for a sidecar
	}
	return isRecording(strings.TrimSuffix(name, sidecarSuffix))
}

func (b *Budget) countUsed(now time.Time) {
	b.used, b.countedAt = 0, now
	for _, l := range b.listLessons() {
		b.used += l.bytes
	}
}

// dropOldest deletes the oldest film, which can be made again, or the oldest finished recording.
func (b *Budget) dropOldest(now time.Time) bool {
	lessons := slices.DeleteFunc(b.listLessons(), func(l *lessonRecordings) bool { // by us, or by another node or room
		last, ok := b.lastWrites[l.folder]
		return ok && now.Sub(last) <= activeWindow || now.Sub(l.last) <= activeWindow
	})
	for _, l := range lessons {
		for _, path := range l.files {
			if strings.HasPrefix(filepath.Base(path), FilmName+".") && os.Remove(path) == nil {
				b.countUsed(now)
				return true
			}
		}
	}
	for _, l := range lessons {
		var err error
		for _, path := range l.files {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil {
			continue
		}
		_ = os.Remove(l.folder) // when nothing else is in it
		b.countUsed(now)
		return true
	}
	return false
}
