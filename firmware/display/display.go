// Package display shows the state of the box on the board's display and status light, and
// acts on presses of the board's button. Package firmware starts one Display for each box.
//
// A board without a display, a light or a button is supported. A part that fails is logged and
// stops nothing else.
package display

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

const (
	displayInterval  = time.Second      // how soon the board shows a change
	infoPageTime     = 30 * time.Second // how long a press of the button shows the second page
	questionTime     = 30 * time.Second // how long the question of the button is open
	longPress        = hal.LongPress    // and longer: switch off
	minReleasedTicks = 2                // looks after which a press is no longer the end of the hold that asked
)

// Status is the state of the box that the board shows.
type Status struct {
	Name           string // the box's name; empty before it is claimed
	Version        string
	HTTPAddresses  []string // of plain HTTP, the best first
	HTTPSAddresses []string // of HTTPS
	Words          string   // four words of the box's key; empty without HTTPS
	ClaimCode      string   // the claim code; empty once it is claimed
	Locked         bool     // the record of who owns the box was lost
	Lessons        []Lesson
	Network        Network
	Updating       bool // an update is written or on trial: leave the plug alone
}

// Network is how far the box is with its network.
type Network uint8

// The states of the network.
const (
	NetworkReady Network = iota // people can reach the box
	NetworkNone                 // no cable and no Wi-Fi
	NetworkNoAddress
)

// Lesson is one open lesson.
type Lesson struct {
	Class string
	Code  string // six digits
	Key   string // of the link in the QR code
}

// Display shows the box on the board's display and light. It reads the status each second
// and shows changes, so the other parts of the box do not depend on a board.
type Display struct {
	Board    hal.Board
	Status   func() Status
	Health   *health.Health
	Log      *slog.Logger
	Unclaim  func(context.Context) error // gives the box a new claim code
	PowerOff func(context.Context) error // switches the machine off; nil: it cannot
}

// String is the service's name.
func (f *Display) String() string { return "display" }

// Serve runs until ctx ends. A display that fails gets the next change.
func (f *Display) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	presses := make(chan hal.Press)
	v := &displayState{}
	if f.Board.Button != nil {
		if f.isButtonDown() {
			v.questionUntil = time.Now().Add(questionTime)
		}
		g.Go(func(ctx context.Context) error {
			for p := range f.Board.Button.Presses(ctx) {
				select {
				case presses <- p:
				case <-ctx.Done():
				}
			}
			return nil
		})
	}
	g.Go(func(ctx context.Context) error { return f.runDisplay(ctx, v, presses) })
	return g.Wait()
}

// displayState is the current page and the open question.
type displayState struct {
	page          hal.Page
	pattern       hal.Pattern
	infoUntil     time.Time // until when the second page is shown
	questionUntil time.Time // until when a press means yes to a new claim code
	releasedTicks int       // looks since the hold that asked has ended
	poweringOff   bool      // the machine goes off
}

// isButtonDown says whether the button is down now. The board has one.
func (f *Display) isButtonDown() bool {
	down, err := f.Board.Button.Down()
	return err == nil && down
}

func (f *Display) runDisplay(ctx context.Context, v *displayState, presses <-chan hal.Press) error {
	tick := time.NewTicker(displayInterval)
	defer tick.Stop()
	for {
		facts := f.Status()
		if page := v.currentPage(facts, time.Now()); !page.Equal(v.page) && f.showPage(page) {
			v.page = page
		}
		if p := f.ledPattern(facts); p != v.pattern && f.setLED(p) {
			v.pattern = p
		}
		select {
		case <-ctx.Done():
			return nil
		case p := <-presses:
			f.handlePress(ctx, v, p)
		case <-tick.C:
			if !v.questionUntil.IsZero() && !f.isButtonDown() {
				v.releasedTicks++
			}
		}
	}
}

// handlePress acts on a press of the button. It answers the open question, switches the machine
// off, or shows the second page.
func (f *Display) handlePress(ctx context.Context, v *displayState, p hal.Press) {
	now := time.Now()
	switch {
	case now.Before(v.questionUntil) && v.releasedTicks >= minReleasedTicks:
		v.questionUntil = time.Time{}
		if err := f.Unclaim(ctx); err != nil {
			f.Log.Warn("the claim is not reset", "err", err)
			return
		}
		f.Log.Info("the button has reset the claim")
	case now.Before(v.questionUntil): // the end of the hold that asked
	case p.Held >= longPress && f.PowerOff != nil:
		v.poweringOff = true
		f.showPage(v.currentPage(f.Status(), now)) // before it is too late
		if err := f.PowerOff(ctx); err != nil {
			v.poweringOff = false
			f.Log.Warn("the machine does not go off", "err", err)
		}
	default:
		v.infoUntil = now.Add(infoPageTime)
	}
}

// currentPage returns the page to show.
func (v *displayState) currentPage(facts Status, now time.Time) hal.Page {
	switch {
	case v.poweringOff:
		return hal.Page{Title: "Switching off", Lines: []string{"Pull the plug when", "the light is off."}}
	case now.Before(v.questionUntil):
		return hal.Page{Title: "New claim code?", Lines: []string{"Let go, then press", "once for yes. Wait", "for no. Lessons stay."}}
	case now.Before(v.infoUntil):
		return infoPage(facts)
	}
	return joinPage(facts)
}

func (f *Display) showPage(p hal.Page) bool {
	if f.Board.Display == nil {
		return true
	}
	err := f.Board.Display.Show(p)
	if err != nil {
		f.Log.Warn("the display does not show", "board", f.Board.Name, "err", err)
	}
	return err == nil
}

func (f *Display) setLED(p hal.Pattern) bool {
	if f.Board.LED == nil {
		return true
	}
	err := f.Board.LED.Set(p)
	if err != nil {
		f.Log.Warn("the light does not shine", "board", f.Board.Name, "err", err)
	}
	return err == nil
}

func (f *Display) ledPattern(facts Status) hal.Pattern {
	ready, _ := f.Health.Ready()
	switch {
	case !ready:
		return hal.Attention
	case facts.Updating:
		return hal.Updating
	case len(facts.Lessons) > 0:
		return hal.Lesson
	case facts.Network == NetworkNone:
		return hal.NoNetwork
	case facts.Network == NetworkNoAddress:
		return hal.NoAddress
	case facts.ClaimCode != "":
		return hal.ClaimMe
	}
	return hal.Ready
}

// joinPage is the page for people who join. It has the address and the code to claim the box or
// to join a lesson.
func joinPage(f Status) hal.Page {
	p := hal.Page{Title: "LiveLearn Box"}
	if f.Name != "" {
		p.Title += " · " + f.Name
	}
	if len(f.HTTPAddresses) == 0 {
		p.Lines = append(p.Lines, "no network address")
	}
	for _, a := range f.HTTPAddresses {
		p.Lines = append(p.Lines, "Open    "+a)
	}
	if f.ClaimCode != "" {
		p.Lines = append(p.Lines, "Claim   "+f.ClaimCode)
		p.Lines = append(p.Lines, wordLines(f.Words)...)
	}
	if f.Locked {
		p.Lines = append(p.Lines, "Owner lost: hold the", "button at the start")
	}
	for _, l := range f.Lessons {
		p.Lines = append(p.Lines, "Join    "+GroupDigits(l.Code)+"   "+l.Class)
	}
	switch {
	case f.Updating:
		p.State = "updating"
	case len(f.Lessons) > 0:
		p.State = "lesson"
	default:
		p.State = "ready"
	}
	if len(f.HTTPAddresses) > 0 {
		p.QR = f.HTTPAddresses[0]
		if len(f.Lessons) == 1 {
			p.QR += "/j/" + f.Lessons[0].Key
		}
	}
	return p
}

// infoPage is the page for the people who administer the box.
func infoPage(f Status) hal.Page {
	return hal.Page{Title: "LiveLearn Box " + f.Version, Lines: slices.Concat(f.HTTPSAddresses, wordLines(f.Words))}
}

// wordLines returns the words of the box's key on two lines, because a display is narrow.
func wordLines(text string) []string {
	words := strings.Fields(text)
	if len(words) < 2 {
		return nil
	}
	half := len(words) / 2
	return []string{"Words   " + strings.Join(words[:half], " "), "        " + strings.Join(words[half:], " ")}
}

// GroupDigits returns a code of six digits in two groups, as people read it out.
func GroupDigits(code string) string {
	if len(code) != 6 {
		return code
	}
	return fmt.Sprintf("%s %s", code[:3], code[3:])
}
