package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/disk"
)

// mount is one file system that needs no disk.
type mount struct {
	kind, at string
	flags    uintptr
	data     string
}

// kernelMounts are mounted first, because everything else needs them.
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

// optionalMounts are the kinds that a kernel or a machine may lack.
var optionalMounts = map[string]bool{"cgroup2": true, "efivarfs": true, "devpts": true}

// mountAll mounts the list. It leaves mounts of the kernel in place.
func mountAll(list []mount) error {
	var faults []error
	for _, m := range list {
		_ = os.MkdirAll(m.at, 0o755) // if it fails, the mount fails too
		err := unix.Mount(m.kind, m.at, m.kind, m.flags, m.data)
		if err != nil && !errors.Is(err, unix.EBUSY) && !optionalMounts[m.kind] {
			faults = append(faults, fmt.Errorf("%s: %w", m.at, err))
		}
	}
	return errors.Join(faults...)
}

// sysctls are kernel settings by their path under /proc/sys.
var sysctls = map[string]string{
	"kernel/panic":                     "5", // seconds until the machine restarts
	"kernel/panic_on_oops":             "1", // a damaged kernel is worse than a restart
	"kernel/ctrl-alt-del":              "0", // the kernel sends SIGINT to the first process
	"kernel/printk":                    "1", // the console shows the address and the claim code
	"kernel/unprivileged_bpf_disabled": "1",
	"vm/dirty_writeback_centisecs":     "1500", // writes wear out a card, and important data is synced
	"vm/min_free_kbytes":               "8192", // memory for a burst of packets
	"net/core/rmem_max":                "4194304",
	"net/core/wmem_max":                "4194304",
	"net/ipv4/conf/all/rp_filter":      "1",
}

func setSysctls(settings map[string]string) error {
	var faults []error
	for path, value := range settings {
		err := os.WriteFile("/proc/sys/"+path, []byte(value), 0o644)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// setUpMounts mounts the file systems in memory and sets the kernel settings.
func (m *Machine) setUpMounts(context.Context) (string, error) {
	err := mountAll(kernelMounts)
	m.mu.Lock()
	m.boot.ID = bootID()
	m.mu.Unlock()
	// Each program gets limits of its own in its control group.
	_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory +cpu +pids"), 0o644)
	return "", errors.Join(err, setSysctls(sysctls), writeEtc())
}

// writeEtc writes the files that programs expect in /etc.
func writeEtc() error {
	err := os.WriteFile("/etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)
	return errors.Join(err, os.Symlink("/run/resolv.conf", "/etc/resolv.conf"))
}

// mountBoot mounts the partition that the firmware reads, read-only.
func mountBoot(device, at string) error {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_RDONLY)
	err := unix.Mount(device, at, "vfat", flags, "umask=077")
	if err != nil {
		// This kernel lacks the default character set.
		err = unix.Mount(device, at, "vfat", flags, "umask=077,iocharset=ascii")
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", device, at, err)
	}
	return nil
}

// checkMounted returns an error if nothing is mounted at a folder: it is on the disk of its parent.
func checkMounted(dir string) error {
	var own, parent unix.Stat_t
	if err := errors.Join(unix.Stat(dir, &own), unix.Stat(filepath.Dir(dir), &parent)); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if own.Dev == parent.Dev {
		return fmt.Errorf("%s is not mounted", dir)
	}
	return nil
}

// mountBootAgain mounts the boot partition if the start of the machine could not. The key of the data
// may be there, and the next start of the box may need it.
func (m *Machine) mountBootAgain() {
	if m.disk.Device == "" || checkMounted(BootDir) == nil {
		return
	}
	boot, err := m.disk.Part(disk.BootPart)
	if err == nil {
		err = mountBoot(boot.Device, BootDir)
	}
	if err != nil {
		m.log.Error("the boot partition is not mounted", "err", err)
	}
}

// bootWriters counts the writers of /boot in this program.
var bootWriters struct {
	sync.Mutex
	n int // guarded by the mutex
}

// OpenBoot makes /boot writable. The returned function makes it read-only again when the last
// writer calls it. Writers sync their important files themselves (hal/slots). A file system
// that syncs every write would take minutes for a kernel and wear out the card.
func OpenBoot() (func() error, error) {
	bootWriters.Lock()
	defer bootWriters.Unlock()
	if bootWriters.n == 0 {
		if err := remountBoot(0); err != nil {
			return nil, fmt.Errorf("%s for writing: %w", BootDir, err)
		}
	}
	bootWriters.n++
	return sync.OnceValue(closeBoot), nil
}

func closeBoot() error {
	bootWriters.Lock()
	defer bootWriters.Unlock()
	if bootWriters.n--; bootWriters.n > 0 {
		return nil
	}
	unix.Sync()
	if err := remountBoot(unix.MS_RDONLY); err != nil {
		return fmt.Errorf("%s for reading: %w", BootDir, err)
	}
	return nil
}

func remountBoot(more uintptr) error {
	const flags = unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_DIRSYNC
	return unix.Mount("", BootDir, "", flags|more, "")
}
