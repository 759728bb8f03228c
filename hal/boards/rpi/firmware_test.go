package rpi_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/livelearn/box/hal/boards/rpi"
)

// An EEPROM writes the time of its build into the device tree.
func TestAnOldEEPROMIsKnown(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		chip  string
		built time.Time // zero: no report
		want  bool
	}{
		"a Pi 4 of 2021":             {"4-model-b\x00brcm,bcm2711", day(2021, time.April, 29), false},
		"a Pi 4 before the beta":     {"4-model-b\x00brcm,bcm2711", day(2022, time.October, 17), false},
		"a Pi 4 of November 2022":    {"4-model-b\x00brcm,bcm2711", day(2022, time.November, 25), true},
		"a Pi 400 of 2024":           {"400\x00brcm,bcm2711", day(2024, time.April, 15), true},
		"a Pi 4 without a report":    {"4-model-b\x00brcm,bcm2711", time.Time{}, false},
		"a Pi 5 as it was sold":      {"5-model-b\x00brcm,bcm2712", day(2023, time.October, 30), false},
		"a Pi 5 of the day":          {"5-model-b\x00brcm,bcm2712", day(2024, time.May, 13), true},
		"a Pi 5 before the filter":   {"5-model-b\x00brcm,bcm2712", day(2025, time.March, 9), true},
		"a Zero 2 W has no EEPROM":   {"model-zero-2-w\x00brcm,bcm2837", time.Time{}, true},
		"a Pi 3 reads from the card": {"3-model-b-plus\x00brcm,bcm2837", time.Time{}, true},
	} {
		more := map[string]string{}
		if !c.built.IsZero() {
			more[deviceTree+"chosen/bootloader/build-timestamp"] = string(binary.BigEndian.AppendUint32(nil, uint32(c.built.Unix())))
		}
		b, ok := rpi.Probe(newPi(t, "raspberrypi,"+c.chip+"\x00", "A Pi", more))
		if !ok || b.Firmware.CanFallBack() != c.want || !b.Firmware.Built.Equal(c.built) {
			t.Errorf("%s: %+v, want %v", name, b.Firmware, c.want)
		}
	}
	for _, damaged := range []string{"", "x", "12345"} {
		b, _ := rpi.Probe(newPi(t, "raspberrypi,4\x00brcm,bcm2711\x00", "A Pi", map[string]string{deviceTree + "chosen/bootloader/build-timestamp": damaged}))
		if b.Firmware.CanFallBack() {
			t.Errorf("%q counts as new", damaged)
		}
	}
}
