package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// mount is one file system that the kernel makes.
type mount struct {
	kind, at string
	flags    uintptr
	data     string
}

// kernelMounts need no disk. They come first: nothing else can be found without them.
var kernelMounts = []mount{
	{"proc", "/proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
	{"sysfs", "/sys", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
	{"devtmpfs", "/dev", unix.MS_NOSUID | unix.MS_NOEXEC, ""},
	{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=600,ptmxmode=000"},
	{"tmpfs", "/dev/shm", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=16m,mode=700"},
	{"tmpfs", "/run", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=16m,mode=755"},
	{"tmpfs", "/tmp", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=25%,mode=700"},
	{"tmpfs", "/etc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "size=1m,mode=755"},
	{"cgroup2", "/sys/fs/cgroup", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
	{"efivarfs", "/sys/firmware/efi/efivars", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
}

// optional are those that a kernel or a machine may lack.
var optional = map[string]bool{"cgroup2": true, "efivarfs": true, "devpts": true}

// mountAll mounts them. What a kernel had mounted already stays.
func mountAll(list []mount) error {
	var faults []error
	for _, m := range list {
		_ = os.MkdirAll(m.at, 0o755) // where it cannot be made, the mount says so
		err := unix.Mount(m.kind, m.at, m.kind, m.flags, m.data)
		if err != nil && !errors.Is(err, unix.EBUSY) && !optional[m.kind] {
			faults = append(faults, fmt.Errorf("%s: %w", m.at, err))
		}
	}
	return errors.Join(faults...)
}

// settings are the kernel's, by their path under /proc/sys.
var settings = map[string]string{
	"kernel/panic":                     "5", // seconds, then the machine starts anew
	"kernel/panic_on_oops":             "1", // half a kernel is worse than a restart
	"kernel/ctrl-alt-del":              "0", // asks us
	"kernel/printk":                    "1", // the console belongs to the address and the code
	"kernel/unprivileged_bpf_disabled": "1",
	"vm/dirty_writeback_centisecs":     "1500", // a card wears out by writes, and what must be safe is synced
	"vm/min_free_kbytes":               "8192", // a burst of packets finds memory
	"net/core/rmem_max":                "4194304",
	"net/core/wmem_max":                "4194304",
	"net/ipv4/conf/all/rp_filter":      "1",
}

func set(settings map[string]string) error {
	var faults []error
	for path, value := range settings {
		err := os.WriteFile("/proc/sys/"+path, []byte(value), 0o644)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// mounts is the phase.
func (m *Machine) mounts(context.Context) (string, error) {
	err := mountAll(kernelMounts)
	m.mu.Lock()
	m.boot.ID = bootID()
	m.mu.Unlock()
	// From here to the end: what the program may fill is bounded by its own groups.
	_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory +cpu +pids"), 0o644)
	return "", errors.Join(err, set(settings), etc())
}

// etc are the files that programs look for in one place everywhere.
func etc() error {
	err := os.WriteFile("/etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)
	return errors.Join(err, os.Symlink("/run/resolv.conf", "/etc/resolv.conf"))
}

// mountBoot mounts the partition that the firmware reads from, to be read.
func mountBoot(device, at string) error {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_RDONLY)
	err := unix.Mount(device, at, "vfat", flags, "umask=077")
	if err != nil {
		// A kernel without the usual table of characters.
		err = unix.Mount(device, at, "vfat", flags, "umask=077,iocharset=ascii")
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", device, at, err)
	}
	return nil
}

// writers of /boot, in this program.
var writers struct {
	sync.Mutex
	n int // guarded by the mutex
}

// OpenBoot makes the file system at /boot writable, and the function that it gives, called by
// the last one who writes, makes it readable only again. Who writes syncs what must be there
// (hal/slots): a file system that syncs each write takes minutes for a kernel, and wears out a card.
func OpenBoot() (func() error, error) {
	writers.Lock()
	defer writers.Unlock()
	if writers.n == 0 {
		if err := remount(0); err != nil {
			return nil, fmt.Errorf("%s for writing: %w", BootDir, err)
		}
	}
	writers.n++
	return sync.OnceValue(closeBoot), nil
}

func closeBoot() error {
	writers.Lock()
	defer writers.Unlock()
	if writers.n--; writers.n > 0 {
		return nil
	}
	unix.Sync()
	if err := remount(unix.MS_RDONLY); err != nil {
		return fmt.Errorf("%s for reading: %w", BootDir, err)
	}
	return nil
}

func remount(more uintptr) error {
	const flags = unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_DIRSYNC
	return unix.Mount("", BootDir, "", flags|more, "")
}
