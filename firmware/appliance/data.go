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
	"github.com/livelearn/box/firmware/appliance/logbook"
	"github.com/livelearn/box/firmware/appliance/names"
	"github.com/livelearn/box/firmware/appliance/timekeeper"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/supervise"
)

// findBoot finds the disk that we were started from, and mounts what its firmware reads.
func (m *Machine) findBoot(context.Context) (string, error) {
	m.slot = hal.Slot(kernelOption("livelearn.slot"))
	var err error
	if m.disk, err = ownDisk(); err != nil {
		return "", err
	}
	if m.slots, err = slotsOf(m.disk, m.slot, nil); err != nil {
		return "", err
	}
	boot, err := m.disk.Part(disk.Boot)
	if err != nil {
		return "", err
	}
	return m.disk.Device + ", slot " + string(m.slot), mountBoot(boot.Device, BootDir)
}

// findData makes the data partition ready and mounts it. When that cannot be done the data
// stays as it is, and the machine shows what happened from memory.
func (m *Machine) findData(context.Context) (string, error) {
	part, result, err := disk.Prepare(m.disk, m.show)
	if err == nil {
		err = mountData(part.Device)
	}
	if err != nil {
		return "", errors.Join(err, dataInMemory())
	}
	m.recall()
	return result.String(), folders()
}

// mountData mounts the data partition. The kernel replays its journal if the power went.
// Errors make it read-only: what is there is worth more than what comes.
func mountData(device string) error {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME)
	if err := unix.Mount(device, DataDir, "ext4", flags, "errors=remount-ro,commit=5"); err != nil {
		return fmt.Errorf("%s on %s: %w", device, DataDir, err)
	}
	return nil
}

// keepLog sends the log to the disk.
func (m *Machine) keepLog(context.Context) (string, error) {
	book, err := logbook.Open(LogDir, bootID(), logbook.Options{})
	if err != nil {
		return "", err
	}
	m.out.keepIn(book)
	m.keepers = append(m.keepers, supervise.Run("logbook", book))
	return "", nil
}

// setClock sets the clock from what the machine has, and has it kept.
func (m *Machine) setClock(context.Context) (string, error) {
	k := timekeeper.New(timekeeper.Config{
		Floor: filepath.Join(StateDir, "clock"), Release: m.cfg.Built, RTC: m.board.RTC, Servers: timeServers,
		Log: m.log.With("pkg", "clock"),
	})
	m.clock = k
	m.keepers = append(m.keepers, supervise.Run("clock", k))
	s, err := k.Start()
	return s.Source, err
}

// timeServers are those that the network named, and those of everybody. Two must agree.
func timeServers() []string {
	list, _ := os.ReadFile(timeServersFile) // none were named
	servers := strings.Fields(string(list))
	if len(servers) > 2 {
		servers = servers[:2]
	}
	return append(servers, "0.pool.ntp.org", "1.pool.ntp.org", "2.pool.ntp.org")
}

// timeServersFile is where the network's process writes what a DHCP server named.
const timeServersFile = "/run/livelearn/ntp"

// nameIt gives the machine its name, and the secrets that it makes for itself.
func (m *Machine) nameIt(context.Context) (string, error) {
	secrets, err := names.Own(StateDir)
	if err != nil {
		return "", err
	}
	own := m.board.Serial
	if own == "" {
		own = secrets.Machine // a PC without a number of its own
	}
	name := names.Name(own)
	m.mu.Lock()
	m.boot.Name = name
	m.mu.Unlock()
	return name, unix.Sethostname([]byte(name))
}
