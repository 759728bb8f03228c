// Package boards lists the boards that the box supports and finds the one it runs on.
package boards

import (
	"io/fs"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards/generic"
	"github.com/livelearn/box/hal/boards/rpi"
)

// probeFunc looks at the machine for one board. ok reports whether the machine is that board.
type probeFunc func(root fs.FS) (b hal.Board, ok bool)

// knownBoards lists the boards, the most specific first. The last one accepts any machine. The
// simulated board is missing here because the command line asks for it.
func knownBoards() []probeFunc {
	return []probeFunc{rpi.Probe, generic.Probe}
}

// Probe returns the board of the machine whose root folder is root. It reads the device tree and
// sysfs.
func Probe(root fs.FS) hal.Board {
	for _, p := range knownBoards() {
		if b, ok := p(root); ok {
			return b
		}
	}
	return hal.Board{Name: "unknown"}
}
