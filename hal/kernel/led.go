package kernel

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/hal"
)

const ledDir = "sys/class/leds"

// sysfsLED is a light under /sys/class/leds. The kernel blinks it by itself if it has a trigger for
// the pattern. The light then keeps blinking while the program is busy, stuck or gone. Without a
// trigger the program switches it.
type sysfsLED struct {
	dir           string
	maxBrightness string // brightness of a light that is on

	mu       sync.Mutex
	setCount uint64      // guarded by mu, counts Set
	timer    *time.Timer // guarded by mu, next step of a pattern that we switch
}

// findLED returns the first usable light among names, nil if there is none. A name that begins with
// a colon is the function at the end of a light's name ("green:status").
func findLED(root fs.FS, names ...string) *sysfsLED {
	all, _ := fs.Glob(root, ledDir+"/*") // the pattern is correct
	for _, want := range names {
		for _, dir := range all {
			name := path.Base(dir)
			if name != want && (want[0] != ':' || !strings.HasSuffix(name, want)) {
				continue
			}
			if l := newLED(hal.DevicePath(root, dir)); isWritable(filepath.Join(l.dir, "brightness")) {
				if n, ok := hal.ReadInt(root, path.Join(dir, "max_brightness")); ok && n > 0 {
					l.maxBrightness = strconv.Itoa(n)
				}
				return l
			}
		}
	}
	return nil
}

// newLED returns the light whose folder is dir.
func newLED(dir string) *sysfsLED { return &sysfsLED{dir: dir, maxBrightness: "1"} }

// Set implements hal.StatusLED.
func (l *sysfsLED) Set(p hal.Pattern) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setCount++
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	steps := p.Steps()
	switch {
	case len(steps) == 2 && l.blinkByTimer(steps) == nil:
		return nil
	case len(steps) > 1 && l.blinkByPattern(steps) == nil:
		return nil
	}
	_ = l.writeAttr("trigger", "none") // a light without triggers works too
	if len(steps) == 0 {
		return l.setOn(false)
	}
	return l.showStep(steps, 0)
}

// blinkByTimer makes the kernel blink: Documentation/leds/leds-class.rst, "timer".
func (l *sysfsLED) blinkByTimer(steps []hal.Step) error {
	if err := l.setTrigger("timer"); err != nil {
		return err
	}
	for _, s := range steps {
		name := "delay_off"
		if s.On {
			name = "delay_on"
		}
		if err := l.writeAttr(name, strconv.FormatInt(s.For.Milliseconds(), 10)); err != nil {
			return err
		}
	}
	return nil
}

// blinkByPattern makes the kernel run the steps. The kernel fades from one brightness to the next within
// the given time, so each step is written twice, the second time with a time of zero:
// Documentation/ABI/testing/sysfs-class-led-trigger-pattern.
func (l *sysfsLED) blinkByPattern(steps []hal.Step) error {
	if err := l.setTrigger("pattern"); err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range steps {
		bright := l.brightness(s.On)
		fmt.Fprintf(&b, "%s %d %s 0 ", bright, s.For.Milliseconds(), bright)
	}
	if err := l.writeAttr("pattern", strings.TrimSpace(b.String())); err != nil {
		return err
	}
	return l.writeAttr("repeat", "-1")
}

// setTrigger sets the trigger. The kernel refuses an unknown one.
func (l *sysfsLED) setTrigger(name string) error { return l.writeAttr("trigger", name) }

// showStep shows steps[i] and schedules the next step. The caller holds mu.
func (l *sysfsLED) showStep(steps []hal.Step, i int) error {
	if err := l.setOn(steps[i].On); err != nil || len(steps) == 1 {
		return err
	}
	shows := l.setCount
	l.timer = time.AfterFunc(steps[i].For, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.setCount == shows {
			_ = l.showStep(steps, (i+1)%len(steps)) // the light is gone: the next Set reports it
		}
	})
	return nil
}

func (l *sysfsLED) setOn(on bool) error { return l.writeAttr("brightness", l.brightness(on)) }

func (l *sysfsLED) brightness(on bool) string {
	if on {
		return l.maxBrightness
	}
	return "0"
}

func (l *sysfsLED) writeAttr(name, value string) error {
	return writeSysfs(filepath.Join(l.dir, name), value)
}
