package hal_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/haltest"
)

// newRootDir returns a root folder with these files.
func newRootDir(t *testing.T, files map[string]string) haltest.Root {
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

// TestWatchdogIsFedAndStopped checks the bytes. Any byte except V feeds, and V before the close
// stops the watchdog (watchdog-api.rst).
func TestWatchdogIsFedAndStopped(t *testing.T) {
	root := newRootDir(t, map[string]string{"sys/class/watchdog/watchdog0/identity": "double", "dev/watchdog0": ""})
	dog, err := hal.FindWatchdog(root)()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := dog.Feed(); err != nil {
			t.Error(err)
		}
	}
	if dog.Timeout() <= 0 || dog.Timeout() > time.Minute {
		t.Errorf("it waits for %v", dog.Timeout())
	}
	if err := dog.Disarm(); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(root.Path("dev/watchdog0")); string(got) != "\x00\x00\x00V" {
		t.Errorf("the device got %q", got)
	}
	if err := dog.Feed(); err == nil {
		t.Error("a closed watchdog was fed")
	}
	if hal.FindWatchdog(newRootDir(t, nil)) != nil {
		t.Error("an empty machine has a watchdog")
	}
}

func TestClockThatIsNoneTellsSo(t *testing.T) {
	root := newRootDir(t, map[string]string{"sys/class/rtc/rtc0/name": "double", "dev/rtc0": "no clock"})
	clock := hal.FindRTC(root)
	if _, err := clock.Read(); err == nil || errors.Is(err, hal.ErrUnset) {
		t.Errorf("a file that is no clock: got %v", err)
	}
	if err := clock.Set(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Error("a time before this program was set")
	}
	if hal.FindRTC(newRootDir(t, nil)) != nil {
		t.Error("an empty machine has a clock")
	}
}
