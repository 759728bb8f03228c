package timesync

import (
	"slices"
	"time"

	"github.com/livelearn/box/services/event"
)

// Sources of the time.
const (
	FromFloor   = "floor" // the saved lower bound
	FromRTC     = "rtc"
	FromNTP     = "ntp"
	FromBrowser = "browser" // the browser of a teacher
)

// latestCredible is the latest time that we believe. A failing battery often leaves a year far
// ahead.
var latestCredible = time.UnixMilli(event.Latest)

// ChooseTime returns the time for the start and its source. system is the time of the kernel,
// which may have read a clock itself. rtc is zero if there is no clock or it is not set. The
// result is never before the floor.
func ChooseTime(system, rtc, floor time.Time) (time.Time, string) {
	for _, at := range []time.Time{rtc, system} {
		if isCredible(at, floor) {
			return at, FromRTC
		}
	}
	return floor, FromFloor
}

// isCredible reports whether a time is between the floor and latestCredible.
func isCredible(at, floor time.Time) bool { return !at.Before(floor) && !at.After(latestCredible) }

// AgreedOffset returns the offset on which most of the answering servers agree within tolerance.
// ok is false without such a majority, or if only one server answered.
func AgreedOffset(offsets []time.Duration, tolerance time.Duration) (offset time.Duration, ok bool) {
	offsets = slices.Sorted(slices.Values(offsets))
	need := max(2, len(offsets)/2+1)
	for i := 0; i+need <= len(offsets); i++ {
		first, last := offsets[i], offsets[i+need-1]
		// Unsigned, because the distance of a false offset may overflow a Duration.
		if spread := uint64(last) - uint64(first); spread <= uint64(tolerance) {
			return first + time.Duration(spread/2), true
		}
	}
	return 0, false
}
