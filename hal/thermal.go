package hal

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// MilliCelsius is a temperature in thousandths of a degree Celsius, as the kernel tells it.
type MilliCelsius int

// String is the temperature to a degree: "47 °C".
func (m MilliCelsius) String() string { return fmt.Sprintf("%.0f °C", float64(m)/1000) }

// Zone is one place with a thermometer.
type Zone struct {
	Name string // "cpu-thermal", "x86_pkg_temp"
	Temp MilliCelsius
	Hot  MilliCelsius // the kernel begins to slow down here; 0: not told
}

// Heat is how the board bears its work.
type Heat struct {
	Zones []Zone
	Slow  bool // the clock is held down now, because of heat
	Was   bool // it was since power-on, as far as the board remembers
	Weak  bool // the power supply is too weak now, or was since power-on
}

// Hottest is the zone with the highest temperature; ok is false if there is none.
func (h Heat) Hottest() (z Zone, ok bool) {
	for _, c := range h.Zones {
		if !ok || c.Temp > z.Temp {
			z, ok = c, true
		}
	}
	return z, ok
}

// Thermal is a board's thermometers.
type Thermal interface {
	// Heat reads them all. A thermometer that does not answer is left out.
	Heat() Heat
}

// Where the kernel tells it: Documentation/ABI/testing/sysfs-class-thermal, and for the
// firmware's flags drivers/firmware/raspberrypi.c of the Raspberry Pi's kernel.
const (
	thermalDir = "sys/class/thermal"
	throttled  = "sys/devices/platform/soc*/soc*:firmware/get_throttled" // "soc@107c000000" on a Raspberry Pi 5
)

// The firmware's flags; 16 bits higher: since power-on.
const (
	underVoltage = 1 << iota
	clockCapped
	clockThrottled
	softLimit
	sincePowerOn = 16
)

// impossible is hotter than any board works: a thermometer that tells it is broken.
const impossible = 200_000 * MilliCelsius(1)

// NewThermal is the thermometers of the machine whose root folder is root, nil if it has
// none.
func NewThermal(root fs.FS) Thermal {
	t := thermometers{root: root}
	if h := t.Heat(); len(h.Zones) == 0 && firmwareFlags(root) == "" {
		return nil
	}
	return &t
}

type thermometers struct{ root fs.FS }

// Heat implements Thermal.
func (t *thermometers) Heat() Heat {
	var h Heat
	entries, _ := fs.ReadDir(t.root, thermalDir) // what could be read of it
	for _, e := range entries {
		dir := path.Join(thermalDir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "thermal_zone"):
			if z, ok := t.zone(dir); ok {
				h.Zones = append(h.Zones, z)
			}
		case strings.HasPrefix(e.Name(), "cooling_device"):
			h.Slow = h.Slow || t.slows(dir)
		}
	}
	t.firmware(&h)
	return h
}

func (t *thermometers) zone(dir string) (z Zone, ok bool) {
	n, ok := ReadInt(t.root, path.Join(dir, "temp"))
	z = Zone{Name: ReadWord(t.root, path.Join(dir, "type")), Temp: MilliCelsius(n)}
	if !ok || z.Temp > impossible || z.Temp < -impossible {
		return Zone{}, false
	}
	for i := range 16 {
		point := path.Join(dir, "trip_point_"+strconv.Itoa(i))
		switch ReadWord(t.root, point+"_type") {
		case "":
			return z, true
		case "passive":
			if n, ok := ReadInt(t.root, point+"_temp"); ok && n > 0 && (z.Hot == 0 || MilliCelsius(n) < z.Hot) {
				z.Hot = MilliCelsius(n)
			}
		}
	}
	return z, true
}

// slows tells that a cooling device is at work that cools by a slower clock; a fan is not one.
func (t *thermometers) slows(dir string) bool {
	kind := ReadWord(t.root, path.Join(dir, "type"))
	if kind != "Processor" && !strings.Contains(kind, "cpufreq") {
		return false
	}
	state, ok := ReadInt(t.root, path.Join(dir, "cur_state"))
	return ok && state > 0
}

// firmwareFlags is what the firmware of a Raspberry Pi tells, empty elsewhere.
func firmwareFlags(root fs.FS) string {
	names, _ := fs.Glob(root, throttled) // the pattern is well formed
	for _, n := range names {
		if w := ReadWord(root, n); w != "" {
			return w
		}
	}
	return ""
}

// firmware reads the flags of a Raspberry Pi, a number in base 16. Its own kernels show them;
// the usual one shows the supply alone.
func (t *thermometers) firmware(h *Heat) {
	h.Weak, _ = Undervolted(t.root)
	flags, err := strconv.ParseUint(strings.TrimPrefix(firmwareFlags(t.root), "0x"), 16, 32)
	if err != nil {
		return
	}
	const slow = clockCapped | clockThrottled | softLimit
	h.Slow = h.Slow || flags&slow != 0
	h.Was = flags&(slow<<sincePowerOn) != 0
	h.Weak = h.Weak || flags&(underVoltage|underVoltage<<sincePowerOn) != 0
}

// Undervolted tells that the supply of a Raspberry Pi is too weak now: by the kernel's monitor
// of it (drivers/hwmon/raspberrypi-hwmon.c), else by the firmware's flags. ok is false on a
// machine that has neither.
func Undervolted(root fs.FS) (low, ok bool) {
	names, _ := fs.Glob(root, "sys/class/hwmon/*/name") // the pattern is well formed
	for _, n := range names {
		if ReadWord(root, n) != "rpi_volt" {
			continue
		}
		if alarm, ok := ReadInt(root, path.Join(path.Dir(n), "in0_lcrit_alarm")); ok {
			return alarm != 0, true
		}
	}
	flags, err := strconv.ParseUint(strings.TrimPrefix(firmwareFlags(root), "0x"), 16, 32)
	return flags&underVoltage != 0, err == nil
}
