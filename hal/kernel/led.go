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

// LED is a light under /sys/class/leds. Where the kernel has a trigger for a pattern it
// blinks by itself, and goes on while we are busy, stuck or gone; else we switch it.
type LED struct {
	dir  string
	full string // the brightness of a light that is on

	mu    sync.Mutex
	shows uint64      // guarded by mu; counts Set
	timer *time.Timer // guarded by mu; the next step of a pattern that we switch
}

// FindLED is the first of the lights called names that is there and that we may use, nil if
// there is none. A name that begins with a colon is the function at the end of a light's name
// ("green:status").
func FindLED(root fs.FS, names ...string) *LED {
	all, _ := fs.Glob(root, ledDir+"/*") // the pattern is well formed
	for _, want := range names {
		for _, dir := range all {
			name := path.Base(dir)
			if name != want && (want[0] != ':' || !strings.HasSuffix(name, want)) {
				continue
			}
			if l := NewLED(hal.Path(root, dir)); writable(filepath.Join(l.dir, "brightness")) {
				if n, ok := hal.ReadInt(root, path.Join(dir, "max_brightness")); ok && n > 0 {
					l.full = strconv.Itoa(n)
				}
				return l
			}
		}
	}
	return nil
}

// NewLED is the light whose folder is dir.
func NewLED(dir string) *LED { return &LED{dir: dir, full: "1"} }

// Set implements hal.StatusLED.
func (l *LED) Set(p hal.Pattern) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shows++
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	steps := p.Steps()
	switch {
	case len(steps) == 2 && l.byTimer(steps) == nil:
		return nil
	case len(steps) > 1 && l.byPattern(steps) == nil:
		return nil
	}
	_ = l.write("trigger", "none") // a light without triggers is as good
	if len(steps) == 0 {
		return l.on(false)
	}
	return l.step(steps, 0)
}

// byTimer lets the kernel blink: Documentation/leds/leds-class.rst, "timer".
func (l *LED) byTimer(steps []hal.Step) error {
	if err := l.trigger("timer"); err != nil {
		return err
	}
	for _, s := range steps {
		name := "delay_off"
		if s.On {
			name = "delay_on"
		}
		if err := l.write(name, strconv.FormatInt(s.For.Milliseconds(), 10)); err != nil {
			return err
		}
	}
	return nil
}

// byPattern lets the kernel go through the steps. Each brightness goes over into the next one
// in its time, so each step is told twice, the second time with no time at all:
// Documentation/ABI/testing/sysfs-class-led-trigger-pattern.
func (l *LED) byPattern(steps []hal.Step) error {
	if err := l.trigger("pattern"); err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range steps {
		bright := l.bright(s.On)
		fmt.Fprintf(&b, "%s %d %s 0 ", bright, s.For.Milliseconds(), bright)
	}
	if err := l.write("pattern", strings.TrimSpace(b.String())); err != nil {
		return err
	}
	return l.write("repeat", "-1")
}

// trigger sets the trigger. The kernel refuses one that it does not have.
func (l *LED) trigger(name string) error { return l.write("trigger", name) }

// step shows steps[i] and arranges for the next one, for mu's holder.
func (l *LED) step(steps []hal.Step, i int) error {
	if err := l.on(steps[i].On); err != nil || len(steps) == 1 {
		return err
	}
	shows := l.shows
	l.timer = time.AfterFunc(steps[i].For, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.shows == shows {
			_ = l.step(steps, (i+1)%len(steps)) // the light went: the next Set tells
		}
	})
	return nil
}

func (l *LED) on(on bool) error { return l.write("brightness", l.bright(on)) }

func (l *LED) bright(on bool) string {
	if on {
		return l.full
	}
	return "0"
}

func (l *LED) write(name, value string) error { return write(filepath.Join(l.dir, name), value) }
