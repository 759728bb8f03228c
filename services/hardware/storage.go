package hardware

import (
	"fmt"
	"strings"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/health"
)

// lookAtStorage warns when the most worn storage comes to its end. A warning leaves the box in use,
// since a worn storage holds what it has for some time.
func (w *Watch) lookAtStorage() {
	list := w.store.List()
	worst := hal.WearUnknown
	for _, m := range list {
		worst = max(worst, m.Wear)
	}
	level, code := health.OK, "storage_wear_unknown"
	switch worst {
	case hal.WearUnknown:
	case hal.WearLow:
		code = "storage_wear_low"
	case hal.WearHigh:
		level, code = health.Warn, "storage_wear_high"
	case hal.WearOver:
		level, code = health.Warn, "storage_wear_over"
	}
	w.health.SetCheck(checkStorage, level, code, describeMedia(list))
}

// describeMedia returns the storages in one line, such as "mmcblk0 (MMC, 20 %), mmcblk1 (SD)".
func describeMedia(list []hal.Medium) string {
	var names []string
	for _, m := range list {
		if m.Used > 0 {
			names = append(names, fmt.Sprintf("%s (%s, %d %%)", m.Name, m.Kind, m.Used))
		} else {
			names = append(names, fmt.Sprintf("%s (%s)", m.Name, m.Kind))
		}
	}
	return strings.Join(names, ", ")
}
