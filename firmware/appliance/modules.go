package appliance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// modules loads the kernel modules of the devices that are present, as udev's coldplug does.
// Each device in sysfs names itself in a modalias file. modules.alias maps patterns of these
// names to modules (depmod(8)).
type modules struct {
	dir     string              // /lib/modules/<release>
	aliases []alias             // in the order of the file
	deps    map[string][]string // file of a module -> files that it needs, from modules.dep
	names   map[string]string   // name of a module -> its file
	loaded  map[string]bool
}

type alias struct{ pattern, module string }

// maxLine bounds a line of modules.dep and modules.alias, in bytes.
const maxLine = 64 << 10

func readModules(dir string) (*modules, error) {
	l := &modules{dir: dir, deps: map[string][]string{}, names: map[string]string{}, loaded: map[string]bool{}}
	err := eachLine(filepath.Join(dir, "modules.dep"), func(line string) {
		file, rest, _ := strings.Cut(line, ":")
		l.deps[file] = strings.Fields(rest)
		l.names[moduleName(file)] = file
	})
	if err != nil {
		return nil, err
	}
	return l, eachLine(filepath.Join(dir, "modules.alias"), func(line string) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "alias" {
			l.aliases = append(l.aliases, alias{f[1], f[2]})
		}
	})
}

// moduleName returns the name of a module from its file. The kernel treats - as _.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func eachLine(name string, each func(string)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			each(line)
		}
	}
	return s.Err()
}

// matchModalias returns the names of the modules for a device.
func (l *modules) matchModalias(modalias string) (names []string) {
	for _, a := range l.aliases {
		if ok, err := path.Match(a.pattern, modalias); ok && err == nil {
			names = append(names, a.module)
		}
	}
	return names
}

// companions are modules that the kernel asks /sbin/modprobe for by name, which an appliance does not
// have. The driver of a Pi's radio asks for the part of its maker (brcmf_fwvid_request_module).
var companions = map[string][]string{"brcmfmac": {"brcmfmac_wcc", "brcmfmac_cyw"}}

// loadModule loads a module and all that belongs to it.
func (l *modules) loadModule(name string) error {
	for _, file := range l.loadOrder(name) {
		if err := l.insertModule(file); err != nil {
			return err
		}
	}
	return nil
}

// loadOrder returns the files to load for a module that is not built in and not loaded already: the
// modules that it needs, itself, and its companions.
func (l *modules) loadOrder(name string) (files []string) {
	name = strings.ReplaceAll(name, "-", "_")
	file, ok := l.names[name]
	if !ok || l.loaded[file] {
		return nil
	}
	l.loaded[file] = true
	for _, need := range slices.Backward(l.deps[file]) {
		if !l.loaded[need] {
			l.loaded[need] = true
			files = append(files, need)
		}
	}
	files = append(files, file)
	for _, c := range companions[name] {
		files = append(files, l.loadOrder(c)...)
	}
	return files
}

func (l *modules) insertModule(file string) error {
	f, err := os.Open(filepath.Join(l.dir, file))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// loadDrivers loads the modules of all devices. Its note is the number of loaded modules.
func (m *Machine) loadDrivers(context.Context) (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	l, err := readModules(filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:])))
	if errors.Is(err, fs.ErrNotExist) {
		return "none: the kernel has its drivers built in", nil
	}
	if err != nil {
		return "", err
	}
	faults := []string{}
	for _, name := range wantedModules(os.DirFS("/sys"), l) {
		if err := l.loadModule(name); err != nil {
			faults = append(faults, err.Error())
		}
	}
	if len(faults) > 0 {
		return "", fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return fmt.Sprintf("%d modules", len(l.loaded)), nil
}

// wantedModules returns the modules for the devices in sysfs, each once.
func wantedModules(sys fs.FS, l *modules) (names []string) {
	seen := map[string]bool{}
	_ = fs.WalkDir(sys, "devices", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "modalias" {
			//lint:ignore nilerr a device may go away during the walk
			return nil
		}
		text, err := fs.ReadFile(sys, name)
		if err != nil {
			//lint:ignore nilerr a device may go away during the walk
			return nil
		}
		for _, module := range l.matchModalias(strings.TrimSpace(string(text))) {
			if !seen[module] {
				seen[module] = true
				names = append(names, module)
			}
		}
		return nil
	})
	return names
}
