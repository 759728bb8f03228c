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

// Sticks finds bundles on USB sticks. A stick is mounted read-only, and only while it is read.
// People can pull it out at any other time.
type Sticks struct {
	root     fs.FS  // file tree of the machine
	mountDir string // parent of the mount points
	mount    func(device, at string) error
	unmount  func(at string) error

	mu       sync.Mutex
	list     []update.Stick // guarded by mu
	listedAt time.Time      // guarded by mu
}

const (
	bundleSuffix = ".livelearn"
	maxBundles   = 20 // bundles listed for one stick
	rescanAfter  = 5 * time.Second
)

// NewSticks returns the sticks of this machine.
func NewSticks() *Sticks {
	return &Sticks{root: os.DirFS("/"), mountDir: filepath.Join(RunDir, "usb"), mount: mountStick, unmount: func(at string) error { return unix.Unmount(at, 0) }}
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

// List returns the bundles on all sticks. It scans at most every five seconds.
func (s *Sticks) List() ([]update.Stick, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.listedAt) > rescanAfter {
		s.list, s.listedAt = nil, now
		for _, device := range s.findDevices() {
			s.list = append(s.list, s.findBundles(device)...)
		}
	}
	return slices.Clone(s.list), nil
}

// findDevices returns the partitions of removable disks, and removable disks without partitions.
func (s *Sticks) findDevices() (list []string) {
	disks, err := fs.Glob(s.root, "sys/block/sd*")
	if err != nil {
		return nil
	}
	for _, disk := range disks {
		if removable, err := fs.ReadFile(s.root, path.Join(disk, "removable")); err != nil || strings.TrimSpace(string(removable)) != "1" {
			continue
		}
		parts, _ := fs.Glob(s.root, path.Join(disk, path.Base(disk)+"*", "partition")) // the pattern is valid
		for _, p := range parts {
			list = append(list, "/dev/"+path.Base(path.Dir(p)))
		}
		if len(parts) == 0 {
			list = append(list, "/dev/"+path.Base(disk))
		}
	}
	return list
}

// findBundles returns the bundles at the top of a stick. It returns none for an unreadable stick.
func (s *Sticks) findBundles(device string) (list []update.Stick) {
	_ = s.withMounted(device, func(dir string) error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(e.Name(), bundleSuffix) || len(list) == maxBundles {
				continue
			}
			name := e.Name()
			list = append(list, update.Stick{
				Path: device + "/" + name, Name: name, Size: info.Size(),
				Open: func() (io.ReadSeekCloser, error) { return s.openBundle(device, name) },
			})
		}
		return err
	})
	slices.SortFunc(list, func(a, b update.Stick) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (s *Sticks) withMounted(device string, do func(dir string) error) error {
	at := filepath.Join(s.mountDir, path.Base(device))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	if err := s.mount(device, at); err != nil {
		return err
	}
	return errors.Join(do(at), s.unmount(at))
}

// openBundle mounts a stick and opens a bundle on it. Closing the bundle unmounts the stick.
func (s *Sticks) openBundle(device, name string) (io.ReadSeekCloser, error) {
	at := filepath.Join(s.mountDir, path.Base(device)+"-open")
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	if err := s.mount(device, at); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(at, name))
	if err != nil {
		return nil, errors.Join(err, s.unmount(at))
	}
	return &stickFile{f, func() error { return s.unmount(at) }}, nil
}

type stickFile struct {
	*os.File
	unmount func() error
}

// Close closes the file and unmounts the stick.
func (f *stickFile) Close() error { return errors.Join(f.File.Close(), f.unmount()) }
