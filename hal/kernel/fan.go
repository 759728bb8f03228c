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

// What the kernel's drivers of fans take in pwm1_enable (Documentation/hwmon/sysfs-interface.rst).
const (
	byHand    = "1"
	automatic = "2" // and above: ways of the chip's own
)

// pwmFan is the driver of the fans on Raspberry Pis. Its pwm1_enable is about power and not
// about who sets the speed: that is the kernel's thermal governor (Documentation/hwmon/pwm-fan.rst).
const pwmFan = "pwmfan"

// Governors of a thermal zone: the kernel's usual one, and one that leaves the fan to a
// program.
const (
	stepWise  = "step_wise"
	userSpace = "user_space"
)

// Fan is a fan under /sys/class/hwmon.
type Fan struct {
	root   fs.FS
	dir    string
	driver string
	hand   bool              // we have it
	before string            // its pwm1_enable before
	zones  map[string]string // the governor that each thermal zone had before
}

// FindFan is the first fan whose speed we may set, nil if there is none.
func FindFan(root fs.FS) *Fan {
	all, _ := fs.Glob(root, hwmonDir+"/*/pwm1") // the pattern is well formed
	for _, pwm := range all {
		if writable(hal.Path(root, pwm)) {
			dir := path.Dir(pwm)
			return &Fan{root: root, dir: dir, driver: hal.ReadWord(root, path.Join(dir, "name"))}
		}
	}
	return nil
}

// Set implements hal.Fan.
func (f *Fan) Set(duty uint8) error {
	if !f.hand {
		if err := f.take(); err != nil {
			return err
		}
		f.hand = true
	}
	return f.write("pwm1", strconv.Itoa(int(duty)))
}

// Auto implements hal.Fan.
func (f *Fan) Auto() error {
	if !f.hand {
		return nil
	}
	f.hand = false
	if f.driver == pwmFan {
		return f.governors(func(zone string) string { return cmp.Or(f.zones[zone], stepWise) })
	}
	return f.write("pwm1_enable", f.before)
}

// take takes the fan from the kernel.
func (f *Fan) take() error {
	if f.driver == pwmFan {
		f.zones = map[string]string{}
		return f.governors(func(zone string) string {
			if f.zones[zone] = hal.ReadWord(f.root, zone); f.zones[zone] == userSpace {
				f.zones[zone] = stepWise // somebody took it before us and did not give it back
			}
			return userSpace
		})
	}
	f.before = hal.ReadWord(f.root, path.Join(f.dir, "pwm1_enable"))
	if n, err := strconv.Atoi(f.before); err != nil || n < 2 {
		f.before = automatic // somebody took it before us and did not give it back
	}
	return f.write("pwm1_enable", byHand)
}

// governors sets the governor of each thermal zone that can be left to a program. On the
// others the kernel may speak up again between two of our Sets.
func (f *Fan) governors(choose func(zone string) string) error {
	zones, _ := fs.Glob(f.root, "sys/class/thermal/thermal_zone*/policy") // the pattern is well formed
	for _, z := range zones {
		if !slices.Contains(strings.Fields(hal.ReadWord(f.root, path.Join(path.Dir(z), "available_policies"))), userSpace) {
			continue
		}
		if err := write(hal.Path(f.root, z), choose(z)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fan) write(name, value string) error {
	return write(hal.Path(f.root, path.Join(f.dir, name)), value)
}
