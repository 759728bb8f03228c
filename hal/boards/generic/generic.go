// Package generic is the board for any Linux machine. It uses the network and the devices that the
// kernel shows in the same way on all machines.
package generic

import (
	"io/fs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/kernel"
)

// modelFile holds the model of the board in the device tree. A laptop has no such file.
const modelFile = "sys/firmware/devicetree/base/model"

// serialFile holds the serial number of the board.
const serialFile = "sys/firmware/devicetree/base/serial-number"

// Probe accepts every machine. A machine with a device tree is an appliance, named by the model in
// that tree. On a PC the button is the power key, and the only light that the box uses has the
// function "status". Probe searches no I2C bus for a display because on a PC that bus leads to the
// memory modules.
func Probe(root fs.FS) (hal.Board, bool) {
	b := kernel.FindParts(root, ":status")
	b.Name, b.Serial = "generic", hal.ReadWord(root, serialFile)
	if hal.FileExists(root, modelFile) {
		b.Appliance = true
		if name := hal.ReadWord(root, modelFile); name != "" {
			b.Name = name
		}
	}
	return b, true
}
