// Package doctor checks the machine and the data folder of a box and says how to repair the
// faults. The command `livelearn doctor` calls Run. Package firmware uses single checks for health.
//
// The doctor changes nothing, and works while the box runs.
package doctor

import (
	"cmp"
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
	"strconv"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/firmware/install"
	"github.com/livelearn/box/firmware/losses"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/seal"
)

const (
	minFreeBytes  = 128 << 20 // bytes; under it the journal refuses all but the vital
	warnFreeBytes = 1 << 30
	minOpenFiles  = 4096               // open files: a socket is one
	maxBackupAge  = 7 * 24 * time.Hour // a school week's work is the most to lose
	buildYear     = 2026               // a clock that shows an earlier year was never set
)

// Finding is the result of one check.
type Finding struct {
	Level  health.Level
	What   string // the thing that was checked, and its fault
	Remedy string // how to mend it; empty when all is well

	// Of a finding about the network, for the pages, which have its texts in their languages.
	Code  string
	Vars  map[string]string // what the texts of the code are filled with
	Guide string            // the part of the guide about it, empty: none
}

func okFinding(format string, args ...any) Finding {
	return Finding{Level: health.OK, What: fmt.Sprintf(format, args...)}
}

func warnFinding(mend, format string, args ...any) Finding {
	return Finding{Level: health.Warn, What: fmt.Sprintf(format, args...), Remedy: mend}
}

func failFinding(mend, format string, args ...any) Finding {
	return Finding{Level: health.Fail, What: fmt.Sprintf(format, args...), Remedy: mend}
}

// Run checks the machine and the data folder and returns the findings with their remedies. It
// changes nothing, and works while the box runs. Addresses are those that the box listens on.
func Run(ctx context.Context, data string, addresses ...string) []Finding {
	list := []Finding{checkWritable(data), CheckSpace(data)}
	switch lock, err := tryLockFolder(data); {
	case errs.KindOf(err) == errs.Busy:
		list = append(append(list, checkRunningBox(ctx, data)...), checkMediaNodes(ctx, data)...)
	case err != nil:
		list = append(list, failFinding("check the folder's owner and permissions", "the lock of %s: %v", data, err))
	default:
		list = append(list, okFinding("no box runs on this folder"))
		key, finding := checkKey(data)
		list = append(list, finding)
		for _, d := range backup.Checks() {
			list = append(list, checkDatabase(data, key, d))
		}
		list = append(list, checkLosses(data)...)
		for _, a := range addresses {
			list = append(list, checkPort(ctx, a))
		}
		list = append(list, checkCapacity(ctx))
		_ = lock.Close()
	}
	list = append(list, CheckClock(time.Now()), checkMulticast(), checkFiles(), checkBackup(data, time.Now()))
	root := os.DirFS("/")
	return append(list, checkHardware(boards.Probe(root), root)...)
}

// tryLockFolder takes the lock of a folder that may not be there yet.
func tryLockFolder(data string) (io.Closer, error) {
	if _, err := os.Stat(filepath.Join(data, datafolder.LockFile)); errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	lock, err := os.OpenFile(filepath.Join(data, datafolder.LockFile), os.O_RDWR, 0)
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
		return okFinding("the data folder %s is not there yet; the first start makes it", data)
	}
	if err == nil {
		_, err = f.WriteString("x")
		err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return failFinding("check the folder's owner and permissions, and that the disk is not read-only", "the data folder cannot be written: %v", err)
	}
	return okFinding("the data folder %s can be written", data)
}

// CheckSpace checks the free space on the disk of the data folder.
func CheckSpace(data string) Finding {
	free, err := datafolder.FreeBytes(data)
	switch {
	case err != nil:
		return warnFinding("check that the disk is mounted", "free space is not known: %v", err)
	case free < minFreeBytes:
		return failFinding("delete files that are not the box's, or use a larger disk; with the disk full only answers and control of the lesson are kept",
			"%d MiB free on the disk", free>>20)
	case free < warnFreeBytes:
		return warnFinding("make room soon: 1 GiB is enough for a school year", "%d MiB free on the disk", free>>20)
	}
	return okFinding("%d MiB free on the disk", free>>20)
}

// checkRunningBox gives the checks of the box that runs.
func checkRunningBox(ctx context.Context, data string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	const mend = "if this goes on, restart the box; the log says more"
	body, err := control.Get(ctx, data, "/health")
	if err != nil {
		return []Finding{warnFinding(mend, "a box runs on this folder and does not answer: %v", err)}
	}
	defer func() { _ = body.Close() }()
	var checks []struct{ Name, Level, Text string }
	if err := json.NewDecoder(body).Decode(&checks); err != nil {
		return []Finding{warnFinding(mend, "a box runs on this folder and answers nonsense: %v", err)}
	}
	list := append([]Finding{okFinding("a box runs on this folder")}, checkClaim(ctx, data)...)
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
		f.Remedy = "see the admin page of the box"
		list = append(list, f)
	}
	return list
}

// checkClaim shows the way into a box without an owner.
func checkClaim(ctx context.Context, data string) []Finding {
	body, err := control.Get(ctx, data, "/status")
	if err != nil {
		return nil // the check of its health says that it does not answer
	}
	defer func() { _ = body.Close() }()
	var s display.Status
	if err := json.NewDecoder(body).Decode(&s); err != nil || s.ClaimCode == "" || len(s.HTTPAddresses) == 0 {
		return nil
	}
	return []Finding{warnFinding(fmt.Sprintf("open %s/claim and enter the claim code %s", s.HTTPAddresses[0], s.ClaimCode), "the box belongs to nobody yet")}
}

// checkDatabase opens a copy of a database. Opening the real one would set it aside if it is
// damaged, and the doctor changes nothing.
func checkDatabase(data string, key *seal.Key, d backup.Check) Finding {
	const mend = "start the box: it sets the damaged file aside and goes on; or put a backup back with `livelearn restore`"
	from, err := os.Open(filepath.Join(data, d.File))
	if errors.Is(err, fs.ErrNotExist) {
		return okFinding("%s is not there; a start makes it", d.File)
	}
	if err != nil {
		return failFinding("check the file's owner and permissions", "%s: %v", d.File, err)
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	free, err2 := datafolder.FreeBytes(data)
	if err = errors.Join(err, err2); err != nil || free < 2*info.Size() {
		return warnFinding("make room on the disk, then ask again", "%s was not checked: no room for a copy", d.File)
	}
	dir, err := os.MkdirTemp(data, "doctor-*")
	if err != nil {
		return failFinding("check the folder's owner and permissions", "%s was not checked: %v", d.File, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, d.File)
	if err := copyToFile(path, from); err != nil {
		return warnFinding("make room on the disk, then ask again", "%s was not checked: %v", d.File, err)
	}
	if owner, err := os.ReadFile(filepath.Join(data, datafolder.OwnerFile)); err == nil {
		_ = os.WriteFile(filepath.Join(dir, datafolder.OwnerFile), owner, 0o600) // without it the roster is checked more strictly
	}
	err = d.Run(path, key, slog.New(slog.DiscardHandler))
	if errs.BodyOf(err).Code == "owner_lost" {
		return failFinding(OwnerRemedy, "%s: %v", d.File, err)
	}
	if err != nil {
		return failFinding(mend, "%s is damaged: %v", d.File, err)
	}
	return okFinding("%s opens and checks out (%d KiB)", d.File, info.Size()>>10)
}

// checkLosses returns the losses that no admin has acknowledged.
func checkLosses(data string) (list []Finding) {
	for _, text := range losses.Read(data, time.Now()).OpenTexts() {
		list = append(list, warnFinding("put a backup back with `livelearn restore`, or acknowledge it on the admin page of the box", "%s", text))
	}
	return list
}

func copyToFile(path string, from io.Reader) error {
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// portHolder names the program that listens on the port of an address.
func portHolder(address string) string {
	if _, text, err := net.SplitHostPort(address); err == nil {
		if port, err := strconv.Atoi(text); err == nil {
			return cmp.Or(install.PortHolder("/", port), "another program")
		}
	}
	return "another program"
}

func checkPort(ctx context.Context, address string) Finding {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return failFinding("stop the other program, or choose another address with --http and --https", "%s is in use by %s", address, portHolder(address))
	case errors.Is(err, syscall.EACCES):
		return failFinding("run the box as a service with CAP_NET_BIND_SERVICE, or choose a port above 1023", "%s: not allowed to listen", address)
	case err != nil:
		return failFinding("choose another address with --http and --https", "%s: %v", address, err)
	}
	_ = l.Close()
	return okFinding("%s is free", address)
}

// CheckClock checks that the clock was set. A clock that was never set shows an early year.
func CheckClock(now time.Time) Finding {
	if now.Year() < buildYear || now.Year() > buildYear+50 {
		return warnFinding("set the clock, or connect the box to a network with a time server once; lessons work, but dates are wrong and HTTPS may fail",
			"the clock shows %s", now.Format(time.DateTime))
	}
	return okFinding("the clock shows %s", now.Format(time.DateTime))
}

func checkMulticast() Finding {
	if !discover.CanAdvertise() {
		return warnFinding("connect a network; browsers still reach the box by its address", "no network that does multicast: the box is not advertised")
	}
	return okFinding("the network does multicast")
}

func checkFiles() Finding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return warnFinding("", "the limit of open files is not known: %v", err)
	}
	if limit.Max < minOpenFiles {
		return warnFinding(fmt.Sprintf("raise it: ulimit -Hn %d, or LimitNOFILE in the service", minOpenFiles),
			"at most %d open files, so about as many people", limit.Max)
	}
	return okFinding("up to %d open files", limit.Max)
}

func checkBackup(data string, now time.Time) Finding {
	const mend = "run `livelearn backup FILE` and keep the file elsewhere"
	info, err := os.Stat(filepath.Join(data, datafolder.BackupMarkFile))
	if err != nil {
		return warnFinding(mend, "there was no backup yet")
	}
	if age := now.Sub(info.ModTime()); age > maxBackupAge {
		return warnFinding(mend, "the last backup was made %d days ago", int(age.Hours()/24))
	}
	return okFinding("the last backup was made at %s", info.ModTime().Format(time.DateTime))
}

// OwnerRemedy is the way out for a box that has lost its owner.
const OwnerRemedy = "hold the button while the box starts, or run `livelearn unclaim`, for a new claim code; or bring a backup back"
