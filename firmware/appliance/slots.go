package appliance

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/disk"
	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
)

// FindSlots returns the two slots of this machine, or nil if it has none. The slots call reboot
// to restart it.
func FindSlots(reboot func(ctx context.Context, arg string) error) (hal.Slots, error) {
	d, err := findOwnDisk()
	if err != nil {
		return nil, err
	}
	return newSlots(d, hal.Slot(kernelOption("livelearn.slot")), reboot)
}

// setOwnIDs gives the disk ids of its own on its first start, and makes the slot start by them. The
// slot starts by name in between, so a power cut at any step leaves a machine that starts.
//
// The kernel may have taken the root file system of another disk of the same release. It cannot
// after the next start, so the machine restarts at once.
func (m *Machine) setOwnIDs(ctx context.Context) (string, error) {
	if m.disk.Device == "" || m.isTrial() {
		return "", nil
	}
	ids, err := m.disk.ReadIDs()
	if err != nil || !ids.AreShared() {
		return ids.Disk, err
	}
	twin := disk.HasTwin(os.DirFS("/"), m.disk, ids)
	s, err := newSlots(m.disk, m.slot, nil)
	if err != nil {
		return "", err
	}
	if err := s.SetRoot(slots.RootByName(m.slot)); err != nil {
		return "", err
	}
	if ids, err = m.disk.SetOwnIDs(); err != nil {
		return "", err
	}
	if err := s.SetRoot(slots.RootByID(ids.Parts["root-"+string(m.slot)])); err != nil {
		return "", err
	}
	if m.slots, err = newSlots(m.disk, m.slot, nil); err != nil {
		return "", err
	}
	if twin {
		m.Reboot(initctl.Reboot{Why: "another disk of the same release is in this machine"})
		<-ctx.Done()
	}
	return ids.Disk + ", given now", nil
}

// findOwnDisk returns the disk with our root file system.
func findOwnDisk() (disk.Disk, error) {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		return disk.Disk{}, err
	}
	return disk.Find(os.DirFS("/"), fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
}

// BootFolder returns the boot partition, which the firmware and any computer can read.
func BootFolder() slots.Folder {
	return slots.Folder{Dir: BootDir, MakeWritable: OpenBoot, Present: func() error { return checkMounted(BootDir) }}
}

// rootedSlots are slots whose start names the partition of the root file system.
type rootedSlots interface {
	hal.Slots
	SetRoot(root string) error
}

// newSlots returns the slots of a disk. Its starts name partitions by their ids once the disk has
// ids of its own.
func newSlots(d disk.Disk, booted hal.Slot, reboot func(context.Context, string) error) (rootedSlots, error) {
	ids, err := d.ReadIDs()
	if err != nil {
		return nil, err
	}
	root := func(s hal.Slot) string {
		if id := ids.Parts["root-"+string(s)]; !ids.AreShared() && id != "" {
			return slots.RootByID(id)
		}
		return slots.RootByName(s)
	}
	folder := BootFolder()
	roots := map[hal.Slot]string{}
	parts := map[hal.Slot]map[string]string{}
	for _, s := range []hal.Slot{hal.SlotA, hal.SlotB} {
		root, err := d.Part("root-" + string(s))
		if err != nil {
			return nil, err
		}
		roots[s] = root.Device
		// A Pi has a boot partition for each slot. EFI has a folder for each.
		if boot, err := d.Part("boot-" + string(s)); err == nil {
			parts[s] = map[string]string{hal.PartRoot: root.Device, hal.PartBoot: boot.Device}
		}
	}
	if len(parts) == 2 {
		return &slots.Tryboot{Folder: folder, Booted: booted, Parts: parts, Root: root, Reboot: reboot}, nil
	}
	options := func(s hal.Slot) string { return slots.KernelOptions(s, root(s)) }
	return &slots.EFI{Folder: folder, Booted: booted, Roots: roots, Options: options, Reboot: reboot}, nil
}
