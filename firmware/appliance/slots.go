package appliance

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/appliance/disk"
	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/slots"
)

// Slots are the two slots of the machine that we run on; nil where it has none. reboot is how
// it is started anew.
func Slots(reboot func(ctx context.Context, arg string) error) (hal.Slots, error) {
	d, err := ownDisk()
	if err != nil {
		return nil, err
	}
	return slotsOf(d, hal.Slot(kernelOption("livelearn.slot")), reboot)
}

// ownDisk is the disk that we were started from.
func ownDisk() (disk.Disk, error) {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		return disk.Disk{}, err
	}
	return disk.Find(os.DirFS("/"), fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
}

func slotsOf(d disk.Disk, booted hal.Slot, reboot func(context.Context, string) error) (hal.Slots, error) {
	folder := slots.Folder{Dir: BootDir, Write: OpenBoot}
	roots := map[hal.Slot]string{}
	parts := map[hal.Slot]map[string]string{}
	for _, s := range []hal.Slot{hal.SlotA, hal.SlotB} {
		root, err := d.Part("root-" + string(s))
		if err != nil {
			return nil, err
		}
		roots[s] = root.Device
		// A Pi has a boot partition for each slot; EFI has a folder.
		if boot, err := d.Part("boot-" + string(s)); err == nil {
			parts[s] = map[string]string{hal.PartRoot: root.Device, hal.PartBoot: boot.Device}
		}
	}
	if len(parts) == 2 {
		return &slots.Tryboot{Folder: folder, Booted: booted, Parts: parts, Reboot: reboot}, nil
	}
	return &slots.EFI{Folder: folder, Booted: booted, Roots: roots, Options: slots.KernelOptions, Reboot: reboot}, nil
}
