// Package directory answers, between the boxes of a school, where the open lesson with a code is. A
// pupil may type the code at any box and is led to the box that has the lesson.
package directory

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/livelearn/box/services/cluster"
)

const (
	subject    = "find"
	patience   = 300 * time.Millisecond // for all boxes; they answer within a few ms
	maxCode    = 16                     // bytes
	maxName    = 240 // bytes, as in package members
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

type question struct {
	Code string `json:"code"`
}

// Directory asks the other boxes, and answers them. Made by New.
type Directory struct{ bus cluster.Bus }

// New answers the questions of other boxes by own, which finds a lesson of this box, until stop is
// called.
func New(bus cluster.Bus, own func(code string) (Place, bool)) (d *Directory, stop func(), err error) {
	stop, err = bus.Subscribe(subject, func(data []byte, reply func([]byte)) {
		var q question
		if reply == nil || json.Unmarshal(data, &q) != nil || q.Code == "" || len(q.Code) > maxCode {
			return
		}
		place, found := own(q.Code)
		if !found {
			return // the first answer counts, so only the box that has the lesson speaks
		}
		if answer, err := json.Marshal(place); err == nil {
			reply(answer)
		}
	})
	return &Directory{bus}, stop, err
}

// Find asks the other boxes where the lesson with a code is. It waits for at most 300 ms, and not at all
// while this box has no connection to another one.
func (d *Directory) Find(ctx context.Context, code string) (Place, bool) {
	if code == "" || len(code) > maxCode || len(d.bus.Linked()) == 0 {
		return Place{}, false
	}
	data, err := json.Marshal(question{code})
	if err != nil {
		return Place{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := d.bus.Ask(ctx, subject, data)
	var place Place
	if err != nil || json.Unmarshal(answer, &place) != nil || !place.isValid() {
		return Place{}, false // no box has it, as after any wrong code
	}
	return place, true
}
