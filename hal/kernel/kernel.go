// Package kernel is the devices of a board as Linux shows them, in the same way on every
// board: in sysfs and in /dev. Boards take from it what they have.
//
// A device is found in an fs.FS of the root folder and used at hal.Path of its name, so that
// a test gives a folder of its own. Finding a device changes nothing.
package kernel

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/v4l2"
)

// Parts is what the kernel shows of the machine whose root folder is root. leds are the names
// of lights that may be ours, the best first.
func Parts(root fs.FS, leds ...string) hal.Board {
	b := hal.Board{Thermal: hal.NewThermal(root), Codecs: v4l2.New(root), RTC: hal.FindRTC(root), Watchdog: hal.FindWatchdog(root)}
	if l := FindLED(root, leds...); l != nil {
		b.LED = l
	}
	if k := FindKeys(root); k != nil {
		b.Button = k
	}
	if f := FindFan(root); f != nil {
		b.Fan = f
	}
	if s := FindSupply(root); s != nil {
		b.Supply = s
	}
	if hal.Exists(root, "sys/class/ieee80211") {
		b.Radios = Radios{}
	}
	return b
}

// write writes a file of the kernel's, which must be there.
func write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writable tells that we may write to the file.
func writable(path string) bool { return unix.Access(path, unix.W_OK) == nil }
