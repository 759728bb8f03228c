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

// sources are all sources, in the order of lists.
var sources = []media.Source{media.Camera, media.Microphone, media.Screen}

// call is the media of one lesson. Exported fields are folded from facts.
type call struct {
	Remote    map[string]bool           // pupils who are not in the room
	Invited   map[string][]media.Source // pupils who may publish, and what; in the order of sources
	Muted     []MutedData               // oldest first
	OnAir     []SourceData              // oldest first
	Recording *recording                // nil: no

	exchange Exchange
	outgoing []func() // for the exchange, when the turn's facts are recorded
	nodeState
}

type recording struct {
	On     bool `json:"on"`
	Pupils bool `json:"pupils"`
}

// seeUser shows a fact about a person to the teachers and to that person.
func seeUser(e event.Event) event.Audience {
	var about struct{ User string }
	known := json.Unmarshal(e.Data, &about) == nil
	return func(v event.Viewer) bool { return v.IsStaff() || known && about.User == v.User }
}

// Apply implements room.Feature.
func (c *call) Apply(e event.Event) {
	switch e.Kind {
	case Placed:
		p := decodePayload[PlacedData](e)
		delete(c.Remote, p.User)
		if p.Place == remote {
			c.Remote[p.User] = true
		}
	case Invited:
		i := decodePayload[InvitedData](e)
		delete(c.Invited, i.User)
		if len(i.Sources) > 0 {
			c.Invited[i.User] = i.Sources
		}
	case Stopped:
		clear(c.Invited)
	case Muted:
		c.applyMuted(decodePayload[MutedData](e))
	case Recorded:
		c.Recording = nil
		if r := decodePayload[RecordedData](e); r.On {
			c.Recording = &recording{true, r.Pupils}
		}
	case Started:
		if a := decodePayload[SourceData](e); !slices.Contains(c.OnAir, a) {
			c.OnAir = append(c.OnAir, a)
		}
	case Ended:
		a := decodePayload[SourceData](e)
		c.OnAir = slices.DeleteFunc(c.OnAir, func(b SourceData) bool { return a == b })
	}
}

func decodePayload[T any](e event.Event) (v T) {
	room.DecodePayload(e, &v)
	return v
}

func (c *call) applyMuted(m MutedData) {
	i := slices.IndexFunc(c.Muted, func(o MutedData) bool { return o.User == m.User && o.Source == m.Source })
	switch {
	case i >= 0 && m.On:
		c.Muted[i] = m
	case i >= 0:
		c.Muted = slices.Delete(c.Muted, i, i+1)
	case m.On:
		c.Muted = append(c.Muted, m)
	}
}

// muteOf is the mute state of a source. On is false when it is not muted.
func (c *call) muteOf(user string, source media.Source) MutedData {
	for _, m := range c.Muted {
		if m.User == user && m.Source == source {
			return m
		}
	}
	return MutedData{User: user, Source: source}
}
