package slots

import "github.com/livelearn/box/hal"

// KernelOptions are the options by which a kernel finds its root file system and its first
// process. Partitions go by their names in the table. What is behind -- is for that process.
func KernelOptions(slot hal.Slot) string {
	return "root=PARTLABEL=root-" + string(slot) + " livelearn.slot=" + string(slot) +
		" ro rootfstype=squashfs rootwait init=/livelearn -- init"
}
