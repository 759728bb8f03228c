package rpi

import (
	"encoding/binary"
	"io/fs"
	"time"

	"github.com/livelearn/box/hal"
)

// bootloader is the folder of the device tree that the firmware fills (Raspberry Pi documentation,
// "Device tree bootloader properties").
const bootloader = deviceTree + "chosen/bootloader/"

// tryFrom has the first EEPROM release of a processor that starts an update for one try. Releases
// of a Pi 4 from before ignore tryboot_a_b. Those of a Pi 5 from before do not report and pass the
// partition (raspberrypi/rpi-eeprom#446 and #575). The other models read this part of the firmware
// from the card.
var tryFrom = map[string]time.Time{
	"brcm,bcm2711": time.Date(2022, time.November, 1, 0, 0, 0, 0, time.UTC),
	"brcm,bcm2712": time.Date(2024, time.May, 13, 0, 0, 0, 0, time.UTC),
}

// findFirmware returns the EEPROM release of the board. A Pi 4 or 5 that reports none has a release
// from before there was a report.
func findFirmware(root fs.FS) (f hal.Firmware) {
	for s := range compatibles(root) {
		if from, ok := tryFrom[s]; ok {
			f.Needs = from
		}
	}
	if b := hal.ReadFile(root, bootloader+"build-timestamp"); len(b) == 4 {
		f.Built = time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC()
	}
	return f
}
