package kernel

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/hal"
)

const hwmonDir = "sys/class/hwmon"

// Values of pwm1_enable in the kernel's fan drivers (Documentation/hwmon/sysfs-interface.rst).
const (
	pwmManual    = "1"
	pwmAutomatic = "2" // and above: modes of the chip
)

// pwmFan is the driver of the fans on Raspberry Pis. Its pwm1_enable controls the power of the fan.
// The kernel's thermal governor sets the speed (Documentation/hwmon/pwm-fan.rst).
const pwmFan = "pwmfan"

// Governors of a thermal zone: the usual one of the kernel, and one that leaves the fan to a
// program.
const (
	stepWise  = "step_wise"
	userSpace = "user_space"
)

// hwmonFan is a fan under /sys/class/hwmon.
type hwmonFan struct {
	root        fs.FS
	dir         string
	driver      string
	manual      bool              // we control it
	savedEnable string            // its pwm1_enable before we took it
	zones       map[string]string // the governor of each thermal zone before we took the fan
}

// graphicsDrivers are the drivers of graphics cards with a fan of their own. That fan cools the
// card, and the thermal zones do not show the card's temperature.
var graphicsDrivers = []string{"amdgpu", "nouveau", "radeon"}

// findFan returns the first fan of the board whose speed we may set, nil if there is none.
func findFan(root fs.FS) *hwmonFan {
	all, _ := fs.Glob(root, hwmonDir+"/*/pwm1") // the pattern is correct
	for _, pwm := range all {
		dir := path.Dir(pwm)
		driver := hal.ReadWord(root, path.Join(dir, "name"))
		if isWritable(hal.DevicePath(root, pwm)) && !slices.Contains(graphicsDrivers, driver) {
			return &hwmonFan{root: root, dir: dir, driver: driver}
		}
	}
	return nil
}

// Set implements hal.Fan.
func (f *hwmonFan) Set(duty uint8) error {
	if !f.manual {
		if err := f.takeControl(); err != nil {
			return err
		}
		f.manual = true
	}
	return f.writeAttr("pwm1", strconv.Itoa(int(duty)))
}

// Auto implements hal.Fan.
func (f *hwmonFan) Auto() error {
	if !f.manual {
		return nil
	}
	f.manual = false
	if f.driver == pwmFan {
		return f.setGovernors(func(zone string) string { return cmp.Or(f.zones[zone], stepWise) })
	}
	return f.writeAttr("pwm1_enable", f.savedEnable)
}

// takeControl takes the fan from the kernel.
func (f *hwmonFan) takeControl() error {
	if f.driver == pwmFan {
		f.zones = map[string]string{}
		return f.setGovernors(func(zone string) string {
			if f.zones[zone] = hal.ReadWord(f.root, zone); f.zones[zone] == userSpace {
				f.zones[zone] = stepWise // another program took it and did not give it back
			}
			return userSpace
		})
	}
	f.savedEnable = hal.ReadWord(f.root, path.Join(f.dir, "pwm1_enable"))
	if n, err := strconv.Atoi(f.savedEnable); err != nil || n < 2 {
		f.savedEnable = pwmAutomatic // another program took it and did not give it back
	}
	return f.writeAttr("pwm1_enable", pwmManual)
}

// setGovernors sets the governor of each thermal zone that has a user-space governor. In the other
// zones the kernel may change the speed between two calls of Set.
func (f *hwmonFan) setGovernors(choose func(zone string) string) error {
	zones, _ := fs.Glob(f.root, "sys/class/thermal/thermal_zone*/policy") // the pattern is correct
	for _, z := range zones {
		if !slices.Contains(strings.Fields(hal.ReadWord(f.root, path.Join(path.Dir(z), "available_policies"))), userSpace) {
			continue
		}
		if err := writeSysfs(hal.DevicePath(f.root, z), choose(z)); err != nil {
			return err
		}
	}
	return nil
}

func (f *hwmonFan) writeAttr(name, value string) error {
	return writeSysfs(hal.DevicePath(f.root, path.Join(f.dir, name)), value)
}
