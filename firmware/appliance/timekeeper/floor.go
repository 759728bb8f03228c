package timekeeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// floors are the times that no time is before.
//
// There are two, since what was seen may be wrong: a real-time clock that jumped ahead once
// would else keep the machine in the wrong year for good. A machine starts from what it saw
// last. Who knows the time, a majority of servers or a person, is held to the proven floor
// only, and may so bring the clock back from where a bad cell took it.
type floors struct {
	seen   time.Time // the latest time that the machine had
	proven time.Time // the latest time that servers agreed on
}

// floor reads what was saved. No floor is before the release.
func (k *Keeper) floor() floors {
	f := floors{k.cfg.Release, k.cfg.Release}
	data, err := os.ReadFile(k.cfg.Floor)
	if err != nil {
		return f
	}
	if saved, ok := parseFloors(string(data)); ok {
		f.seen, f.proven = later(f.seen, saved.seen), later(f.proven, saved.proven)
	}
	f.seen = later(f.seen, f.proven)
	return f
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// maxFloorFile bounds what is read of the file, in bytes.
const maxFloorFile = 64

// parseFloors reads seconds since 1970: what was seen, then what was proven if anything was.
func parseFloors(text string) (f floors, ok bool) {
	fields := strings.Fields(text)
	if len(text) > maxFloorFile || len(fields) < 1 || len(fields) > 2 {
		return floors{}, false
	}
	for i, to := range []*time.Time{&f.seen, &f.proven}[:len(fields)] {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil || n < 0 || n > latest.Unix() {
			return floors{}, false
		}
		*to = time.Unix(n, 0).UTC()
	}
	return f, true
}

// save keeps the time as the floor for the next start. What was proven never goes back.
func (k *Keeper) save() error {
	now, old, source := k.cfg.now(), k.floor(), k.State().Source
	if !credible(now, old.proven) {
		return nil
	}
	f := old
	switch source {
	case FromNTP:
		f = floors{now, now}
	case FromBrowser:
		f.seen = now
	default:
		f.seen = later(old.seen, now)
	}
	if f.seen.Unix() == old.seen.Unix() && f.proven.Unix() == old.proven.Unix() {
		return nil
	}
	text := fmt.Sprintf("%d %d\n", f.seen.Unix(), max(0, f.proven.Unix()))
	err := replace(k.cfg.Floor, text)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the folder went away with a disk
	}
	return err
}

// replace writes a file as a whole, also when the power goes.
func replace(name, text string) error {
	temp := name + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
