package appliance

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/disk"
	"github.com/livelearn/box/hal"
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

func (m *Machine) keepLog(context.Context) (string, error)  { return "", nil }
func (m *Machine) setClock(context.Context) (string, error) { return "", nil }
func (m *Machine) nameIt(context.Context) (string, error)   { return "", nil }
