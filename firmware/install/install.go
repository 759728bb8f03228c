// Package install makes the running program a service of a Linux system with systemd: Debian, Ubuntu,
// Raspberry Pi OS. The commands install and uninstall use it, and the Debian package has the same
// files. It knows the system under Host.Root only, so tests pass a folder.
package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

// Host is the system.
type Host struct {
	Root string // of its files: "/"
	UID  int    // of this process
	// Run runs a program of the system and returns an error with its output.
	Run func(ctx context.Context, name string, args ...string) error
	// Holder returns who listens on a TCP port, empty for a free port.
	Holder func(port int) string
	// Show receives each step before it is done.
	Show   func(text string)
	DryRun bool // steps are shown and not done
}

// Options are what a person chose.
type Options struct {
	Program     string // the file to install
	HTTP, HTTPS string // empty: those of the configuration, or 80 and 443
	Keys        string // root.json of the publisher, empty means as it is
}

const op = "install"

func refuse(code, format string, args ...any) error {
	return errs.NewCode(op, errs.Invalid, code, format, args...)
}

// step is one change of the system.
type step struct {
	text string
	do   func(context.Context) error
}

// path returns the place of a file.
func (h Host) path(name string) string { return filepath.Join(h.Root, name) }

func (h Host) exists(name string) bool {
	_, err := os.Lstat(h.path(name))
	return err == nil
}

// runSteps shows and does the steps in order, up to the first that fails.
func (h Host) runSteps(ctx context.Context, list []step) error {
	for _, s := range list {
		h.Show(s.text)
		if h.DryRun {
			continue
		}
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.text, explain(err))
		}
	}
	return nil
}

// explain adds to an error what helps against it.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (is it a system that cannot be changed?)", err)
	case errors.Is(err, errReadOnly):
		return fmt.Errorf("%w (the file system is read-only: mount it writable)", err)
	}
	return err
}

// IsInstalled reports whether the command install has installed a program.
func (h Host) IsInstalled() bool { return h.exists(Local.Unit) }

// CheckSystem says why the system cannot have the service.
func (h Host) CheckSystem() error {
	switch {
	case h.UID != 0 && !h.DryRun:
		return refuse("not_root", "this changes the system, so it needs root: run it with sudo")
	case !h.exists("run/systemd/system"):
		return refuse("no_systemd", "this system does not run systemd: start `livelearn box` with the service manager that it has")
	case h.exists(Package.Unit):
		return refuse("package", "the package livelearn is installed: use apt, or remove it first with: apt remove livelearn")
	}
	return nil
}

// Install makes a program the service, or brings the service to this program. It starts it, and
// returns before the box answers.
func (h Host) Install(ctx context.Context, o Options) error {
	if err := h.CheckSystem(); err != nil {
		return err
	}
	if err := h.checkConfig(o); err != nil {
		return err
	}
	if !h.IsInstalled() {
		if err := h.checkPorts(o); err != nil {
			return err
		}
	}
	steps := []step{
		{"copy the program to " + Local.Program, func(context.Context) error { return h.copyFile(o.Program, Local.Program, 0o755) }},
		{"link " + Local.Link, func(context.Context) error { return h.link(Local.Program, Local.Link) }},
		{"write " + Local.Manual, func(context.Context) error { return h.write(Local.Manual, 0o644, ManualPage) }},
		{"write " + Local.User, func(context.Context) error { return h.write(Local.User, 0o644, UserConfig) }},
		{"make the user " + User, func(ctx context.Context) error { return h.Run(ctx, "systemd-sysusers", h.path(Local.User)) }},
	}
	if !h.exists(ConfigFile) {
		steps = append(steps, step{"write " + ConfigFile, func(context.Context) error { return h.write(ConfigFile, 0o640, Config(o.HTTP, o.HTTPS)) }})
	}
	if o.Keys != "" {
		steps = append(steps, step{"write " + KeysFile, func(context.Context) error { return h.copyFile(o.Keys, KeysFile, 0o644) }})
	}
	steps = append(steps,
		step{"let the user " + User + " read " + ConfigFile, func(ctx context.Context) error { return h.Run(ctx, "chown", "root:"+User, h.path(ConfigFile)) }},
		step{"write " + Local.Unit, func(context.Context) error { return h.write(Local.Unit, 0o644, Local.UnitFile()) }},
		step{"load it", func(ctx context.Context) error { return h.Run(ctx, "systemctl", "daemon-reload") }},
		step{"start it now and at each start of the machine", func(ctx context.Context) error {
			return errors.Join(h.Run(ctx, "systemctl", "enable", Service), h.Run(ctx, "systemctl", "restart", "--no-block", Service))
		}},
	)
	return h.runSteps(ctx, steps)
}

// checkConfig refuses ports that an existing configuration would not follow.
func (h Host) checkConfig(o Options) error {
	for name, addr := range map[string]string{"http": o.HTTP, "https": o.HTTPS} {
		if addr == "" || name == "https" && addr == "off" {
			continue
		}
		if _, err := portOf(addr); err != nil {
			return errs.NewField(op, name, "bad_address", 0, "%q is no address: use :8080 or 192.168.1.5:8080", addr)
		}
	}
	if o.HTTP+o.HTTPS == "" {
		return nil
	}
	old, err := os.ReadFile(h.path(ConfigFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(old) == Config(o.HTTP, o.HTTPS) {
		return nil
	}
	return refuse("config", "%s is there already, and a person may have written it: set http and https under [gateway] there, and run install without --http and --https", ConfigFile)
}

func portOf(addr string) (int, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return 0, errors.New("no port")
	}
	return n, nil
}

// checkPorts says who has the ports of a new system.
func (h Host) checkPorts(o Options) error {
	if h.exists(ConfigFile) {
		return nil // the box says it, which reads that file
	}
	for _, p := range []struct{ flag, addr string }{{"http", cmp.Or(o.HTTP, ":80")}, {"https", cmp.Or(o.HTTPS, ":443")}} {
		port, err := portOf(p.addr)
		if err != nil {
			continue // off
		}
		if who := h.Holder(port); who != "" {
			return errs.NewField(op, p.flag, "port_taken", 0, "port %d is taken by %s: stop that, or choose another one with --%s :%d", port, who, p.flag, 8000+port)
		}
	}
	return nil
}

// Uninstall removes the service and its programs. With purge it removes all data and the user too. It
// returns what it left.
func (h Host) Uninstall(ctx context.Context, purge bool) (left []string, err error) {
	if err := h.CheckSystem(); err != nil {
		return nil, err
	}
	if !h.IsInstalled() && !purge {
		return nil, errs.NewCode(op, errs.Missing, "not_installed", "no service was installed here by `livelearn install`")
	}
	steps := []step{
		{"stop the service", func(ctx context.Context) error {
			if !h.IsInstalled() {
				return nil
			}
			return h.Run(ctx, "systemctl", "disable", "--now", Service)
		}},
		h.removal(Local.Unit),
		{"forget it", func(ctx context.Context) error { return h.Run(ctx, "systemctl", "daemon-reload") }},
		h.removal(Local.Link), h.removal(Local.Manual), h.removal(filepath.Dir(Local.Program)), h.removal(ProgramsDir),
	}
	rest := []string{ConfigDir, DataDir}
	if purge {
		steps = append(steps, h.removal(ConfigDir), h.removal(DataDir),
			step{"remove the user " + User, func(ctx context.Context) error {
				if !h.hasUser() {
					return nil
				}
				return h.Run(ctx, "userdel", User)
			}})
		rest = nil
	}
	steps = append(steps, h.removal(Local.User))
	if err := h.runSteps(ctx, steps); err != nil {
		return nil, err
	}
	for _, name := range rest {
		if h.exists(name) {
			left = append(left, name)
		}
	}
	if h.hasUser() && !purge {
		left = append(left, "the user "+User)
	}
	return left, nil
}

func (h Host) removal(name string) step {
	return step{"remove " + name, func(context.Context) error { return os.RemoveAll(h.path(name)) }}
}

// write writes a file whole.
func (h Host) write(name string, mode fs.FileMode, text string) error {
	return h.replace(name, mode, atomicfile.Bytes([]byte(text)))
}

func (h Host) copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return h.replace(to, mode, func(w io.Writer) error { _, err := io.Copy(w, in); return err })
}

func (h Host) replace(name string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		return err
	}
	if err := atomicfile.Write(h.path(name), mode, write); err != nil {
		return err
	}
	return os.Chmod(h.path(name), mode) // whatever the umask of the shell
}

func (h Host) link(to, name string) error {
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		return err
	}
	if old, err := os.Readlink(h.path(name)); err == nil && old == to {
		return nil
	}
	if err := os.Remove(h.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(to, h.path(name))
}
