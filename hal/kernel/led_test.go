package kernel

import (
	"os"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
)

// lamp is a machine with a light whose kernel has the triggers' files.
func lamp(t *testing.T, more ...string) (hal.Dir, *LED) {
	t.Helper()
	files := map[string]string{light + "brightness": "", light + "max_brightness": "255\n"}
	for _, f := range more {
		files[light+f] = ""
	}
	root := machine(t, files)
	l := FindLED(root, "ACT")
	if l == nil {
		t.Fatal("no light")
	}
	return root, l
}

func set(t *testing.T, l *LED, p hal.Pattern) {
	t.Helper()
	if err := l.Set(p); err != nil {
		t.Errorf("%v: %v", p, err)
	}
}

func TestLightBlinksByTheKernelsTimer(t *testing.T) {
	root, l := lamp(t, "trigger", "delay_on", "delay_off")
	set(t, l, hal.Lesson)
	holds(t, root, map[string]string{light + "trigger": "timer", light + "delay_on": "2700", light + "delay_off": "300"})
	empty(t, root, light+"trigger")
	set(t, l, hal.Ready)
	holds(t, root, map[string]string{light + "trigger": "none", light + "brightness": "255"})
	empty(t, root, light+"brightness")
	set(t, l, 0)
	holds(t, root, map[string]string{light + "brightness": "0"})
}

func TestLightBlinksByTheKernelsPattern(t *testing.T) {
	root, l := lamp(t, "trigger", "pattern", "repeat")
	set(t, l, hal.Updating)
	holds(t, root, map[string]string{
		light + "trigger": "pattern", light + "repeat": "-1",
		light + "pattern": "255 200 255 0 0 200 0 0 255 200 255 0 0 1400 0 0",
	})
}

// TestLightBlinksByUs: a kernel that has no trigger. Each step is seen, and the next Set ends
// the pattern.
func TestLightBlinksByUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, l := lamp(t)
		is := func(want string) {
			t.Helper()
			synctest.Wait()
			holds(t, root, map[string]string{light + "brightness": want})
			empty(t, root, light+"brightness")
		}
		set(t, l, hal.Updating)
		is("255")
		for range 3 {
			for i, s := range hal.Updating.Steps() {
				time.Sleep(s.For)
				is([]string{"0", "255", "0", "255"}[i])
			}
		}
		set(t, l, hal.Ready)
		is("255")
		time.Sleep(time.Minute)
		is("")
	})
}

func TestLightThatIsNotOursIsLeftAlone(t *testing.T) {
	root := fstest.MapFS{"sys/class/leds/input3::capslock/brightness": {}, "sys/class/leds/none-of-this-machine:status/brightness": {}}
	if l := FindLED(root, "ACT", "led0", ":status"); l != nil {
		t.Errorf("got %s, which this machine does not have", l.dir)
	}
	dir := machine(t, map[string]string{"sys/class/leds/green:status/brightness": "", "sys/class/leds/x:power/brightness": ""})
	l := FindLED(dir, "ACT", ":status")
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
