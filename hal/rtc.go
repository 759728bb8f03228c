package hal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// FindRTC returns the first real-time clock of the machine whose root folder is root, nil if there
// is none.
func FindRTC(root fs.FS) RTC {
	list, err := fs.ReadDir(root, "sys/class/rtc")
	if err != nil || len(list) == 0 {
		return nil
	}
	return DeviceRTC(DevicePath(root, "dev/"+list[0].Name()))
}

// DeviceRTC is a clock of the kernel (rtc(4)) at this path. Each use opens it.
type DeviceRTC string

// Years that the clocks can hold.
const (
	firstYear = 2020
	lastYear  = 2100
)

// Read implements RTC.
func (d DeviceRTC) Read() (time.Time, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = f.Close() }()
	t, err := unix.IoctlGetRTCTime(int(f.Fd()))
	if errors.Is(err, unix.EINVAL) {
		return time.Time{}, ErrUnset // the driver reports a loss of power
	}
	if err != nil {
		return time.Time{}, err
	}
	return fromRTCTime(t)
}

// fromRTCTime returns the time of a clock and reports whether it is plausible.
func fromRTCTime(t *unix.RTCTime) (time.Time, error) {
	got := time.Date(int(t.Year)+1900, time.Month(t.Mon+1), int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC)
	if got.Year() < firstYear || got.Year() >= lastYear {
		return time.Time{}, ErrUnset // a clock without power counts from 1970 (Raspberry Pi 5) or 2000 (most chips)
	}
	return got, nil
}

// Set implements RTC.
func (d DeviceRTC) Set(at time.Time) error {
	at = at.UTC()
	if at.Year() < firstYear || at.Year() >= lastYear {
		return fmt.Errorf("rtc: the year %d is not between %d and %d", at.Year(), firstYear, lastYear-1)
	}
	f, err := os.OpenFile(string(d), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return unix.IoctlSetRTCTime(int(f.Fd()), toRTCTime(at))
}

// toRTCTime returns the kernel's form of a time.
func toRTCTime(at time.Time) *unix.RTCTime {
	return &unix.RTCTime{
		Sec: int32(at.Second()), Min: int32(at.Minute()), Hour: int32(at.Hour()),
		Mday: int32(at.Day()), Mon: int32(at.Month()) - 1, Year: int32(at.Year()) - 1900,
	}
}
