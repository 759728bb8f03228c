package hal

import (
	"context"
	"errors"
	"io"
	"time"
)

// Fan is one fan with an adjustable speed.
type Fan interface {
	// Set makes the fan turn at duty, from 0 (off) to 255 (full speed).
	Set(duty uint8) error
	// Auto gives the fan back to the kernel, which cools every board sufficiently. The service that
	// drives the fan calls it at its end.
	Auto() error
}

// RTC is a clock that keeps running without power. It keeps UTC.
type RTC interface {
	// Read returns the time, to the second. ErrUnset means that the clock lost its power.
	Read() (time.Time, error)
	Set(time.Time) error
}

// ErrUnset means that a real-time clock does not know the time.
var ErrUnset = errors.New("rtc: the clock is not set")

// Watchdog resets the machine unless it is fed within its timeout, so a hung program or kernel
// starts again. One program opens it and feeds it from then on.
type Watchdog interface {
	// Timeout returns the longest time between two feeds.
	Timeout() time.Duration
	Feed() error
	// Disarm stops it if the driver can (magic close). The machine then keeps running.
	Disarm() error
}

// Supply watches the supply voltage of the board.
type Supply interface {
	// Low reports whether the voltage is too low now.
	Low() (bool, error)
}

// Radio is a Wi-Fi interface.
type Radio struct {
	Name    string // "wlan0"
	AP      bool   // can be an access point
	Clients int    // limit of clients of the access point, 0 means unknown
}

// Radios lists the Wi-Fi interfaces.
type Radios interface {
	List() ([]Radio, error)
}

// Slot is one of the two places for a complete system: kernel and root file system.
type Slot string

// The slots.
const (
	SlotA Slot = "a"
	SlotB Slot = "b"
)

// Other returns the opposite slot.
func (s Slot) Other() Slot {
	if s == SlotA {
		return SlotB
	}
	return SlotA
}

// The parts of a slot.
const (
	PartBoot = "boot" // read by the firmware: a kernel file (EFI), a FAT file system (Pi)
	PartRoot = "root" // the root file system, squashfs
)

// SlotState is the state of the boot loader.
type SlotState struct {
	Booted  Slot // the running slot
	Default Slot // the slot of an ordinary start
	Trying  bool // Booted is on trial: it becomes the default at Commit
	Pending bool // the next start tries the spare slot
	Tries   int  // remaining starts of the spare slot, if Pending
}

// SpareSlot returns the slot that does not run. Updates are written to it.
func (s SlotState) SpareSlot() Slot { return s.Booted.Other() }

// SlotPart is the storage of one part of a slot. Writes are on the medium after Sync.
type SlotPart interface {
	io.ReaderAt
	io.WriterAt
	Size() int64 // capacity in bytes
	Sync() error
	io.Closer
}

// Slots are the two slots of a machine and the choice of its boot loader. All updates depend on one
// promise: a machine without a Commit to the spare slot starts the committed slot, whatever Open,
// Write, Try and a power cut did to the spare one.
type Slots interface {
	State() (SlotState, error)
	// Open opens a part of a slot. Only the spare slot can be written to. Open makes it unbootable
	// before the first write (Pending is false afterwards).
	Open(slot Slot, part string, write bool) (SlotPart, error)
	// Try makes the next start take the spare slot. options are kernel options in addition to those
	// of the slot. version is shown in the boot menu.
	Try(version, options string) error
	// Commit makes the running slot the default. The other slot stays unchanged and can be started.
	Commit() error
	// Restart restarts the machine now, into the slot that Try chose. On success it does not
	// return.
	Restart(ctx context.Context) error
}
