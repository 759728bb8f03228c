// Package kernel provides the devices of a board through Linux, in the same way on every board: in
// sysfs and in /dev. The boards take their parts from it.
//
// It finds a device in an fs.FS of the root folder and uses the device at hal.DevicePath of its
// name, so a test can pass a folder of its own. Finding a device changes nothing.
package kernel

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// FindParts returns the devices of the machine whose root folder is root. leds are the names of
// lights that the box may use, the best first.
func FindParts(root fs.FS, leds ...string) hal.Board {
	b := hal.Board{Thermal: hal.NewThermal(root), RTC: hal.FindRTC(root), Watchdog: hal.FindWatchdog(root)}
	if l := findLED(root, leds...); l != nil {
		b.LED = l
	}
	if k := FindKeys(root); k != nil {
		b.Button = k
	}
	if f := findFan(root); f != nil {
		b.Fan = f
	}
	if s := findSupply(root); s != nil {
		b.Supply = s
	}
	b.Storage = hal.FindStorage(root)
	if hal.FileExists(root, "sys/class/ieee80211") {
		b.Radios = wifiRadios{}
	}
	return b
}

// writeSysfs writes an existing file of the kernel.
func writeSysfs(path, value string) error {
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

// isWritable reports whether this program can write to the file.
func isWritable(path string) bool { return unix.Access(path, unix.W_OK) == nil }
