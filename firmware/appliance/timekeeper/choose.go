package timekeeper

import (
	"slices"
	"time"

	"github.com/livelearn/box/services/event"
)

// Where the time came from.
const (
	FromFloor   = "floor" // it is at least this late
	FromRTC     = "rtc"
	FromNTP     = "ntp"
	FromBrowser = "browser" // of a teacher
)

// latest is the end of what can be believed: a cell that fails often leaves a year far ahead.
var latest = time.UnixMilli(event.Latest)

// Choose is the time that a machine starts with, and where it came from. system is what the
// kernel has, which may come from a clock that it read itself; rtc is zero if there is none
// or it is not set. The time is never before the floor.
func Choose(system, rtc, floor time.Time) (time.Time, string) {
	for _, at := range []time.Time{rtc, system} {
		if credible(at, floor) {
			return at, FromRTC
		}
	}
	return floor, FromFloor
}

// credible tells that it can be this time.
func credible(at, floor time.Time) bool { return !at.Before(floor) && !at.After(latest) }

// Agreed is the offset that most of the servers that answered tell, within tolerance of each
// other; ok is false when there is no such majority or one server alone answered.
func Agreed(offsets []time.Duration, tolerance time.Duration) (offset time.Duration, ok bool) {
	offsets = slices.Sorted(slices.Values(offsets))
	need := max(2, len(offsets)/2+1)
	for i := 0; i+need <= len(offsets); i++ {
		first, last := offsets[i], offsets[i+need-1]
		// Unsigned, as the distance of a lie may be more than a Duration holds.
		if spread := uint64(last) - uint64(first); spread <= uint64(tolerance) {
			return first + time.Duration(spread/2), true
		}
	}
	return 0, false
}
