// Package hal is what the box knows of the board it runs on: a few small devices,
// each of which a board may lack.
//
// A Board is made by a package under hal/boards and handed to firmware. Services see
// the devices and never a board's own package. A part that a board does not have is a
// nil field; the caller does without and health says so where it matters.
package hal

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Board is the hardware: its name and its parts. A nil part is absent.
type Board struct {
	Name    string    // "generic", "sim"; shown on the admin page
	Serial  string    // its maker's number; empty: it has none
	Real    bool      // an appliance of its own, with ports 80 and 443 to itself
	Display Display   // shows addresses and codes
	LED     StatusLED // one light
	Button  Button    // one button
	Thermal Thermal   // thermometers
	Codecs  Codecs    // encoders and decoders of pictures

	Fan      Fan
	RTC      RTC
	Watchdog func() (Watchdog, error) // opens it: from then on it must be fed
	Supply   Supply
	Radios   Radios
	Slots    Slots // an appliance that can update itself
}

// Display shows a page to the people who stand before the box.
type Display interface {
	// Show replaces the page shown. It may take as long as the device does (an
	// electronic paper: seconds), so no room or session calls it.
	Show(Page) error
}

// Page is what a display shows, most important first: a small one leaves out the end.
type Page struct {
	Title string   // one line
	Lines []string // codes and addresses, one line each
	QR    string   // text of a QR code beside the lines; empty: none
	State string   // what the box does, in two or three words; empty: not told
}

// Equal tells that p and q look the same.
func (p Page) Equal(q Page) bool {
	return p.Title == q.Title && p.QR == q.QR && p.State == q.State && slices.Equal(p.Lines, q.Lines)
}

// Pattern is what the status light says.
type Pattern uint8

// The patterns, from power-on.
const (
	Booting   Pattern = iota + 1 // slow blink: wait
	Ready                        // steady: browsers can connect
	Lesson                       // steady with a short gap: a lesson is open, leave the plug alone
	Attention                    // fast blink: a person must look at the admin page
	Updating                     // double blink: an update is written or tried, leave the plug alone
)

var patterns = [...]string{"off", "booting", "ready", "lesson", "attention", "updating"}

// String is the pattern's word.
func (p Pattern) String() string {
	if int(p) >= len(patterns) {
		return "unknown"
	}
	return patterns[p]
}

// StatusLED is one light that knows the patterns.
type StatusLED interface {
	// Set shows the pattern until the next Set and returns at once.
	Set(Pattern) error
}

// Press is one press of the button.
type Press struct {
	Held time.Duration // from down to up
}

// Button is one button.
type Button interface {
	// Presses yields each press that is made while it is read, until ctx ends. One
	// reader at a time. A press that nobody reads is dropped.
	Presses(ctx context.Context) iter.Seq[Press]
	// Down tells that the button is held down now. Who holds it at power-on asks for more
	// than one press can say.
	Down() (bool, error)
}
