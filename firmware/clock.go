package firmware

import (
	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/event"
)

// newClock is the box's clock.
func newClock() *event.Clock { return event.NewSyncedClock(random(), synchronised) }

// synchronised tells that a time server, or another source that the kernel knows, has set
// the machine's clock (adjtimex(2)). To ask needs no privilege.
func synchronised() bool {
	var t unix.Timex
	_, err := unix.Adjtimex(&t)
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}
