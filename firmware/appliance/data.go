package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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

// findData prepares the data partition and mounts it. If that fails, the partition stays
// untouched, and the machine runs from memory to show the fault.
func (m *Machine) findData(context.Context) (string, error) {
	part, result, err := disk.PrepareData(m.disk, m.showPhase)
	if err == nil {
		err = mountData(part.Device)
	}
	if err != nil {
		return "", errors.Join(err, mountMemoryData())
	}
	m.loadFailures()
	return result.String(), makeFolders()
}

// mountData mounts the data partition. The kernel replays its journal after a power cut. An
// error makes it read-only: old data is worth more than new data.
func mountData(device string) error {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME)
	if err := unix.Mount(device, DataDir, "ext4", flags, "errors=remount-ro,commit=5"); err != nil {
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
