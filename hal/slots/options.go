package slots

import (
	"fmt"
	"strings"

	"github.com/livelearn/box/hal"
)

// rootWidth is the length of root= with the id of a partition.
const rootWidth = len("root=PARTUUID=") + 36

// RootByName returns the value of root= that finds the root file system of a slot by the name of
// its partition. All cards have the same names, so a second card in the machine may be taken.
func RootByName(slot hal.Slot) string { return "PARTLABEL=root-" + string(slot) }

// RootByID returns the value of root= for the id of a partition, which one card has.
func RootByID(id string) string { return "PARTUUID=" + strings.ToLower(id) }

// KernelOptions returns the options for the root file system and the first process of a kernel. The
// text has the same length for each root: spaces fill it up. The text after -- is for the first
// process.
func KernelOptions(slot hal.Slot, root string) string {
	return fmt.Sprintf("%-*s livelearn.slot=%s ro rootfstype=squashfs rootwait init=/livelearn -- init", rootWidth, "root="+root, slot)
}
