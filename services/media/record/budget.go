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
	recount = time.Minute      // how often what recordings take is counted, since others delete too
	quiet   = 10 * time.Minute // without a write, and a recording is not being made
)

// Budget is the disk that all recordings of a box may take. When it is used up, whole
// recordings make room, the oldest lesson's first; when that does not help, recording stops:
// the place that answers need is not touched, and nothing but recordings is deleted. A nil
// Budget grants everything.
type Budget struct {
	Dir     string // the recordings: a folder, of any depth, for each lesson
	Bytes   int64  // that all of them may take; 0: what the disk has
	Reserve int64  // bytes that stay free on the file system

	free func(dir string) (int64, error) // tests'; nil: the file system's

	mu      sync.Mutex // guards the fields below
	used    int64
	counted time.Time
	busy    map[string]time.Time // folder: its latest write
}

// Check tells whether a second of a recording in folder has room: nil, or errs.Down with the
// code "disk_full". It deletes what the budget wants deleted.
func (b *Budget) Check(folder string) error { return b.claim(filepath.Join(folder, "x"), 1<<20) }

// claim takes n bytes for the file name.
func (b *Budget) claim(name string, n int64) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy == nil {
		b.busy = map[string]time.Time{}
	}
	now, folder := time.Now(), filepath.Dir(name)
	b.busy[folder] = now
	if now.Sub(b.counted) >= recount {
		maps.DeleteFunc(b.busy, func(_ string, last time.Time) bool { return now.Sub(last) > quiet })
		b.count(now)
	}
	for {
		why, err := b.short(n)
		if err != nil {
			return err
		}
		if why == "" {
			b.used += n
			return nil
		}
		if !b.dropOldest(now) {
			return errs.Code("record.Budget", errs.Down, "disk_full", "%s", why)
		}
	}
}

// short says why n more bytes have no room.
func (b *Budget) short(n int64) (string, error) {
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

// freeBytes is what the file system has for us.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// lesson is a folder's recordings.
type lesson struct {
	folder string
	files  []string
	bytes  int64
	last   time.Time // the latest write
}

// lessons are the folders with recordings, the oldest first.
func (b *Budget) lessons() []*lesson {
	found := map[string]*lesson{}
	_ = filepath.WalkDir(b.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !recorded(d.Name()) {
			return nil // what cannot be read is not ours to delete
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		folder := filepath.Dir(path)
		l := found[folder]
		if l == nil {
			l = &lesson{folder: folder}
			found[folder] = l
		}
		l.files, l.bytes = append(l.files, path), l.bytes+info.Size()
		if info.ModTime().After(l.last) {
			l.last = info.ModTime()
		}
		return nil
	})
	return slices.SortedFunc(maps.Values(found), func(a, b *lesson) int {
		return cmp.Or(a.last.Compare(b.last), strings.Compare(a.folder, b.folder))
	})
}

// recorded tells that a name is that of a recording's file or of its sidecar.
func recorded(name string) bool {
	return ours(strings.TrimSuffix(strings.TrimSuffix(name, ".new"), sidecar))
}

func (b *Budget) count(now time.Time) {
	b.used, b.counted = 0, now
	for _, l := range b.lessons() {
		b.used += l.bytes
	}
}

// dropOldest deletes the oldest recording that is not being made.
func (b *Budget) dropOldest(now time.Time) bool {
	for _, l := range b.lessons() {
		if last, ok := b.busy[l.folder]; ok && now.Sub(last) <= quiet || now.Sub(l.last) <= quiet {
			continue // by us, or by another node or room
		}
		var err error
		for _, path := range l.files {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil {
			continue
		}
		_ = os.Remove(l.folder) // when nothing else is in it
		b.count(now)
		return true
	}
	return false
}
