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
)

// Facts are what the board shows of the box.
type Facts struct {
	Box       string // the box's name; empty before it is claimed
	Version   string
	Addresses []string // of plain HTTP, the best first
	Secure    []string // of HTTPS
	Claim     string   // the claim code; empty once it is claimed
	Lessons   []OpenLesson
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
	board  hal.Board
	facts  func() Facts
	health *health.Health
	log    *slog.Logger
}

// String is the service's name.
func (f *face) String() string { return "board" }

// Serve shows until ctx ends. A display that fails is tried again at the next change.
func (f *face) Serve(ctx context.Context) error {
	g := supervise.Group(ctx)
	presses := make(chan hal.Press)
	if f.board.Button != nil {
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
	g.Go(func(ctx context.Context) error { return f.show(ctx, presses) })
	return g.Wait()
}

func (f *face) show(ctx context.Context, presses <-chan hal.Press) error {
	tick := time.NewTicker(facePeriod)
	defer tick.Stop()
	var shown hal.Page
	var pattern hal.Pattern
	var info time.Time // until when the second page is shown
	for {
		facts := f.facts()
		page := first(facts)
		if time.Now().Before(info) {
			page = second(facts)
		}
		if !page.Equal(shown) && f.display(page) {
			shown = page
		}
		if p := f.pattern(facts); p != pattern && f.light(p) {
			pattern = p
		}
		select {
		case <-ctx.Done():
			return nil
		case <-presses:
			info = time.Now().Add(infoTime)
		case <-tick.C:
		}
	}
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
