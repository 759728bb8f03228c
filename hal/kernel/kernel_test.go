package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal/haltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRoot returns a root folder with these files.
func newRoot(t *testing.T, files map[string]string) haltest.Root {
	t.Helper()
	root := haltest.Root(t.TempDir())
	for name, data := range files {
		path := root.Path(name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// checkFiles compares files of root with the wanted content.
func checkFiles(t *testing.T, root haltest.Root, want map[string]string) {
	t.Helper()
	for name, w := range want {
		// A file of sysfs takes one value. These files keep the rest of an earlier, longer one.
		if got, _ := os.ReadFile(root.Path(name)); string(got) != w {
			t.Errorf("%s: got %q, want %q", name, got, w)
		}
	}
}

// truncateFiles empties files of root.
func truncateFiles(t *testing.T, root haltest.Root, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.Truncate(root.Path(n), 0); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	light = "sys/class/leds/ACT/"
	fan   = "sys/class/hwmon/hwmon2/"
	zone  = "sys/class/thermal/thermal_zone0/"
)

// allParts returns a machine with all parts that plain files can simulate.
func allParts() map[string]string {
	return map[string]string{
		light + "brightness": "", light + "max_brightness": "255\n", light + "trigger": "",
		fan + "name": "pwmfan\n", fan + "pwm1": "", fan + "pwm1_enable": "1\n",
		zone + "type": "cpu-thermal\n", zone + "temp": "48312\n",
		zone + "policy": "step_wise\n", zone + "available_policies": "user_space step_wise\n",
		"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n",
		"sys/class/input/event0/device/capabilities/key": "10000000000000 0\n", "dev/input/event0": "",
		"sys/class/watchdog/watchdog0/identity": "double\n", "dev/watchdog0": "",
	}
}

func TestEveryPartPassesTheSuite(t *testing.T) {
	b := FindParts(newRoot(t, allParts()), "ACT")
	b.Name = "parts"
	if b.LED == nil || b.Fan == nil || b.Supply == nil || b.Button == nil || b.Thermal == nil || b.Watchdog == nil {
		t.Fatalf("parts are missing: %+v", b)
	}
	b.Button = nil // a file is no key: TestPresses
	haltest.TestBoard(t, b, haltest.Operator{})
}

func TestEmptyMachineHasNoParts(t *testing.T) {
	b := FindParts(fstest.MapFS{}, "ACT", ":status")
	if b.LED != nil || b.Fan != nil || b.RTC != nil || b.Watchdog != nil || b.Supply != nil || b.Radios != nil || b.Button != nil || b.Thermal != nil {
		t.Errorf("got %+v", b)
	}
}

func TestUndervoltageIsSeen(t *testing.T) {
	const alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
	root := newRoot(t, allParts())
	s := findSupply(root)
	for value, want := range map[string]bool{"0\n": false, "1\n": true} {
		if err := os.WriteFile(root.Path(alarm), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Low(); err != nil || got != want {
			t.Errorf("alarm %q: got %v, %v", value, got, err)
		}
	}
	truncateFiles(t, root, alarm)
	if _, err := s.Low(); err == nil {
		t.Error("an alarm without a value is no error")
	}
	flags := findSupply(fstest.MapFS{"sys/devices/platform/soc/soc:firmware/get_throttled": {Data: []byte("50005\n")}})
	if low, err := flags.Low(); !low || err != nil {
		t.Errorf("by the firmware's flags: got %v, %v", low, err)
	}
	if findSupply(fstest.MapFS{"sys/class/hwmon/hwmon0/name": {Data: []byte("coretemp")}}) != nil {
		t.Error("a PC reports its supply voltage")
	}
}
