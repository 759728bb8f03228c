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
	"strings"

	"golang.org/x/sys/unix"
)

// modules loads what the devices that are there ask for, as udev's coldplug does: each
// device in sysfs names itself in a modalias, and modules.alias has the patterns of what
// drives it (depmod(8)).
type modules struct {
	dir     string              // /lib/modules/<release>
	aliases []alias             // in the file's order
	needs   map[string][]string // module's file -> those it needs, by modules.dep
	names   map[string]string   // module's name -> its file
	loaded  map[string]bool
}

type alias struct{ pattern, module string }

// maxLine bounds a line of the kernel's lists, in bytes.
const maxLine = 64 << 10

func readModules(dir string) (*modules, error) {
	l := &modules{dir: dir, needs: map[string][]string{}, names: map[string]string{}, loaded: map[string]bool{}}
	err := lines(filepath.Join(dir, "modules.dep"), func(line string) {
		file, rest, _ := strings.Cut(line, ":")
		l.needs[file] = strings.Fields(rest)
		l.names[moduleName(file)] = file
	})
	if err != nil {
		return nil, err
	}
	return l, lines(filepath.Join(dir, "modules.alias"), func(line string) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "alias" {
			l.aliases = append(l.aliases, alias{f[1], f[2]})
		}
	})
}

// moduleName is the name of a module's file; the kernel takes - for _.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func lines(name string, each func(string)) error {
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

// match are the modules for a device.
func (l *modules) match(modalias string) (names []string) {
	for _, a := range l.aliases {
		if ok, err := path.Match(a.pattern, modalias); ok && err == nil {
			names = append(names, a.module)
		}
	}
	return names
}

// load loads a module after those it needs.
func (l *modules) load(name string) error {
	file, ok := l.names[strings.ReplaceAll(name, "-", "_")]
	if !ok || l.loaded[file] {
		return nil // built in, or there already
	}
	l.loaded[file] = true
	needs := l.needs[file]
	for i := len(needs) - 1; i >= 0; i-- {
		if err := l.insert(needs[i]); err != nil {
			return err
		}
	}
	return l.insert(file)
}

func (l *modules) insert(file string) error {
	f, err := os.Open(filepath.Join(l.dir, file))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	l.loaded[file] = true
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// coldplug loads a driver for every device that has none, and tells how many it loaded.
func (m *Machine) coldplug(context.Context) (string, error) {
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
	for _, name := range wanted(os.DirFS("/sys"), l) {
		if err := l.load(name); err != nil {
			faults = append(faults, err.Error())
		}
	}
	if len(faults) > 0 {
		return "", fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return fmt.Sprintf("%d modules", len(l.loaded)), nil
}

// wanted are the modules for the devices of a sysfs, each once.
func wanted(sys fs.FS, l *modules) (names []string) {
	seen := map[string]bool{}
	_ = fs.WalkDir(sys, "devices", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "modalias" {
			return nil //nolint:nilerr // a device that went away
		}
		text, err := fs.ReadFile(sys, name)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		for _, module := range l.match(strings.TrimSpace(string(text))) {
			if !seen[module] {
				seen[module] = true
				names = append(names, module)
			}
		}
		return nil
	})
	return names
}
