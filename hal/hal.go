// Package hal describes the board that the box runs on: a few small devices, each of which a board
// may lack.
//
// A package under hal/boards makes a Board, and firmware receives it. Services see the devices and
// never the package of a board. An absent part is a nil field. The caller works without it, and
// health reports it where it matters.
package hal

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Board is the hardware: its name and its parts. A nil part is absent.
type Board struct {
	Name      string    // "generic", "sim"; shown on the admin page
	Serial    string    // serial number of the maker, empty means none
	Appliance bool      // a dedicated appliance, which owns ports 80 and 443
	Firmware  Firmware  // starts the kernel
	Display   Display   // shows addresses and codes
	LED       StatusLED // one light
	Button    Button    // one button
	Thermal   Thermal   // thermometers

	Fan      Fan
	RTC      RTC
	Watchdog func() (Watchdog, error) // opens the watchdog, which must be fed from then on
	Supply   Supply
	Radios   Radios
	Storage  Storage // cards and chips that may wear out
	Slots    Slots   // for an appliance that can update itself
}

// Display shows a page to the people in front of the box.
type Display interface {
	// Show replaces the page. It may take as long as the device does (seconds for electronic
	// paper), so no room or session calls it.
	Show(Page) error
}

// Page is the content of a display, most important first. A small display leaves out the end.
type Page struct {
	Title string   // one line
	Lines []string // codes and addresses, one line each
	QR    string   // text of a QR code next to the lines, empty means none
	State string   // state of the box in two or three words, empty means unknown
}

// Equal reports whether p and q look the same.
func (p Page) Equal(q Page) bool {
	return p.Title == q.Title && p.QR == q.QR && p.State == q.State && slices.Equal(p.Lines, q.Lines)
}

// Pattern is the message of the status light.
type Pattern uint8

// The patterns, from power-on.
const (
	Booting   Pattern = iota + 1 // slow blink: wait
	Ready                        // steady: browsers can connect
	Lesson                       // steady with a short gap: a lesson is open, leave the plug alone
	Attention                    // fast blink: a person must look at the admin page
	Updating                     // double blink: an update is being written or tried, leave the plug alone
	NoNetwork                    // one short flash: no cable and no Wi-Fi
	NoAddress                    // three short flashes: the network gives the box no address
	ClaimMe                      // on, with two short gaps: the box belongs to nobody yet
)

var patterns = [...]string{"off", "booting", "ready", "lesson", "attention", "updating", "no network", "no address", "claim me"}

// String returns the name of the pattern.
func (p Pattern) String() string {
	if int(p) >= len(patterns) {
		return "unknown"
	}
	return patterns[p]
}

// StatusLED is one light that shows patterns.
type StatusLED interface {
	// Set shows the pattern until the next Set and returns at once.
	Set(Pattern) error
}

// Press is one press of the button.
type Press struct {
	Held time.Duration // from down to up
}

// LongPress is the minimum length of a press that asks to switch off.
const LongPress = 3 * time.Second

// Button is one button.
type Button interface {
	// Presses yields each press during the read, until ctx ends. It has one reader at a time. A
	// press without a reader is dropped.
	Presses(ctx context.Context) iter.Seq[Press]
	// Down reports whether the button is held down now. A button held at power-on asks for more
	// than a press can say.
	Down() (bool, error)
}
