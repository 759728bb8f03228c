package timesync

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
)

// floors are lower bounds of the time.
//
// There are two, because a time that was seen may be wrong: a real-time clock that jumped ahead
// once would otherwise keep the machine in the wrong year forever. A start uses the seen floor.
// Time servers in agreement and people are held to the proven floor only, so they can set the
// clock back after a bad battery set it ahead.
type floors struct {
	seen   time.Time // the latest time that the machine had
	proven time.Time // the latest time that servers agreed on
}

// loadFloors reads the saved floors. They are never before the release.
func (k *Keeper) loadFloors() floors {
	f := floors{k.cfg.Release, k.cfg.Release}
	data, err := os.ReadFile(k.cfg.FloorFile)
	if err != nil {
		return f
	}
	if saved, ok := parseFloors(string(data)); ok {
		f.seen, f.proven = laterOf(f.seen, saved.seen), laterOf(f.proven, saved.proven)
	}
	f.seen = laterOf(f.seen, f.proven)
	return f
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// maxFloorFile bounds the floor file, in bytes.
const maxFloorFile = 64

// parseFloors reads seconds since 1970: the seen floor, then the proven floor if there is one.
func parseFloors(text string) (f floors, ok bool) {
	fields := strings.Fields(text)
	if len(text) > maxFloorFile || len(fields) < 1 || len(fields) > 2 {
		return floors{}, false
	}
	for i, to := range []*time.Time{&f.seen, &f.proven}[:len(fields)] {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil || n < 0 || n > latestCredible.Unix() {
			return floors{}, false
		}
		*to = time.Unix(n, 0).UTC()
	}
	return f, true
}

// saveFloors saves the time as the floor for the next start. The proven floor never goes back.
func (k *Keeper) saveFloors() error {
	now, old, source := k.cfg.now(), k.loadFloors(), k.State().Source
	if !isCredible(now, old.proven) {
		return nil
	}
	f := old
	switch source {
	case FromNTP:
		f = floors{now, now}
	case FromBrowser:
		f.seen = now
	default:
		f.seen = laterOf(old.seen, now)
	}
	if f.seen.Unix() == old.seen.Unix() && f.proven.Unix() == old.proven.Unix() {
		return nil
	}
	text := fmt.Sprintf("%d %d\n", f.seen.Unix(), max(0, f.proven.Unix()))
	err := atomicfile.Write(k.cfg.FloorFile, 0o600, atomicfile.Bytes([]byte(text)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the disk with the folder is gone
	}
	return err
}
