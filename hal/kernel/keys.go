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

// Of linux/input-event-codes.h and linux/input.h.
const (
	evKey    = 1
	keyPower = 116

	eventSize  = 24 // struct input_event on 64 bits: two longs, type and code of 16 bits, value of 32
	eviocgkey  = 2<<30 | 'E'<<8 | 0x18
	eviocsclk  = 1<<30 | 4<<16 | 'E'<<8 | 0xa0
	keyBytes   = (0x300 + 7) / 8 // KEY_MAX
	pollPeriod = 250             // milliseconds: how soon a reader sees that it is to end
)

// What drivers/acpi/button.c tells as a press ends as soon as it began, or on a machine that is
// busy any time later: it says nothing of the finger. Its devices are known by their phys.
const (
	acpiPhys = "/button/input0"
	unheld   = 5 * time.Second
)

// Keys is the power key: on a PC, on a Raspberry Pi 5, and on any board whose device tree has
// a gpio-key with the code of one. Several devices with such a key are one button.
//
// The kernel has debounced a gpio-key. Of a PC's key the firmware tells that it was pressed,
// and not for how long; people press it to switch the PC off, so it counts as held for long.
type Keys struct{ keys []key }

type key struct {
	path string // of /dev/input/event*
	acpi bool   // of a PC's firmware
}

// FindKeys is nil if no device has a power key that is for us to read.
func FindKeys(root fs.FS) *Keys {
	all, _ := fs.Glob(root, "sys/class/input/event*/device/capabilities/key") // the pattern is well formed
	k := &Keys{}
	for _, name := range all {
		event, _, _ := strings.Cut(strings.TrimPrefix(name, "sys/class/input/"), "/")
		file := path.Join("dev/input", event)
		if hasBit(hal.ReadWords(root, name), keyPower) && hal.Exists(root, file) {
			phys := hal.ReadWord(root, path.Join("sys/class/input", event, "device/phys"))
			k.keys = append(k.keys, key{hal.Path(root, file), strings.HasSuffix(phys, acpiPhys)})
		}
	}
	if len(k.keys) == 0 {
		return nil
	}
	return k
}

// hasBit tells that bit n is set in a bitmap of the input system: words of 64 bits in base
// 16, the highest first.
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
	fds, _, err := k.open()
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
		fds, acpi, err := k.open()
		if err != nil {
			return // nobody can press what is gone
		}
		defer closeAll(fds)
		var down time.Duration
		for ctx.Err() == nil && len(fds) > 0 {
			if _, err := unix.Poll(fds, pollPeriod); err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
			for i := range fds {
				for _, e := range events(&fds[i]) {
					if p, ok := e.press(&down, acpi[i]); ok && ctx.Err() == nil && !yield(p) {
						return
					}
				}
			}
		}
	}
}

// event is one of a key.
type event struct {
	at    time.Duration // of the device's clock
	value int32         // 0: up, 1: down, 2: repeated
}

// press is the end of a press that began at down.
func (e event) press(down *time.Duration, acpi bool) (hal.Press, bool) {
	switch {
	case e.value == 1 && *down == 0:
		*down = max(e.at, 1)
	case e.value == 0 && *down != 0:
		held := e.at - *down
		if *down = 0; acpi {
			held = unheld
		}
		return hal.Press{Held: held}, true
	}
	return hal.Press{}, false
}

// events are those of the power key that wait at fd. One that failed is not polled again.
func events(fd *unix.PollFd) []event {
	if fd.Revents == 0 {
		return nil
	}
	var buf [16 * eventSize]byte
	n, err := unix.Read(int(fd.Fd), buf[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) || n == 0 {
		fd.Events, fd.Fd = 0, -1^fd.Fd // poll(2) passes over negative ones
		return nil
	}
	return parse(buf[:max(n, 0)])
}

// parse reads whole events of the power key.
func parse(b []byte) (list []event) {
	for ; len(b) >= eventSize; b = b[eventSize:] {
		kind, code := binary.NativeEndian.Uint16(b[16:]), binary.NativeEndian.Uint16(b[18:])
		if kind != evKey || code != keyPower {
			continue
		}
		sec, usec := int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:]))
		list = append(list, event{
			at:    time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond,
			value: int32(binary.NativeEndian.Uint32(b[20:])),
		})
	}
	return list
}

// open opens the devices, as many as there are, and tells which are of a PC's firmware.
func (k *Keys) open() (fds []unix.PollFd, acpi []bool, err error) {
	for _, one := range k.keys {
		fd, e := unix.Open(one.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", one.path, e))
			continue
		}
		// Time that nobody sets; a device that does not know better tells the wall's.
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
