package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/disk"
	"github.com/livelearn/box/firmware/appliance/identity"
	"github.com/livelearn/box/firmware/appliance/persistlog"
	"github.com/livelearn/box/firmware/appliance/timesync"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/supervise"
)

// findBoot finds the disk that we were started from, and mounts its boot partition.
func (m *Machine) findBoot(context.Context) (string, error) {
	m.slot = hal.Slot(kernelOption("livelearn.slot"))
	var err error
	if m.disk, err = findOwnDisk(); err != nil {
		return "", err
	}
	slots, err := newSlots(m.disk, m.slot, nil)
	if err != nil {
		return "", err
	}
	m.slots = slots
	boot, err := m.disk.Part(disk.BootPart)
	if err != nil {
		return "", err
	}
	return m.disk.Device + ", slot " + string(m.slot), mountBoot(boot.Device, BootDir)
}

// checkerPath is the program that repairs the data partition.
const checkerPath = "/usr/sbin/e2fsck"

// findData checks or makes the data partition and mounts it. If that fails, the machine shows the
// fault. A partition that was in use stays readable if it can be, and only the safe mode runs: a
// person takes the data out, or decides to repair it. Without such a partition the machine runs
// from memory.
func (m *Machine) findData(context.Context) (string, error) {
	force, err := takeRepairOrder(BootFolder())
	if err != nil {
		m.log.Error("the order to repair the data is not removed, and not followed", "err", err)
	}
	check := disk.Checker{Program: checkerPath, Force: force && err == nil}
	part, result, err := disk.PrepareData(m.disk, check, m.showPhase)
	if err == nil {
		err = mountData(part.Device, 0, "errors=remount-ro,commit=5")
	}
	if err == nil {
		m.loadFailures()
		m.loadRepairs()
		m.repaired = result.Repaired
		return result.String(), makeFolders()
	}
	if part.Name != disk.DataPart {
		return "", errors.Join(err, mountMemoryData())
	}
	m.setDamaged(err)
	// noload: the journal may be damaged too, and nothing may be written.
	if mountData(part.Device, unix.MS_RDONLY, "noload") != nil {
		return "", errors.Join(err, mountMemoryData())
	}
	m.loadFailures()
	return "", err
}

// mountData mounts the data partition. An error makes it read-only: old data is worth more than
// new data.
func mountData(device string, more uintptr, options string) error {
	flags := unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | more
	if err := unix.Mount(device, DataDir, "ext4", flags, options); err != nil {
		return fmt.Errorf("%s on %s: %w", device, DataDir, err)
	}
	return nil
}

// openLog opens the log on the disk and sends all output there.
func (m *Machine) openLog(context.Context) (string, error) {
	store, err := persistlog.Open(LogDir, bootID(), persistlog.Options{})
	if err != nil {
		return "", err
	}
	m.output.attachStore(store)
	m.services = append(m.services, supervise.Run("log", store))
	return "", nil
}

// setClock sets the clock from the hardware clock or the floor, and adds the clock service.
func (m *Machine) setClock(context.Context) (string, error) {
	k := timesync.New(timesync.Config{
		FloorFile: filepath.Join(StateDir, "clock"), Release: m.cfg.Built, RTC: m.board.RTC, Servers: timeServers,
		Log: m.log.With("pkg", "clock"),
	})
	m.clock = k
	m.services = append(m.services, supervise.Run("clock", k))
	s, err := k.Start()
	m.recordRepair(time.Now()) // not before the clock is right
	return s.Source, err
}

// timeServers returns up to two servers from the network and three public ones. Two must agree.
func timeServers() []string {
	list, _ := os.ReadFile(timeServersFile) // the network named none
	servers := strings.Fields(string(list))
	if len(servers) > 2 {
		servers = servers[:2]
	}
	return append(servers, "0.pool.ntp.org", "1.pool.ntp.org", "2.pool.ntp.org")
}

// timeServersFile holds the time servers that DHCP named. The network process writes it.
const timeServersFile = "/run/livelearn/ntp"

// setName gives the machine its name, and makes its secrets on the first start.
func (m *Machine) setName(context.Context) (string, error) {
	secrets, err := identity.LoadSecrets(StateDir)
	if err != nil {
		return "", err
	}
	own := m.board.Serial
	if own == "" {
		own = secrets.Machine // a PC without a serial number
	}
	name := identity.NameFor(own)
	m.mu.Lock()
	m.boot.Name = name
	m.mu.Unlock()
	return name, unix.Sethostname([]byte(name))
}
