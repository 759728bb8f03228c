package kernel

import (
	"os"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/haltest"
)

// newLamp returns a machine with a light whose kernel has the triggers' files.
func newLamp(t *testing.T, more ...string) (haltest.Root, *sysfsLED) {
	t.Helper()
	files := map[string]string{light + "brightness": "", light + "max_brightness": "255\n"}
	for _, f := range more {
		files[light+f] = ""
	}
	root := newRoot(t, files)
	l := findLED(root, "ACT")
	if l == nil {
		t.Fatal("no light")
	}
	return root, l
}

func setPattern(t *testing.T, l *sysfsLED, p hal.Pattern) {
	t.Helper()
	if err := l.Set(p); err != nil {
		t.Errorf("%v: %v", p, err)
	}
}

func TestLightBlinksByTheKernelsTimer(t *testing.T) {
	root, l := newLamp(t, "trigger", "delay_on", "delay_off")
	setPattern(t, l, hal.Lesson)
	checkFiles(t, root, map[string]string{light + "trigger": "timer", light + "delay_on": "2700", light + "delay_off": "300"})
	truncateFiles(t, root, light+"trigger")
	setPattern(t, l, hal.Ready)
	checkFiles(t, root, map[string]string{light + "trigger": "none", light + "brightness": "255"})
	truncateFiles(t, root, light+"brightness")
	setPattern(t, l, 0)
	checkFiles(t, root, map[string]string{light + "brightness": "0"})
}

func TestLightBlinksByTheKernelsPattern(t *testing.T) {
	root, l := newLamp(t, "trigger", "pattern", "repeat")
	setPattern(t, l, hal.Updating)
	checkFiles(t, root, map[string]string{
		light + "trigger": "pattern", light + "repeat": "-1",
		light + "pattern": "255 200 255 0 0 200 0 0 255 200 255 0 0 1400 0 0",
	})
}

// TestLightBlinksByUs checks a kernel without a trigger. Each step is visible, and the next Set
// ends the pattern.
func TestLightBlinksByUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, l := newLamp(t)
		is := func(want string) {
			t.Helper()
			synctest.Wait()
			checkFiles(t, root, map[string]string{light + "brightness": want})
			truncateFiles(t, root, light+"brightness")
		}
		setPattern(t, l, hal.Updating)
		is("255")
		for range 3 {
			for i, s := range hal.Updating.Steps() {
				time.Sleep(s.For)
				is([]string{"0", "255", "0", "255"}[i])
			}
		}
		setPattern(t, l, hal.Ready)
		is("255")
		time.Sleep(time.Minute)
		is("")
	})
}

func TestLightThatIsNotOursIsLeftAlone(t *testing.T) {
	root := fstest.MapFS{"sys/class/leds/input3::capslock/brightness": {}, "sys/class/leds/none-of-this-machine:status/brightness": {}}
	if l := findLED(root, "ACT", "led0", ":status"); l != nil {
		t.Errorf("got %s, which this machine does not have", l.dir)
	}
	dir := newRoot(t, map[string]string{"sys/class/leds/green:status/brightness": "", "sys/class/leds/x:power/brightness": ""})
	l := findLED(dir, "ACT", ":status")
	if l == nil {
		t.Fatal("no light")
	}
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(hal.Ready); err == nil {
		t.Error("a light that is gone shines")
	}
}
