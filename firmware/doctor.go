package firmware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

const (
	leastFree  = 128 << 20 // bytes; under it the journal refuses all but the vital
	enoughFree = 1 << 30
	leastFiles = 4096               // open files: a socket is one
	oldBackup  = 7 * 24 * time.Hour // a school week's work is the most to lose
	madeIn     = 2026               // a clock that shows an earlier year was never set
)

// Finding is what the doctor says of one thing.
type Finding struct {
	Level health.Level
	What  string // what was looked at, and what is wrong with it
	Mend  string // how to mend it; empty when all is well
}

func fine(format string, args ...any) Finding {
	return Finding{Level: health.OK, What: fmt.Sprintf(format, args...)}
}

func warn(mend, format string, args ...any) Finding {
	return Finding{Level: health.Warn, What: fmt.Sprintf(format, args...), Mend: mend}
}

func bad(mend, format string, args ...any) Finding {
	return Finding{Level: health.Fail, What: fmt.Sprintf(format, args...), Mend: mend}
}

// Doctor looks at the machine and the data folder and says what is wrong and how to mend
// it. It changes nothing, and works beside a running box. Addresses are those that the
// box listens on.
func Doctor(ctx context.Context, data string, addresses ...string) []Finding {
	list := []Finding{checkWritable(data), checkSpace(data)}
	switch lock, err := lockOnly(data); {
	case errs.KindOf(err) == errs.Busy:
		list = append(append(list, askBox(ctx, data)...), askMedia(ctx, data)...)
	case err != nil:
		list = append(list, bad("check the folder's owner and permissions", "the lock of %s: %v", data, err))
	default:
		list = append(list, fine("no box runs on this folder"))
		for _, d := range databases(nil) {
			list = append(list, checkDatabase(data, d))
		}
		for _, a := range addresses {
			list = append(list, checkPort(ctx, a))
		}
		list = append(list, checkCapacity(ctx))
		_ = lock.Close()
	}
	list = append(list, checkClock(time.Now()), checkMulticast(), checkFiles(), checkBackup(data, time.Now()))
	root := os.DirFS("/")
	return append(list, checkHardware(boards.Probe(root), root)...)
}

// lockOnly takes the lock of a folder that may not be there yet.
func lockOnly(data string) (io.Closer, error) {
	if _, err := os.Stat(filepath.Join(data, lockFile)); errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	lock, err := os.OpenFile(filepath.Join(data, lockFile), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errs.New("lock", errs.Busy, err), lock.Close())
	}
	return lock, nil
}

func checkWritable(data string) Finding {
	f, err := os.CreateTemp(data, "doctor-*")
	if errors.Is(err, fs.ErrNotExist) {
		return fine("the data folder %s is not there yet; the first start makes it", data)
	}
	if err == nil {
		_, err = f.WriteString("x")
		err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return bad("check the folder's owner and permissions, and that the disk is not read-only", "the data folder cannot be written: %v", err)
	}
	return fine("the data folder %s can be written", data)
}

// parent is the folder itself or what there is of the way to it.
func parent(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

func freeBytes(data string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(parent(data), &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func checkSpace(data string) Finding {
	free, err := freeBytes(data)
	switch {
	case err != nil:
		return warn("check that the disk is mounted", "free space is not known: %v", err)
	case free < leastFree:
		return bad("delete files that are not the box's, or use a larger disk; with the disk full only answers and control of the lesson are kept",
			"%d MiB free on the disk", free>>20)
	case free < enoughFree:
		return warn("make room soon: 1 GiB is enough for a school year", "%d MiB free on the disk", free>>20)
	}
	return fine("%d MiB free on the disk", free>>20)
}

// askBox gives the checks of the box that runs.
func askBox(ctx context.Context, data string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	const mend = "if this goes on, restart the box; the log says more"
	body, err := ask(ctx, data, "/health")
	if err != nil {
		return []Finding{warn(mend, "a box runs on this folder and does not answer: %v", err)}
	}
	defer func() { _ = body.Close() }()
	var checks []struct{ Name, Level, Text string }
	if err := json.NewDecoder(body).Decode(&checks); err != nil {
		return []Finding{warn(mend, "a box runs on this folder and answers nonsense: %v", err)}
	}
	list := []Finding{fine("a box runs on this folder")}
	for _, c := range checks {
		f := Finding{What: c.Name + ": " + c.Text}
		switch c.Level {
		case "ok":
			continue
		case "warn":
			f.Level = health.Warn
		default:
			f.Level = health.Fail
		}
		f.Mend = "see the admin page of the box"
		list = append(list, f)
	}
	return list
}

// checkDatabase opens a copy of a database: opening the real one would set it aside if it
// is damaged, and the doctor changes nothing.
func checkDatabase(data string, d database) Finding {
	const mend = "start the box: it sets the damaged file aside and goes on; or put a backup back with `livelearn restore`"
	from, err := os.Open(filepath.Join(data, d.name))
	if errors.Is(err, fs.ErrNotExist) {
		return fine("%s is not there yet", d.name)
	}
	if err != nil {
		return bad("check the file's owner and permissions", "%s: %v", d.name, err)
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	free, err2 := freeBytes(data)
	if err = errors.Join(err, err2); err != nil || free < 2*info.Size() {
		return warn("make room on the disk, then ask again", "%s was not checked: no room for a copy", d.name)
	}
	dir, err := os.MkdirTemp(data, "doctor-*")
	if err != nil {
		return bad("check the folder's owner and permissions", "%s was not checked: %v", d.name, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, d.name)
	if err := copyTo(path, from); err != nil {
		return warn("make room on the disk, then ask again", "%s was not checked: %v", d.name, err)
	}
	if err := d.check(path, slog.New(slog.DiscardHandler)); err != nil {
		return bad(mend, "%s is damaged: %v", d.name, err)
	}
	return fine("%s opens and checks out (%d KiB)", d.name, info.Size()>>10)
}

func copyTo(path string, from io.Reader) error {
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

func checkPort(ctx context.Context, address string) Finding {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return bad("stop the other program, or choose another address with --http and --https", "%s is in use by another program", address)
	case errors.Is(err, syscall.EACCES):
		return bad("run the box as a service with CAP_NET_BIND_SERVICE, or choose a port above 1023", "%s: not allowed to listen", address)
	case err != nil:
		return bad("choose another address with --http and --https", "%s: %v", address, err)
	}
	_ = l.Close()
	return fine("%s is free", address)
}

func checkClock(now time.Time) Finding {
	if now.Year() < madeIn || now.Year() > madeIn+50 {
		return warn("set the clock, or connect the box to a network with a time server once; lessons work, but dates are wrong and HTTPS may fail",
			"the clock shows %s", now.Format(time.DateTime))
	}
	return fine("the clock shows %s", now.Format(time.DateTime))
}

func checkMulticast() Finding {
	if !discover.Possible() {
		return warn("connect a network; browsers still reach the box by its address", "no network that does multicast: the box is not advertised")
	}
	return fine("the network does multicast")
}

func checkFiles() Finding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return warn("", "the limit of open files is not known: %v", err)
	}
	if limit.Max < leastFiles {
		return warn(fmt.Sprintf("raise it: ulimit -Hn %d, or LimitNOFILE in the service", leastFiles),
			"at most %d open files, so about as many people", limit.Max)
	}
	return fine("up to %d open files", limit.Max)
}

func checkBackup(data string, now time.Time) Finding {
	const mend = "run `livelearn backup FILE` and keep the file elsewhere"
	info, err := os.Stat(filepath.Join(data, backedUp))
	if err != nil {
		return warn(mend, "there was no backup yet")
	}
	if age := now.Sub(info.ModTime()); age > oldBackup {
		return warn(mend, "the last backup was made %d days ago", int(age.Hours()/24))
	}
	return fine("the last backup was made at %s", info.ModTime().Format(time.DateTime))
}
