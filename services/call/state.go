package call

import (
	"encoding/json"
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Places of a pupil.
const (
	inRoom = "room"
	remote = "remote"
)

// sources are all there are, in the order in which lists name them.
var sources = []media.Source{media.Camera, media.Microphone, media.Screen}

// call is the media of one lesson. What is exported is folded from facts.
type call struct {
	Remote    map[string]bool           // pupils who are not in the room
	Invited   map[string][]media.Source // pupils who may publish, and what; in the order of sources
	Muted     []muted                   // oldest first
	OnAir     []onair                   // oldest first
	Recording *recording                // nil: no

	x    Exchange
	todo []func() // for the exchange, when the turn's facts are recorded
	live
}

// placed is the payload of call.placed.
type placed struct {
	User  string `json:"user"`
	Place string `json:"place"`
}

// invited is the payload of call.invited: the whole list.
type invited struct {
	User    string         `json:"user"`
	Sources []media.Source `json:"sources"`
}

// muted is the payload of call.muted, what holds from now on: whether a source is muted and
// by whom. Own remembers that its person has muted it, so that a teacher who unmutes does
// not switch on a microphone that somebody has switched off for themselves.
type muted struct {
	User   string       `json:"user"`
	Source media.Source `json:"source"`
	On     bool         `json:"on"`
	By     string       `json:"by,omitempty"`
	Own    bool         `json:"own,omitempty"`
}

// onair is the payload of call.started and call.ended.
type onair struct {
	User   string       `json:"user"`
	Source media.Source `json:"source"`
}

// recorded is the payload of call.recorded. Err says why a recording ended by itself.
type recorded struct {
	On     bool   `json:"on"`
	Pupils bool   `json:"pupils,omitempty"`
	Err    string `json:"err,omitempty"`
}

type recording struct {
	On     bool `json:"on"`
	Pupils bool `json:"pupils"`
}

// seeUser shows a fact about a person to the teachers and to that person.
func seeUser(e event.Event) event.Audience {
	var about struct{ User string }
	known := json.Unmarshal(e.Data, &about) == nil
	return func(v event.Viewer) bool { return v.Staff() || known && about.User == v.User }
}

// Apply implements room.Feature.
func (c *call) Apply(e event.Event) {
	switch e.Kind {
	case Placed:
		p := payload[placed](e)
		delete(c.Remote, p.User)
		if p.Place == remote {
			c.Remote[p.User] = true
		}
	case Invited:
		i := payload[invited](e)
		delete(c.Invited, i.User)
		if len(i.Sources) > 0 {
			c.Invited[i.User] = i.Sources
		}
	case Stopped:
		clear(c.Invited)
	case Muted:
		c.hush(payload[muted](e))
	case Recorded:
		c.Recording = nil
		if r := payload[recorded](e); r.On {
			c.Recording = &recording{true, r.Pupils}
		}
	case Started:
		if a := payload[onair](e); !slices.Contains(c.OnAir, a) {
			c.OnAir = append(c.OnAir, a)
		}
	case Ended:
		a := payload[onair](e)
		c.OnAir = slices.DeleteFunc(c.OnAir, func(b onair) bool { return a == b })
	}
}

func payload[T any](e event.Event) (v T) {
	room.Payload(e, &v)
	return v
}

func (c *call) hush(m muted) {
	i := slices.IndexFunc(c.Muted, func(o muted) bool { return o.User == m.User && o.Source == m.Source })
	switch {
	case i >= 0 && m.On:
		c.Muted[i] = m
	case i >= 0:
		c.Muted = slices.Delete(c.Muted, i, i+1)
	case m.On:
		c.Muted = append(c.Muted, m)
	}
}

// muted is what holds for a source; On is false when it is not muted.
func (c *call) muted(user string, source media.Source) muted {
	for _, m := range c.Muted {
		if m.User == user && m.Source == source {
			return m
		}
	}
	return muted{User: user, Source: source}
}
