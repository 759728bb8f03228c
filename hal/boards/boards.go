// Package boards lists the boards that the box knows and finds out which one it runs on.
package boards

import (
	"io/fs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/generic"
	"github.com/livelearn/box/hal/boards/rpi"
)

// probe is a board's own look at the machine: ok tells that it is the one.
type probe func(root fs.FS) (b hal.Board, ok bool)

// known lists the boards, the most particular first. The last one takes any machine.
// The simulated board is not found, it is asked for.
func known() []probe {
	return []probe{rpi.Probe, generic.Probe}
}

// Probe is the board of the machine whose root folder is root, as found in its device
// tree and sysfs.
func Probe(root fs.FS) hal.Board {
	for _, p := range known() {
		if b, ok := p(root); ok {
			return b
		}
	}
	return hal.Board{Name: "unknown"}
}
