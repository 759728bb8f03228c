// Package directory answers, between the boxes of a school, where the open lesson with a code or a key
// is. A pupil may type the code at any box, or open a link there, which then asks the box that has the lesson.
package directory

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const (
	subject      = "find." // and the id of the box that is asked
	doors        = "door." // the same: where the box answers over HTTPS
	doorPatience = time.Second
	patience     = 300 * time.Millisecond // for all boxes; they answer within a few ms
	codeLen      = 6                      // digits
	maxKey       = 32                     // bytes of the key in a link
	maxName      = 240                    // bytes, as in package members
	maxAddress   = 300
	maxDoors     = 8
)

// Place is where an open lesson is.
type Place struct {
	Box     string `json:"box" doc:"The name of the box."`
	Address string `json:"address" doc:"Of the page that lets people into the lesson, over plain HTTP."`
	ID      string `json:"id,omitempty" doc:"Of the box."`
}

// isValid reports whether a place that another box named may be shown to people.
func (p Place) isValid() bool {
	u, err := url.Parse(p.Address)
	return err == nil && u.Scheme == "http" && u.Host != "" && u.User == nil && len(p.Address) <= maxAddress && p.Box != "" && len(p.Box) <= maxName
}

// Question asks a box for the open lesson with a code or a key.
type Question struct {
	Code string `json:"code,omitempty"`
	Key  string `json:"key,omitempty"`
	From string `json:"from,omitempty"` // the IP address of the person who typed the code
}

// isValid reports whether a box may ask this.
func (q Question) isValid() bool {
	_, err := netip.ParseAddr(q.From)
	return (isCode(q.Code) && q.Key == "" || isKey(q.Key) && q.Code == "") && (q.From == "" || err == nil && len(q.From) <= maxAddress)
}

// isCode reports whether a text may be the code of a lesson: six digits.
func isCode(s string) bool {
	return len(s) == codeLen && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// isKey reports whether a text may be the key of a lesson: URL-safe letters, too many to guess.
func isKey(s string) bool {
	return len(s) > codeLen && len(s) <= maxKey && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// Directory asks the other boxes, and answers them. Made by New.
type Directory struct{ bus cluster.Bus }

// Own is what this box answers to others.
type Own struct {
	Find  func(Question) (Place, bool) // finds a lesson of this box
	Doors func() []string              // host:port at which this box answers over HTTPS
}

// New answers the questions of other boxes to the box with this id, until stop is called. An empty place
// says no, so that nobody waits for a box without the lesson.
func New(bus cluster.Bus, id string, own Own) (d *Directory, stop func(), err error) {
	find, err := bus.Subscribe(subject+id, answerFind(own.Find))
	if err != nil {
		return nil, nil, err
	}
	door, err := bus.Subscribe(doors+id, func(_ []byte, reply func([]byte)) {
		list := own.Doors()
		if answer, err := json.Marshal(list[:min(len(list), maxDoors)]); err == nil && reply != nil {
			reply(answer)
		}
	})
	if err != nil {
		find()
		return nil, nil, err
	}
	return &Directory{bus}, func() { find(); door() }, nil
}

func answerFind(own func(Question) (Place, bool)) func([]byte, func([]byte)) {
	return func(data []byte, reply func([]byte)) {
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
	}
}

// Doors asks a box where it answers over HTTPS. Who answers there is known by the key.
func (d *Directory) Doors(ctx context.Context, box string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, doorPatience)
	defer cancel()
	answer, err := d.bus.Ask(ctx, doors+box, nil)
	if err != nil {
		return nil, err
	}
	return readDoors(answer)
}

// readDoors reads a list of addresses. An error is errs.Invalid.
func readDoors(data []byte) ([]string, error) {
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, errs.New("directory.Doors", errs.Invalid, err)
	}
	if len(list) > maxDoors {
		return nil, errs.NewField("directory.Doors", "doors", "too_many", maxDoors, "more than %d addresses", maxDoors)
	}
	for _, a := range list {
		host, port, err := net.SplitHostPort(a)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" || len(a) > maxAddress {
			return nil, errs.NewField("directory.Doors", "doors", "bad_address", maxAddress, "must be host:port of at most %d bytes", maxAddress)
		}
	}
	return list, nil
}

// Find asks the other boxes where the lesson of a question is, all at once. It ends at the first yes or
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
				place.ID = id // whoever it says that it is
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
