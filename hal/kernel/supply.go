package kernel

import (
	"errors"
	"io/fs"

	"github.com/livelearn/box/hal"
)

// Supply is what a Raspberry Pi tells of its power.
type Supply struct{ root fs.FS }

// FindSupply is nil on a board that does not watch its voltage.
func FindSupply(root fs.FS) *Supply {
	if _, ok := hal.Undervolted(root); !ok {
		return nil
	}
	return &Supply{root: root}
}

// errSilent: what told of the supply is gone.
var errSilent = errors.New("supply: the board does not tell of it any more")

// Low implements hal.Supply.
func (s *Supply) Low() (bool, error) {
	low, ok := hal.Undervolted(s.root)
	if !ok {
		return false, errSilent
	}
	return low, nil
}
