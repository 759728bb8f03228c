package kernel

import (
	"errors"
	"io/fs"

	"github.com/livelearn/box/hal"
)

// piSupply is the voltage monitor of a Raspberry Pi.
type piSupply struct{ root fs.FS }

// findSupply returns nil on a board that does not watch its voltage.
func findSupply(root fs.FS) *piSupply {
	if _, ok := hal.IsUndervolted(root); !ok {
		return nil
	}
	return &piSupply{root: root}
}

// errNoReading means that the voltage monitor disappeared.
var errNoReading = errors.New("supply: the board does not report its voltage any more")

// Low implements hal.Supply.
func (s *piSupply) Low() (bool, error) {
	low, ok := hal.IsUndervolted(s.root)
	if !ok {
		return false, errNoReading
	}
	return low, nil
}
