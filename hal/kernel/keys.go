package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/hal"
)

// Constants of linux/input-event-codes.h and linux/input.h.
const (
	evKey    = 1
	keyPower = 116

	eventSize  = 24 // struct input_event on 64 bits: two longs, type and code of 16 bits, value of 32
	eviocgkey  = 2<<30 | 'E'<<8 | 0x18
	eviocsclk  = 1<<30 | 4<<16 | 'E'<<8 | 0xa0
	keyBytes   = (0x300 + 7) / 8 // KEY_MAX
	pollPeriod = 250             // milliseconds: a reader notices the end of its context within this time
)

// Phys prefix of the devices of drivers/acpi/button.c. That driver reports the end of a press right
// after its start, or later on a busy machine. It does not report how long the finger was down.
const (
	acpiPhys = "/button/input0"
	acpiHeld = 5 * time.Second
)

// Keys is the power key of a PC, of a Raspberry Pi 5, and of any board whose device tree has a
// gpio-key with that code. Several devices with such a key are one button.
//
// The kernel debounces a gpio-key. The firmware of a PC reports a press without its length. People
// press that key to switch the PC off, so it counts as a long press.
type Keys struct{ keys []key }

type key struct {
	path string // of /dev/input/event*
	acpi bool   // the firmware of a PC reports it
}

// FindKeys returns the power keys, nil if there is no readable device with such a key.
func FindKeys(root fs.FS) *Keys {
	all, _ := fs.Glob(root, "sys/class/input/event*/device/capabilities/key") // the pattern is correct
	k := &Keys{}
	for _, name := range all {
		event, _, _ := strings.Cut(strings.TrimPrefix(name, "sys/class/input/"), "/")
		file := path.Join("dev/input", event)
		if hasBit(hal.ReadWords(root, name), keyPower) && hal.FileExists(root, file) {
			phys := hal.ReadWord(root, path.Join("sys/class/input", event, "device/phys"))
			k.keys = append(k.keys, key{hal.DevicePath(root, file), strings.HasSuffix(phys, acpiPhys)})
		}
	}
	if len(k.keys) == 0 {
		return nil
	}
	return k
}

// Each returns each key as a button of its own, by the path of its device.
func (k *Keys) Each() map[string]hal.Button {
	each := map[string]hal.Button{}
	for _, one := range k.keys {
		each[one.path] = &Keys{[]key{one}}
	}
	return each
}

// hasBit reports whether bit n is set in a bitmap of the input system: 64-bit words in base 16, the
// highest first.
func hasBit(words []string, n int) bool {
	i := len(words) - 1 - n/64
	if i < 0 || i >= len(words) {
		return false
	}
	w, err := strconv.ParseUint(words[i], 16, 64)
	return err == nil && w>>(n%64)&1 == 1
}

// Down implements hal.Button.
func (k *Keys) Down() (bool, error) {
	fds, _, err := k.openDevices()
	if err != nil {
		return false, err
	}
	defer closeAll(fds)
	var all []error
	for _, fd := range fds {
		var state [keyBytes]byte
		if err := ioctlBytes(int(fd.Fd), eviocgkey|uintptr(len(state))<<16, state[:]); err != nil {
			all = append(all, err)
		} else if state[keyPower/8]>>(keyPower%8)&1 == 1 {
			return true, nil
		}
	}
	return false, errors.Join(all...)
}

// Presses implements hal.Button.
func (k *Keys) Presses(ctx context.Context) iter.Seq[hal.Press] {
	return func(yield func(hal.Press) bool) {
		fds, acpi, err := k.openDevices()
		if err != nil {
			return // a device that is gone has no presses
		}
		defer closeAll(fds)
		for _, fd := range fds {
			// The kernel queues an event of a held gpio-key for its first reader. Reading the state
			// drops that event, so a press that began before does not count. A device without a
			// state has no such event.
			_ = ioctlBytes(int(fd.Fd), eviocgkey|uintptr(keyBytes)<<16, make([]byte, keyBytes))
		}
		var down time.Duration
		for ctx.Err() == nil && len(fds) > 0 {
			if _, err := unix.Poll(fds, pollPeriod); err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
			for i := range fds {
				for _, e := range readEvents(&fds[i]) {
					if p, ok := e.endPress(&down, acpi[i]); ok && ctx.Err() == nil && !yield(p) {
						return
					}
				}
			}
		}
	}
}

// keyEvent is one event of a key.
type keyEvent struct {
	at    time.Duration // by the clock of the device
	value int32         // 0: up, 1: down, 2: repeated
}

// endPress returns the press that began at down and ends with this event.
func (e keyEvent) endPress(down *time.Duration, acpi bool) (hal.Press, bool) {
	switch {
	case e.value == 1 && *down == 0:
		*down = max(e.at, 1)
	case e.value == 0 && *down != 0:
		// A device that refuses the monotonic clock may report an end that is not after its start.
		held := max(e.at-*down, 1)
		if *down = 0; acpi {
			held = acpiHeld
		}
		return hal.Press{Held: held}, true
	}
	return hal.Press{}, false
}

// readEvents returns the pending events of the power key at fd. A device that failed is not polled
// again.
func readEvents(fd *unix.PollFd) []keyEvent {
	if fd.Revents == 0 {
		return nil
	}
	var buf [16 * eventSize]byte
	n, err := unix.Read(int(fd.Fd), buf[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) || n == 0 {
		fd.Events, fd.Fd = 0, -1^fd.Fd // poll(2) ignores negative descriptors
		return nil
	}
	return parseEvents(buf[:max(n, 0)])
}

// parseEvents reads complete events of the power key.
func parseEvents(b []byte) (list []keyEvent) {
	for ; len(b) >= eventSize; b = b[eventSize:] {
		kind, code := binary.NativeEndian.Uint16(b[16:]), binary.NativeEndian.Uint16(b[18:])
		if kind != evKey || code != keyPower {
			continue
		}
		sec, usec := int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:]))
		list = append(list, keyEvent{
			at:    time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond,
			value: int32(binary.NativeEndian.Uint32(b[20:])),
		})
	}
	return list
}

// openDevices opens the devices that can be opened. It also reports which of them are reported by
// the firmware of a PC.
func (k *Keys) openDevices() (fds []unix.PollFd, acpi []bool, err error) {
	for _, one := range k.keys {
		fd, e := unix.Open(one.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", one.path, e))
			continue
		}
		// Use the monotonic clock. A device without it reports the wall clock.
		_ = unix.IoctlSetPointerInt(fd, eviocsclk, unix.CLOCK_MONOTONIC)
		fds, acpi = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}), append(acpi, one.acpi)
	}
	if len(fds) > 0 {
		return fds, acpi, nil
	}
	return nil, nil, err
}

func closeAll(fds []unix.PollFd) {
	for _, f := range fds {
		if f.Fd < 0 {
			f.Fd = -1 ^ f.Fd
		}
		_ = unix.Close(int(f.Fd)) // nothing was written
	}
}
