// Package directory answers, between the boxes of a school, where the open lesson with a code is. A
// pupil may type the code at any box and is led to the box that has the lesson.
package directory

import (
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/supervise"
)

const (
	subject    = "find."                // and the id of the box that is asked
	patience   = 300 * time.Millisecond // for all boxes; they answer within a few ms
	codeLen    = 6                      // digits
	maxName    = 240                    // bytes, as in package members
	maxAddress = 300
)

// Place is where an open lesson is.
type Place struct {
	Box     string `json:"box" doc:"The name of the box."`
	Address string `json:"address" doc:"Of the page that lets people into the lesson, over plain HTTP."`
}

// isValid reports whether a place that another box named may be shown to people.
func (p Place) isValid() bool {
	u, err := url.Parse(p.Address)
	return err == nil && u.Scheme == "http" && u.Host != "" && u.User == nil && len(p.Address) <= maxAddress && p.Box != "" && len(p.Box) <= maxName
}

// Question asks a box for the open lesson with a code.
type Question struct {
	Code string `json:"code"`
	From string `json:"from,omitempty"` // the IP address of the person who typed the code
}

// isValid reports whether a box may ask this.
func (q Question) isValid() bool {
	_, err := netip.ParseAddr(q.From)
	return isCode(q.Code) && (q.From == "" || err == nil && len(q.From) <= maxAddress)
}

// isCode reports whether a text may be the code of a lesson: six digits.
func isCode(s string) bool {
	return len(s) == codeLen && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// Directory asks the other boxes, and answers them. Made by New.
type Directory struct{ bus cluster.Bus }

// New answers the questions of other boxes to the box with this id by own, which finds a lesson of this
// box, until stop is called. An empty place says no, so that nobody waits for a box without the lesson.
func New(bus cluster.Bus, id string, own func(Question) (Place, bool)) (d *Directory, stop func(), err error) {
	stop, err = bus.Subscribe(subject+id, func(data []byte, reply func([]byte)) {
		var q Question
		if reply == nil {
			return
		}
		place, found := Place{}, false
		if json.Unmarshal(data, &q) == nil && q.isValid() {
			place, found = own(q)
		}
		if !found {
			place = Place{}
		}
		if answer, err := json.Marshal(place); err == nil {
			reply(answer)
		}
	})
	return &Directory{bus}, stop, err
}

// Find asks the other boxes where the lesson with a code is, all at once. It ends at the first yes or
// when all have answered, and waits for at most 300 ms for a box that hangs.
func (d *Directory) Find(ctx context.Context, q Question) (Place, bool) {
	if !q.isValid() {
		return Place{}, false
	}
	data, err := json.Marshal(q)
	if err != nil {
		return Place{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	linked := d.bus.Linked()
	found := make(chan Place, len(linked))
	g := supervise.Group(ctx)
	for _, id := range linked {
		g.Go(func(ctx context.Context) error {
			answer, err := d.bus.Ask(ctx, subject+id, data)
			var place Place
			if err == nil && json.Unmarshal(answer, &place) == nil && place.isValid() {
				found <- place
				cancel() // the others need not answer
			}
			return nil // a box that does not answer has no lesson for this person
		})
	}
	if g.Wait() != nil {
		return Place{}, false
	}
	select {
	case place := <-found:
		return place, true
	default:
		return Place{}, false // no box has it, as after any wrong code
	}
}
