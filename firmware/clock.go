package firmware

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/event"
)

// newClock is the box's clock.
func newClock() *event.Clock { return event.NewSyncedClock(randomUint64(), isClockSynced) }

// newElapsed returns a clock that is never set. It counts the time in which the machine sleeps
// (CLOCK_BOOTTIME), except on the fake clock of a test.
func newElapsed(fake bool) func() time.Duration {
	if start := time.Now(); fake {
		return func() time.Duration { return time.Since(start) }
	}
	return func() time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // cannot fail with this clock
		return time.Duration(t.Nano())
	}
}

// isClockSynced says whether a time server, or another source that the kernel knows, has set
// the machine's clock (adjtimex(2)). The call needs no privilege.
func isClockSynced() bool {
	var t unix.Timex
	_, err := unix.Adjtimex(&t)
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}
