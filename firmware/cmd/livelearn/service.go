package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/appliance"
	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/firmware/install"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
	"github.com/livelearn/box/services/update/bundle"
)

// Environment of a box that the launcher started.
const (
	envSlot     = "LIVELEARN_SLOT"     // the slot of the program
	envPrograms = "LIVELEARN_PROGRAMS" // the folder with both
	envKeys     = "LIVELEARN_KEYS"     // the file with the keys whose updates it takes
)

// serviceCmd is the launcher of an installed system. It does what the firmware does on an appliance:
// it chooses a slot and starts the program in it.
type serviceCmd struct {
	Data     string `help:"Data folder of the box." required:"" type:"path"`
	Config   string `help:"Configuration file." required:"" type:"path"`
	Programs string `help:"Folder for the two programs that updates replace in turn." required:"" type:"path"`
	Keys     string `help:"File with the keys whose updates the box takes." default:"/etc/livelearn/root.json" type:"path"`
}

// Run replaces this process by the box. When the folder of the programs cannot be used, it runs the
// installed program, which takes no updates then.
func (c serviceCmd) Run(w environment) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	box := []string{"livelearn", "box", "--data", c.Data, "--config", c.Config}
	p := newPrograms(c.Programs, "")
	if _, err := p.Seed(self, version, isNewer); err != nil {
		printText(w.stderr, "livelearn: the installed program was not copied: %v\n", err)
	}
	for range 2 { // a program that cannot be started at all gives way to the other
		slot, err := p.Choose()
		if err == nil {
			env := append(os.Environ(), envSlot+"="+string(slot), envPrograms+"="+c.Programs, envKeys+"="+c.Keys)
			err = syscall.Exec(p.Path(slot), box, env)
		}
		printText(w.stderr, "livelearn: the program of slot %q was not started: %v\n", slot, err)
	}
	return fmt.Errorf("no program was started: %w", syscall.Exec(self, box, os.Environ()))
}

// isNewer reports whether this program may replace another one. A version that is no number is of a
// developer, who knows.
func isNewer(than string) bool {
	mine, err := bundle.BuildNumber(version)
	if err != nil {
		return true
	}
	theirs, err := bundle.BuildNumber(than)
	return err != nil || mine >= theirs
}

// newPrograms returns the two programs of an installed system.
func newPrograms(dir string, booted hal.Slot) *slots.Programs {
	return &slots.Programs{Folder: slots.Folder{Dir: dir}, Booted: booted, Extract: extractProgram}
}

// extractProgram copies the program out of the root file system of an image, and returns the build
// number of the image.
func extractProgram(root *os.File, w io.Writer) (build int, err error) {
	info, err := root.Stat()
	if err != nil {
		return 0, err
	}
	fsys, err := squashfs.Read(file.New(root, true), info.Size(), 0, 0)
	if err != nil {
		return 0, err
	}
	var r release
	about, err := fs.ReadFile(fsys, strings.TrimPrefix(appliance.ShareDir, "/")+"/release.json")
	if err == nil {
		err = json.Unmarshal(about, &r)
	}
	if err != nil {
		return 0, fmt.Errorf("the update does not say its build: %w", err)
	}
	program, err := fsys.OpenFile(slots.ProgramName, os.O_RDONLY)
	if err != nil {
		return 0, fmt.Errorf("the update holds no program: %w", err)
	}
	defer func() { _ = program.Close() }()
	_, err = io.Copy(w, program)
	return r.Build, err
}

// updateBoard is the board whose bundles hold a program for this machine.
var updateBoard = map[string]string{"amd64": "pc", "arm64": "virt"}

// addServiceParts adds the parts of an installed system if the launcher started this program. restart
// ends the box, so that the service manager starts the launcher again.
func addServiceParts(parts *firmware.Parts, restart func()) error {
	slot, dir := hal.Slot(os.Getenv(envSlot)), os.Getenv(envPrograms)
	if slot == "" || dir == "" {
		return nil
	}
	if err := trustWeb(); err != nil {
		return err
	}
	p := newPrograms(dir, slot)
	p.Reboot = func(context.Context, string) error { restart(); return nil }
	parts.Board.Slots = p
	parts.Board.Firmware = hal.Firmware{} // it does not choose the program here
	parts.ReportAlive = reportToManager
	build := p.Build(slot)
	if build == 0 {
		build, _ = bundle.BuildNumber(version) // 0 of a developer: any release is newer
	}
	root, err := os.ReadFile(os.Getenv(envKeys))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parts.Release = firmware.Release{Board: updateBoard[runtime.GOARCH], Build: build, Root: root}
	return nil
}

// reportToManager reports to the service manager that the box answers (sd_notify). The manager
// restarts a box whose reports stop.
func reportToManager(_ context.Context, a initctl.Alive) error {
	state := daemon.SdNotifyReady + "\n" + daemon.SdNotifyWatchdog + "\nSTATUS=" + cmp.Or(a.Why, "ready")
	_, err := daemon.SdNotify(false, state)
	return err
}

// installedPaths returns the places of the installed system that this program belongs to, or false.
func installedPaths() (install.Paths, bool) {
	self, err := os.Executable()
	if err != nil {
		return install.Paths{}, false
	}
	for _, p := range []install.Paths{install.Local, install.Package} {
		if self == p.Program || strings.HasPrefix(path.Clean(self), p.Programs+"/") {
			return p, true
		}
	}
	return install.Paths{}, false
}
