// Package generic is any Linux machine: a network, and what the kernel tells of the rest in
// the same way on all of them.
package generic

import (
	"io/fs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/kernel"
)

// modelFile is where the device tree tells a board's model. A laptop has none.
const modelFile = "sys/firmware/devicetree/base/model"

// serialFile is where it tells the board's number.
const serialFile = "sys/firmware/devicetree/base/serial-number"

// Probe takes every machine. One with a device tree is a board of its own, and goes by
// the model that is written there. A PC's button is its power key; its lights belong to
// others, but for one whose function is "status". No bus is searched for a display: on a PC
// the bus is the one of its memory modules.
func Probe(root fs.FS) (hal.Board, bool) {
	b := kernel.Parts(root, ":status")
	b.Name, b.Serial = "generic", hal.ReadWord(root, serialFile)
	if hal.Exists(root, modelFile) {
		b.Real = true
		if name := hal.ReadWord(root, modelFile); name != "" {
			b.Name = name
		}
	}
	return b, true
}
