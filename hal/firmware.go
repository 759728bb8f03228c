package hal

import "time"

// Firmware is the program of the board that starts the kernel.
type Firmware struct {
	Built time.Time // zero: unknown
	Needs time.Time // the first one that goes back to the old system when an update does not start; zero: any
}

// CanFallBack reports whether the machine goes back to the old system by itself when an update does
// not start.
func (f Firmware) CanFallBack() bool { return !f.Built.Before(f.Needs) }
