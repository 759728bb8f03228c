package appliance

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/update"
)

// Sticks finds bundles on USB sticks. A stick is mounted to be read, for as long as that
// takes, and can be pulled out at any other time.
type Sticks struct {
	root  fs.FS  // the machine's files
	at    string // where sticks are mounted
	mount func(device, at string) error
	leave func(at string) error

	mu   sync.Mutex
	list []update.Stick // guarded by mu
	when time.Time      // the list was made; guarded by mu
}

const (
	bundleEnding = ".livelearn"
	maxBundles   = 20 // on one stick
	lookAgain    = 5 * time.Second
)

// NewSticks looks for sticks of this machine.
func NewSticks() *Sticks {
	return &Sticks{root: os.DirFS("/"), at: filepath.Join(RunDir, "usb"), mount: mountStick, leave: func(at string) error { return unix.Unmount(at, 0) }}
}

func mountStick(device, at string) error {
	flags := uintptr(unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	faults := []error{}
	for _, kind := range []string{"vfat", "exfat", "ext4"} {
		err := unix.Mount(device, at, kind, flags, "")
		if err == nil {
			return nil
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// List is the bundles on all sticks. It looks again each five seconds at most.
func (s *Sticks) List() ([]update.Stick, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.when) > lookAgain {
		s.list, s.when = nil, now
		for _, device := range s.devices() {
			s.list = append(s.list, s.bundles(device)...)
		}
	}
	return slices.Clone(s.list), nil
}

// devices are the partitions of disks on USB, and disks without partitions.
func (s *Sticks) devices() (list []string) {
	disks, err := fs.Glob(s.root, "sys/block/sd*")
	if err != nil {
		return nil
	}
	for _, disk := range disks {
		if removable, err := fs.ReadFile(s.root, path.Join(disk, "removable")); err != nil || strings.TrimSpace(string(removable)) != "1" {
			continue
		}
		parts, _ := fs.Glob(s.root, path.Join(disk, path.Base(disk)+"*", "partition")) // the pattern is good
		for _, p := range parts {
			list = append(list, "/dev/"+path.Base(path.Dir(p)))
		}
		if len(parts) == 0 {
			list = append(list, "/dev/"+path.Base(disk))
		}
	}
	return list
}

// bundles are those at the top of a stick. One that cannot be read has none.
func (s *Sticks) bundles(device string) (list []update.Stick) {
	_ = s.with(device, func(dir string) error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(e.Name(), bundleEnding) || len(list) == maxBundles {
				continue
			}
			name := e.Name()
			list = append(list, update.Stick{
				Path: device + "/" + name, Name: name, Size: info.Size(),
				Open: func() (io.ReadSeekCloser, error) { return s.open(device, name) },
			})
		}
		return err
	})
	slices.SortFunc(list, func(a, b update.Stick) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (s *Sticks) with(device string, do func(dir string) error) error {
	at := filepath.Join(s.at, path.Base(device))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	if err := s.mount(device, at); err != nil {
		return err
	}
	return errors.Join(do(at), s.leave(at))
}

// open opens a bundle; closing it lets the stick go.
func (s *Sticks) open(device, name string) (io.ReadSeekCloser, error) {
	at := filepath.Join(s.at, path.Base(device)+"-open")
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	if err := s.mount(device, at); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(at, name))
	if err != nil {
		return nil, errors.Join(err, s.leave(at))
	}
	return &onStick{f, func() error { return s.leave(at) }}, nil
}

type onStick struct {
	*os.File
	leave func() error
}

// Close lets the stick go.
func (f *onStick) Close() error { return errors.Join(f.File.Close(), f.leave()) }
