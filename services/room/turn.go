package room

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// Turn is the handling of one message. Facts and casts leave the room when the turn is over, so
// a panic half way leaves no trace.
type Turn struct {
	room  *Room
	msg   *Message
	stamp event.Stamp
	facts []event.Event
	casts []cast
}

// Now is the time of this turn.
func (t *Turn) Now() event.Stamp { return t.stamp }

// Room is the id of the room.
func (t *Turn) Room() string { return t.room.id }

// IsPresent reports whether a user has a connection to the room.
func (t *Turn) IsPresent(user string) bool {
	h := t.room.connections
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.seats {
		if s.Viewer.User == user {
			return true
		}
	}
	return false
}

// PresentPupils are the pupils who have a connection to the room, once each, sorted.
func (t *Turn) PresentPupils() []string {
	h := t.room.connections
	h.mu.Lock()
	defer h.mu.Unlock()
	users := map[string]bool{}
	for _, s := range h.seats {
		if s.Viewer.Role == event.Pupil {
			users[s.Viewer.User] = true
		}
	}
	return slices.Sorted(maps.Keys(users))
}

// notifyObservers gives the room's own facts among list to the features that observe them.
func (t *Turn) notifyObservers(list []event.Event) {
	r := t.room
	for _, e := range list {
		if r.rooms.owner[e.Kind] != ControlKind.Name {
			continue
		}
		for _, k := range r.rooms.kinds {
			if f, ok := r.features[k.Name].(RoomObserver); ok {
				f.OnRoomFact(t, e)
			}
		}
	}
}

// Record makes a fact of the feature's list, by the message's author, and applies it
// at once. It panics when the kind is not in the list, or the payload is not of the type
// that the list says: that is a fault in the feature.
func (t *Turn) Record(kind event.Kind, payload any) {
	r := t.room
	def, ok := r.rooms.defs[kind]
	if !ok {
		panic(fmt.Sprintf("room: %s is not in any feature's list of events", kind))
	}
	if def.Payload != nil && reflect.TypeOf(payload) != reflect.TypeOf(def.Payload) {
		panic(fmt.Sprintf("room: %s is recorded with %T and declared with %T", kind, payload, def.Payload))
	}
	data, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("room: payload of %s: %v", kind, err))
	}
	e := event.Event{
		Stream: r.stream, Epoch: r.epoch, Seq: r.seq + 1, Kind: kind,
		By: t.msg.By.User, Stamp: t.stamp, Data: data,
	}
	if len(t.facts) == 0 {
		e.ID = t.msg.ID // once: the log alone shows which command it answers
	}
	r.applyFact(e)
	t.facts = append(t.facts, e)
}

// cast is an ephemeral event on its way. See is its audience; nil is everybody.
type cast struct {
	frame wire.Frame
	see   event.Audience
}

// Cast sends an ephemeral event to everybody in the room. It is not recorded, has no
// seq, and a slow reader may miss it.
func (t *Turn) Cast(name string, payload any) { t.CastTo(nil, name, payload) }

// CastTo is Cast to those of an audience. It panics when the payload is not of the type that
// the feature's list says.
func (t *Turn) CastTo(see event.Audience, name string, payload any) {
	if c, ok := t.room.rooms.casts[name]; ok && reflect.TypeOf(payload) != reflect.TypeOf(c.Payload) {
		panic(fmt.Sprintf("room: %s is cast with %T and declared with %T", name, payload, c.Payload))
	}
	data, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("room: payload of %s: %v", name, err))
	}
	f := wire.NewBroadcast(t.room.topic, name, data)
	f.Volatile = true
	t.casts = append(t.casts, cast{f, see})
}
