// Package generic is any Linux machine: a network and nothing else that we could use.
package generic

import (
	"io/fs"
	"strings"

	"github.com/livelearn/box/hal"
)

// modelFile is where the device tree tells a board's model. A laptop has none.
const modelFile = "sys/firmware/devicetree/base/model"

// Probe takes every machine. One with a device tree is a board of its own, and goes by
// the model that is written there.
func Probe(root fs.FS) (hal.Board, bool) {
	model, err := fs.ReadFile(root, modelFile)
	if err != nil {
		return hal.Board{Name: "generic"}, true
	}
	return hal.Board{Name: name(string(model)), Real: true}, true
}

// name cleans a model of the NUL that ends it and of anything that no log should hold.
func name(model string) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, model)
	if s = strings.TrimSpace(s); s == "" {
		return "generic"
	}
	return s[:min(len(s), 64)]
}
