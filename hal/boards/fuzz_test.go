package boards_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
)

const deviceTree = "sys/firmware/devicetree/base/"

// FuzzProbe checks that no board panics and that its name can be shown, whatever the files of the
// kernel and the firmware hold.
func FuzzProbe(f *testing.F) {
	f.Add("raspberrypi,5-model-b\x00brcm,bcm2712\x00", "Raspberry Pi 5\x00", "51200", "10000000000000 0", "rpi_volt")
	f.Add("raspberrypi,\x00brcm,bcm2711", "\x1b[2J\xff\n\u202e", "-1", "zz", "\x00")
	f.Fuzz(func(t *testing.T, compatible, model, number, words, name string) {
		root := fstest.MapFS{}
		for file, data := range map[string]string{
			deviceTree + "compatible": compatible, deviceTree + "model": model, deviceTree + "serial-number": model,
			"sys/class/thermal/thermal_zone0/type": name, "sys/class/thermal/thermal_zone0/temp": number,
			"sys/class/hwmon/hwmon0/name": name, "sys/class/hwmon/hwmon0/in0_lcrit_alarm": number,
			"sys/class/input/event99/device/capabilities/key": words, "dev/input/event99": "",
			"sys/class/leds/ACT/max_brightness": number, "proc/cpuinfo": model,
			"sys/class/net/eth0/uevent": words, "sys/class/block/x/uevent": words,
			"sys/devices/platform/soc/soc:firmware/get_throttled": number,
		} {
			root[file] = &fstest.MapFile{Data: []byte(data), Mode: fs.ModePerm}
		}
		b := boards.Probe(root)
		for _, s := range []string{b.Name, b.Serial} {
			if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q", s)
			}
		}
		if b.Supply != nil {
			_, _ = b.Supply.Low()
		}
		if b.Thermal != nil {
			b.Thermal.Heat()
		}
		_ = hal.ReadCPU(root)
	})
}
