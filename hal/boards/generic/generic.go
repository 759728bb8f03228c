// Package generic is any Linux machine: a network, and what the kernel tells of the rest in
// the same way on all of them.
package generic

import (
	"io/fs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/v4l2"
)

// modelFile is where the device tree tells a board's model. A laptop has none.
const modelFile = "sys/firmware/devicetree/base/model"

// Probe takes every machine. One with a device tree is a board of its own, and goes by
// the model that is written there.
func Probe(root fs.FS) (hal.Board, bool) {
	b := hal.Board{Name: "generic", Thermal: hal.NewThermal(root), Codecs: v4l2.New(root), Watchdog: hal.FindWatchdog(root), RTC: hal.FindRTC(root)}
	if model, err := fs.ReadFile(root, modelFile); err == nil {
		b.Real = true
		if name := hal.Word(string(model)); name != "" {
			b.Name = name
		}
	}
	return b, true
}
