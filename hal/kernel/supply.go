package kernel

import (
	"fmt"
	"io/fs"
	"path"

	"github.com/livelearn/box/hal"
)

// Supply is what a Raspberry Pi tells of its power.
type Supply struct {
	root  fs.FS
	alarm string // of drivers/hwmon/raspberrypi-hwmon.c; empty: the firmware's flags
}

// FindSupply is nil on a board that does not watch its voltage.
func FindSupply(root fs.FS) *Supply {
	all, _ := fs.Glob(root, hwmonDir+"/*/name") // the pattern is well formed
	for _, name := range all {
		alarm := path.Join(path.Dir(name), "in0_lcrit_alarm")
		if hal.ReadWord(root, name) == "rpi_volt" && hal.Exists(root, alarm) {
			return &Supply{root: root, alarm: alarm}
		}
	}
	if _, ok := hal.Undervolted(root); ok {
		return &Supply{root: root}
	}
	return nil
}

// Low implements hal.Supply.
func (s *Supply) Low() (bool, error) {
	if s.alarm == "" {
		low, ok := hal.Undervolted(s.root)
		if !ok {
			return false, fmt.Errorf("the firmware does not tell the state of the supply")
		}
		return low, nil
	}
	n, ok := hal.ReadInt(s.root, s.alarm)
	if !ok {
		return false, fmt.Errorf("%s tells nothing", s.alarm)
	}
	return n != 0, nil
}
