// Package rpi is the Raspberry Pis that the box is made for: 3, Zero 2 W, 4, 400, 5 and the
// compute modules of these.
//
// What is wired to the header is optional, and found by itself:
//
//	pins 1, 3, 5, 6   3.3 V, SDA, SCL, ground   a display with an SSD1306, or a clock
//	pins 39, 40       ground, GPIO 21           the button
//
// A key of the device tree (the one on a Pi 5, or dtoverlay=gpio-key,gpio=...,keycode=116) is
// the button where there is one. The light is the green one on the board.
package rpi

import (
	"io/fs"
	"strings"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/host/v3/sysfs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/kernel"
	"github.com/livelearn/box/hal/screen"
)

// Where the device tree says what the board is, and what is found of its parts.
const (
	tree     = "sys/firmware/devicetree/base/"
	header   = 1 // the I2C bus of the header
	headerIn = "dev/i2c-1"
)

// chips are the processors of the boards, by their name in "compatible" of the device tree
// (arch/arm64/boot/dts/broadcom): Zero 2 W and 3, 4, 5.
var chips = []string{"brcm,bcm2837", "brcm,bcm2711", "brcm,bcm2712"}

// Probe is the board of the machine whose root folder is root, if it is a Raspberry Pi.
func Probe(root fs.FS) (hal.Board, bool) {
	if !isPi(root) {
		return hal.Board{}, false
	}
	b := kernel.Parts(root, "ACT", "led0", ":status")
	b.Name, b.Real = "Raspberry Pi", true
	if model := hal.ReadWord(root, tree+"model"); model != "" {
		b.Name = model
	}
	b.Serial = hal.ReadWord(root, tree+"serial-number")
	if b.Button == nil {
		b.Button = findButton(root)
	}
	if d := display(root); d != nil {
		b.Display = d
	}
	return b, true
}

// isPi looks for a board of Raspberry Pi's with a processor that we know. Each string of
// "compatible" ends with a zero.
func isPi(root fs.FS) bool {
	maker, chip := false, false
	for s := range strings.SplitSeq(string(hal.ReadSome(root, tree+"compatible")), "\x00") {
		maker = maker || strings.HasPrefix(s, "raspberrypi,")
		for _, c := range chips {
			chip = chip || s == c
		}
	}
	return maker && chip
}

// display is the one on the header's bus, nil if nothing answers there.
func display(root fs.FS) *screen.OLED {
	if !hal.Exists(root, headerIn) || hal.Path(root, headerIn) != "/"+headerIn {
		return nil // the driver below knows this machine's bus only
	}
	d := screen.NewOLED(func() (i2c.BusCloser, error) { return sysfs.NewI2C(header) })
	if !d.Answers() {
		return nil
	}
	return d
}
