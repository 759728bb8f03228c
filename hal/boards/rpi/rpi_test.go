package rpi_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal/boards/rpi"
	"github.com/livelearn/box/hal/haltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deviceTree = "sys/firmware/devicetree/base/"

// newPi returns a root folder with the device tree of a Pi and these files.
func newPi(t *testing.T, compatible, model string, more map[string]string) haltest.Root {
	t.Helper()
	root := haltest.Root(t.TempDir())
	files := map[string]string{deviceTree + "compatible": compatible, deviceTree + "model": model, deviceTree + "serial-number": "10000000abcdef01\x00"}
	maps.Copy(files, more)
	for name, data := range files {
		path := root.Path(name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// The strings are from the device trees that come with the kernel of our image. The firmware adds
// the revision to the model.
func TestEveryPiIsKnown(t *testing.T) {
	for compatible, model := range map[string]string{
		"raspberrypi,4-model-b\x00brcm,bcm2711\x00":          "Raspberry Pi 4 Model B Rev 1.4",
		"raspberrypi,400\x00brcm,bcm2711\x00":                "Raspberry Pi 400 Rev 1.0",
		"raspberrypi,4-compute-module\x00brcm,bcm2711\x00":   "Raspberry Pi Compute Module 4 Rev 1.0",
		"raspberrypi,4-compute-module-s\x00brcm,bcm2711\x00": "Raspberry Pi Compute Module 4S Rev 1.0",
		"raspberrypi,5-model-b\x00brcm,bcm2712\x00":          "Raspberry Pi 5 Model B Rev 1.0",
		"raspberrypi,500\x00brcm,bcm2712\x00":                "Raspberry Pi 500 Rev 1.0",
		"raspberrypi,5-compute-module\x00brcm,bcm2712\x00":   "Raspberry Pi Compute Module 5 Rev 1.0",
		"raspberrypi,model-zero-2-w\x00brcm,bcm2837\x00":     "Raspberry Pi Zero 2 W Rev 1.0",
		"raspberrypi,3-model-b-plus\x00brcm,bcm2837\x00":     "Raspberry Pi 3 Model B Plus Rev 1.3",
		"raspberrypi,3-compute-module\x00brcm,bcm2837\x00":   "Raspberry Pi Compute Module 3 Rev 1.0",
	} {
		b, ok := rpi.Probe(newPi(t, compatible, model+"\x00", nil))
		if !ok || b.Name != model || !b.Appliance || b.Serial != "10000000abcdef01" {
			t.Errorf("%s: got %+v, %v", model, b, ok)
		}
		if b.Display != nil || b.LED != nil || b.Button != nil || b.Fan != nil || b.RTC != nil || b.Watchdog != nil || b.Supply != nil || b.Radios != nil || b.Slots != nil {
			t.Errorf("%s: it has parts that are not there: %+v", model, b)
		}
	}
}

func TestOtherBoardsAreNoPi(t *testing.T) {
	for _, compatible := range []string{
		"", "\x00", "raspberrypi,4-model-b\x00", "brcm,bcm2711\x00", "xraspberrypi,5\x00brcm,bcm2712\x00",
		"raspberrypi,pico\x00raspberrypi,rp2040\x00", "pine64,rock64\x00rockchip,rk3328\x00",
	} {
		if b, ok := rpi.Probe(newPi(t, compatible, "Some Board", nil)); ok {
			t.Errorf("%q: got %+v", compatible, b)
		}
	}
	if _, ok := rpi.Probe(fstest.MapFS{}); ok {
		t.Error("a PC is a Pi")
	}
}

func TestBoardWithAllPartsPassesTheSuite(t *testing.T) {
	const hwmon, zone, led = "sys/class/hwmon/hwmon", "sys/class/thermal/thermal_zone0/", "sys/class/leds/ACT/"
	root := newPi(t, "raspberrypi,5-model-b\x00brcm,bcm2712\x00", "Raspberry Pi 5 Model B Rev 1.0\x00", map[string]string{
		led + "brightness": "", led + "max_brightness": "255\n", led + "trigger": "", led + "delay_on": "", led + "delay_off": "",
		hwmon + "2/name": "pwmfan\n", hwmon + "2/pwm1": "", hwmon + "2/pwm1_enable": "1\n",
		hwmon + "1/name": "rpi_volt\n", hwmon + "1/in0_lcrit_alarm": "0\n",
		zone + "type": "cpu-thermal\n", zone + "temp": "51200\n", zone + "policy": "step_wise\n", zone + "available_policies": "user_space step_wise\n",
		"sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n", "dev/watchdog0": "",
		"sys/class/rtc/rtc0/name": "rpi_rtc\n", "dev/rtc0": "", "dev/i2c-1": "", "dev/gpiochip0": "",
		"sys/class/ieee80211/phy0/index": "0\n",
	})
	b, ok := rpi.Probe(root)
	if !ok || b.LED == nil || b.Fan == nil || b.Supply == nil || b.Thermal == nil || b.Watchdog == nil || b.RTC == nil || b.Radios == nil {
		t.Fatalf("parts are missing: %+v", b)
	}
	if b.Button != nil || b.Display != nil {
		t.Error("a button or a display of another machine's folder")
	}
	b.RTC = nil // a file holds no time
	p := newPin()
	b.Button = rpi.NewButton(p.open)
	haltest.TestBoard(t, b, haltest.Operator{Press: p.press})
}

func TestPowerKeyIsTheButtonWhereThereIsOne(t *testing.T) {
	b, ok := rpi.Probe(newPi(t, "raspberrypi,5-model-b\x00brcm,bcm2712\x00", "Raspberry Pi 5\x00", map[string]string{
		"sys/class/input/event0/device/name":             "pwr_button\n",
		"sys/class/input/event0/device/capabilities/key": "10000000000000 0\n", "dev/input/event0": "",
	}))
	if !ok || b.Button == nil {
		t.Errorf("got %+v", b)
	}
}
