package hal

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// MilliCelsius is a temperature in thousandths of a degree Celsius, the unit of the kernel.
type MilliCelsius int

// String returns the temperature rounded to a degree: "47 °C".
func (m MilliCelsius) String() string { return fmt.Sprintf("%.0f °C", float64(m)/1000) }

// Zone is one thermometer.
type Zone struct {
	Name string // "cpu-thermal", "x86_pkg_temp"
	Temp MilliCelsius
	Hot  MilliCelsius // the kernel throttles from here, 0 means unknown
}

// Heat is the thermal state of the board.
type Heat struct {
	Zones        []Zone
	Throttled    bool // the clock is reduced now because of heat
	WasThrottled bool // the clock was reduced since power-on, as far as the board remembers
	UnderVoltage bool // the supply voltage is too low now, or was since power-on
}

// Hottest returns the zone with the highest temperature. ok is false if there is no zone.
func (h Heat) Hottest() (z Zone, ok bool) {
	for _, c := range h.Zones {
		if !ok || c.Temp > z.Temp {
			z, ok = c, true
		}
	}
	return z, ok
}

// Thermal is the set of thermometers of a board.
type Thermal interface {
	// Heat reads all thermometers. It leaves out a thermometer that does not answer.
	Heat() Heat
}

// Files of the kernel: Documentation/ABI/testing/sysfs-class-thermal. For the flags of the
// firmware: drivers/firmware/raspberrypi.c in the kernel of the Raspberry Pi.
const (
	thermalDir    = "sys/class/thermal"
	throttledGlob = "sys/devices/platform/soc*/soc*:firmware/get_throttled" // "soc@107c000000" on a Raspberry Pi 5
)

// Flags of the firmware. The same flags 16 bits higher mean "since power-on".
const (
	underVoltage = 1 << iota
	clockCapped
	clockThrottled
	softLimit
	sincePowerOn = 16
)

// maxPlausible is above any temperature of a running board. A thermometer that shows more is
// broken.
const maxPlausible = 200_000 * MilliCelsius(1)

// NewThermal returns the thermometers of the machine whose root folder is root, nil if it has none.
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
	entries, _ := fs.ReadDir(t.root, thermalDir) // use the entries that could be read
	for _, e := range entries {
		dir := path.Join(thermalDir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "thermal_zone"):
			if z, ok := t.readZone(dir); ok {
				h.Zones = append(h.Zones, z)
			}
		case strings.HasPrefix(e.Name(), "cooling_device"):
			h.Throttled = h.Throttled || t.isThrottling(dir)
		}
	}
	t.addFirmwareFlags(&h)
	return h
}

func (t *thermometers) readZone(dir string) (z Zone, ok bool) {
	n, ok := ReadInt(t.root, path.Join(dir, "temp"))
	z = Zone{Name: ReadWord(t.root, path.Join(dir, "type")), Temp: MilliCelsius(n)}
	if !ok || z.Temp > maxPlausible || z.Temp < -maxPlausible {
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

// isThrottling reports whether a cooling device cools by a slower clock now. A fan is no such
// device.
func (t *thermometers) isThrottling(dir string) bool {
	kind := ReadWord(t.root, path.Join(dir, "type"))
	if kind != "Processor" && !strings.Contains(kind, "cpufreq") {
		return false
	}
	state, ok := ReadInt(t.root, path.Join(dir, "cur_state"))
	return ok && state > 0
}

// firmwareFlags returns the flags of a Raspberry Pi's firmware, empty on other machines.
func firmwareFlags(root fs.FS) string {
	names, _ := fs.Glob(root, throttledGlob) // the pattern is correct
	for _, n := range names {
		if w := ReadWord(root, n); w != "" {
			return w
		}
	}
	return ""
}

// addFirmwareFlags reads the flags of a Raspberry Pi, a number in base 16. Only the kernels of
// Raspberry Pi show them. The mainline kernel shows the supply voltage only.
func (t *thermometers) addFirmwareFlags(h *Heat) {
	h.UnderVoltage, _ = IsUndervolted(t.root)
	flags, err := strconv.ParseUint(strings.TrimPrefix(firmwareFlags(t.root), "0x"), 16, 32)
	if err != nil {
		return
	}
	const slow = clockCapped | clockThrottled | softLimit
	h.Throttled = h.Throttled || flags&slow != 0
	h.WasThrottled = flags&(slow<<sincePowerOn) != 0
	h.UnderVoltage = h.UnderVoltage || flags&(underVoltage|underVoltage<<sincePowerOn) != 0
}

// IsUndervolted reports whether the supply voltage of a Raspberry Pi is too low now. It asks the
// monitor of the kernel (drivers/hwmon/raspberrypi-hwmon.c), then the flags of the firmware. ok is
// false on a machine that has neither.
func IsUndervolted(root fs.FS) (low, ok bool) {
	names, _ := fs.Glob(root, "sys/class/hwmon/*/name") // the pattern is correct
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
