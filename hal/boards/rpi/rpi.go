// Package rpi is the board for Raspberry Pis: 3, Zero 2 W, 4, 400, 5 and their compute modules.
//
// Parts on the header are optional. Probe finds them:
//
//	pins 1, 3, 5, 6   3.3 V, SDA, SCL, ground   a display with an SSD1306, or a clock
//	pins 39, 40       ground, GPIO 21           the button
//
// A key of the device tree is the button where there is one: the key of a Pi 5, or a key from
// dtoverlay=gpio-key,gpio=...,keycode=116. The light is the green one on the board.
package rpi

import (
	"io/fs"
	"iter"
	"slices"
	"strings"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/host/v3/sysfs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/kernel"
	"github.com/livelearn/box/hal/screen"
)

// Places of the device tree and of the header's I2C bus.
const (
	deviceTree    = "sys/firmware/devicetree/base/"
	headerBus     = 1 // the I2C bus of the header
	headerBusFile = "dev/i2c-1"
)

// chips are the processors of the boards by their names in "compatible" of the device tree
// (arch/arm64/boot/dts/broadcom): Zero 2 W and 3, 4, 5.
var chips = []string{"brcm,bcm2837", "brcm,bcm2711", "brcm,bcm2712"}

// Probe returns the board if the machine with the root folder root is a Raspberry Pi.
func Probe(root fs.FS) (hal.Board, bool) {
	if !isPi(root) {
		return hal.Board{}, false
	}
	b := kernel.FindParts(root, "ACT", "led0", ":status")
	b.Name, b.Appliance = "Raspberry Pi", true
	if model := hal.ReadWord(root, deviceTree+"model"); model != "" {
		b.Name = model
	}
	b.Serial = hal.ReadWord(root, deviceTree+"serial-number")
	b.Firmware = findFirmware(root)
	if b.Button == nil {
		b.Button = findButton(root)
	}
	if d := findDisplay(root); d != nil {
		b.Display = d
	}
	return b, true
}

// isPi looks for a Raspberry Pi with a known processor.
func isPi(root fs.FS) bool {
	maker, chip := false, false
	for s := range compatibles(root) {
		maker = maker || strings.HasPrefix(s, "raspberrypi,")
		chip = chip || slices.Contains(chips, s)
	}
	return maker && chip
}

// compatibles yields the names in "compatible" of the device tree. Each ends with a zero byte.
func compatibles(root fs.FS) iter.Seq[string] {
	return strings.SplitSeq(string(hal.ReadFile(root, deviceTree+"compatible")), "\x00")
}

// findDisplay returns the display on the bus of the header, nil if no display answers there.
func findDisplay(root fs.FS) *screen.OLED {
	if !hal.FileExists(root, headerBusFile) || hal.DevicePath(root, headerBusFile) != "/"+headerBusFile {
		return nil // the driver below only knows the bus of this machine
	}
	d := screen.NewOLED(func() (i2c.BusCloser, error) { return sysfs.NewI2C(headerBus) })
	if !d.IsPresent() {
		return nil
	}
	return d
}
