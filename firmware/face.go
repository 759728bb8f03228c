package firmware

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

const (
	facePeriod = time.Second      // how soon the board shows a change
	infoTime   = 30 * time.Second // how long a press of the button shows the second page
	askTime    = 30 * time.Second // how long the question of the button is open
	longPress  = 3 * time.Second  // and longer: switch off
	letGo      = 2                // looks after which a press is no longer the end of the hold that asked
)

// Facts are what the board shows of the box.
type Facts struct {
	Box       string // the box's name; empty before it is claimed
	Version   string
	Addresses []string // of plain HTTP, the best first
	Secure    []string // of HTTPS
	Claim     string   // the claim code; empty once it is claimed
	Lessons   []OpenLesson
	Updating  bool // an update is written or on trial: leave the plug alone
}

// OpenLesson is one open lesson.
type OpenLesson struct {
	Class string
	Code  string // six digits
	Key   string // of the link in the QR code
}

// face shows the box on the board's display and light. It asks for the facts each second
// and shows what changed, so no other part of the box knows that there is a board.
type face struct {
	board   hal.Board
	facts   func() Facts
	health  *health.Health
	log     *slog.Logger
	unclaim func(context.Context) error // gives the box a new claim code
	off     func(context.Context) error // switches the machine off; nil: it cannot
}

// String is the service's name.
func (f *face) String() string { return "board" }

// Serve shows until ctx ends. A display that fails is tried again at the next change.
func (f *face) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	presses := make(chan hal.Press)
	v := &view{}
	if f.board.Button != nil {
		if f.held() {
			v.asked = time.Now().Add(askTime)
		}
		g.Go(func(ctx context.Context) error {
			for p := range f.board.Button.Presses(ctx) {
				select {
				case presses <- p:
				case <-ctx.Done():
				}
			}
			return nil
		})
	}
	g.Go(func(ctx context.Context) error { return f.show(ctx, v, presses) })
	return g.Wait()
}

// view is what a person sees and was asked.
type view struct {
	page    hal.Page
	pattern hal.Pattern
	info    time.Time // until when the second page is shown
	asked   time.Time // until when a press means yes to a new claim code
	let     int       // looks since the hold that asked has ended
	ending  bool      // the machine goes off
}

// holder is a button that tells whether it is down now.
type holder interface{ Down() (bool, error) }

// held tells that the button is down now.
func (f *face) held() bool {
	h, ok := f.board.Button.(holder)
	if !ok {
		return false
	}
	down, err := h.Down()
	return err == nil && down
}

func (f *face) show(ctx context.Context, v *view, presses <-chan hal.Press) error {
	tick := time.NewTicker(facePeriod)
	defer tick.Stop()
	for {
		facts := f.facts()
		if page := v.now(facts, time.Now()); !page.Equal(v.page) && f.display(page) {
			v.page = page
		}
		if p := f.pattern(facts); p != v.pattern && f.light(p) {
			v.pattern = p
		}
		select {
		case <-ctx.Done():
			return nil
		case p := <-presses:
			f.pressed(ctx, v, p)
		case <-tick.C:
			if !v.asked.IsZero() && !f.held() {
				v.let++
			}
		}
	}
}

// pressed does what a press of the button asks for: the answer to a question that is open,
// a safe end, or the second page.
func (f *face) pressed(ctx context.Context, v *view, p hal.Press) {
	now := time.Now()
	switch {
	case now.Before(v.asked) && v.let >= letGo:
		v.asked = time.Time{}
		if err := f.unclaim(ctx); err != nil {
			f.log.Warn("the claim is not reset", "err", err)
			return
		}
		f.log.Info("the button has reset the claim")
	case now.Before(v.asked): // the end of the hold that asked
	case p.Held >= longPress && f.off != nil:
		v.ending = true
		f.display(v.now(f.facts(), now)) // before it is too late
		if err := f.off(ctx); err != nil {
			v.ending = false
			f.log.Warn("the machine does not go off", "err", err)
		}
	default:
		v.info = now.Add(infoTime)
	}
}

// now is the page to be seen.
func (v *view) now(facts Facts, now time.Time) hal.Page {
	switch {
	case v.ending:
		return hal.Page{Title: "Switching off", Lines: []string{"Pull the plug when", "the light is off."}}
	case now.Before(v.asked):
		return hal.Page{Title: "New claim code?", Lines: []string{"Let go, then press", "once for yes. Wait", "for no. Lessons stay."}}
	case now.Before(v.info):
		return second(facts)
	}
	return first(facts)
}

func (f *face) display(p hal.Page) bool {
	if f.board.Display == nil {
		return true
	}
	err := f.board.Display.Show(p)
	if err != nil {
		f.log.Warn("the display does not show", "board", f.board.Name, "err", err)
	}
	return err == nil
}

func (f *face) light(p hal.Pattern) bool {
	if f.board.LED == nil {
		return true
	}
	err := f.board.LED.Set(p)
	if err != nil {
		f.log.Warn("the light does not shine", "board", f.board.Name, "err", err)
	}
	return err == nil
}

func (f *face) pattern(facts Facts) hal.Pattern {
	ready, _ := f.health.Ready()
	switch {
	case !ready:
		return hal.Attention
	case facts.Updating:
		return hal.Updating
	case len(facts.Lessons) > 0:
		return hal.Lesson
	}
	return hal.Ready
}

// first is the page for those who want in: the address, and the code to claim the box or
// to join.
func first(f Facts) hal.Page {
	p := hal.Page{Title: "LiveLearn Box"}
	if f.Box != "" {
		p.Title += " · " + f.Box
	}
	if len(f.Addresses) == 0 {
		p.Lines = append(p.Lines, "no network address")
	}
	for _, a := range f.Addresses {
		p.Lines = append(p.Lines, "Open    "+a)
	}
	if f.Claim != "" {
		p.Lines = append(p.Lines, "Claim   "+f.Claim)
	}
	for _, l := range f.Lessons {
		p.Lines = append(p.Lines, "Join    "+spaced(l.Code)+"   "+l.Class)
	}
	switch {
	case f.Updating:
		p.State = "updating"
	case len(f.Lessons) > 0:
		p.State = "lesson"
	default:
		p.State = "ready"
	}
	if len(f.Addresses) > 0 {
		p.QR = f.Addresses[0]
		if len(f.Lessons) == 1 {
			p.QR += "/j/" + f.Lessons[0].Key
		}
	}
	return p
}

// second is the page for those who look after the box.
func second(f Facts) hal.Page {
	return hal.Page{Title: "LiveLearn Box " + f.Version, Lines: f.Secure}
}

// spaced is a code of six digits as people read it out.
func spaced(code string) string {
	if len(code) != 6 {
		return code
	}
	return fmt.Sprintf("%s %s", code[:3], code[3:])
}
