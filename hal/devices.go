package hal

import (
	"context"
	"errors"
	"io"
	"time"
)

// Fan is one fan with a speed that we set.
type Fan interface {
	// Set makes the fan turn at duty, 0 (off) to 255 (as fast as it can).
	Set(duty uint8) error
	// Auto gives the fan back to the kernel, which every board does well enough. It is called
	// when the program stops.
	Auto() error
}

// RTC is a clock that goes on without power. It keeps UTC.
type RTC interface {
	// Read gives the time, to the second. ErrUnset: the clock lost its power.
	Read() (time.Time, error)
	Set(time.Time) error
}

// ErrUnset tells that a real-time clock does not know the time.
var ErrUnset = errors.New("rtc: the clock is not set")

// Watchdog resets the machine when it is not fed for its time: a program or a kernel that
// hangs is started anew. One program opens it, and from then on feeds it.
type Watchdog interface {
	// Timeout is how long it waits for the next Feed.
	Timeout() time.Duration
	Feed() error
	// Disarm stops it where the driver can (magic close); the machine then lives on.
	Disarm() error
}

// Supply is what a board knows of its power.
type Supply interface {
	// Low tells that the voltage is too low now.
	Low() (bool, error)
}

// Radio is a Wi-Fi interface.
type Radio struct {
	Name    string // "wlan0"
	AP      bool   // it can be an access point
	Clients int    // how many it carries as an access point; 0: not told
}

// Radios finds Wi-Fi.
type Radios interface {
	List() ([]Radio, error)
}

// Slot is one of the two places for a whole system: kernel and root file system.
type Slot string

// The slots.
const (
	SlotA Slot = "a"
	SlotB Slot = "b"
)

// Other is the other one.
func (s Slot) Other() Slot {
	if s == SlotA {
		return SlotB
	}
	return SlotA
}

// The parts of a slot.
const (
	PartBoot = "boot" // what the firmware reads: a kernel file (EFI), a FAT file system (Pi)
	PartRoot = "root" // the root file system, squashfs
)

// SlotState is what the boot loader will do.
type SlotState struct {
	Booted  Slot // the one that runs
	Default Slot // the one that a start takes that is not a try
	Trying  bool // Booted is on trial: it is not the default until Commit
	Pending bool // the next start tries the spare slot
	Tries   int  // how many starts the spare slot has left, if Pending
}

// Spare is the slot that does not run, and that an update is written to.
func (s SlotState) Spare() Slot { return s.Booted.Other() }

// SlotPart is where one part of a slot is kept. Writes are on the medium after Sync.
type SlotPart interface {
	io.ReaderAt
	io.WriterAt
	Size() int64 // how much fits, in bytes
	Sync() error
	io.Closer
}

// Slots are the two slots of a machine and its boot loader's choice. The promise that all
// else stands on: whatever Open, Write, Try and a power cut did to the spare slot, a machine
// that was not committed to it starts the committed one.
type Slots interface {
	State() (SlotState, error)
	// Open opens a part of a slot. Only the spare one may be written to; before the first
	// write it is made unbootable (Pending is false afterwards).
	Open(slot Slot, part string, write bool) (SlotPart, error)
	// Try makes the next start take the spare slot. options are the kernel's, beside those of
	// the slot; version is for people who see the boot menu.
	Try(version, options string) error
	// Commit makes the running slot the default. The other stays as it is and can be started.
	Commit() error
	// Restart restarts the machine now, into what Try asked for. It does not return but with an error.
	Restart(ctx context.Context) error
}
