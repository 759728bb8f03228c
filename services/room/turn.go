package room

import (
	"encoding/json"
	"fmt"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// Turn is the handling of one message. What a feature records and casts in it
// leaves the room when the turn is over, so a panic half way leaves no trace.
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

// Here tells whether a user has a connection to the room.
func (t *Turn) Here(user string) bool {
	h := t.room.hall
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.seats {
		if s.Viewer.User == user {
			return true
		}
	}
	return false
}

// hear tells the features that listen what the room itself has recorded so far.
func (t *Turn) hear() {
	r := t.room
	for _, e := range t.facts { // as it is now: what they record is not told again
		if r.rooms.owner[e.Kind] != controlKind.Name {
			continue
		}
		for _, k := range r.rooms.kinds {
			if f, ok := r.features[k.Name].(Hearer); ok {
				f.Hear(t, e)
			}
		}
	}
}

// Record makes a fact of the feature's list, by the message's author, and applies it
// at once. It panics when the kind is not in the list: that is a fault in the feature.
func (t *Turn) Record(kind event.Kind, payload any) {
	r := t.room
	if _, ok := r.rooms.defs[kind]; !ok {
		panic(fmt.Sprintf("room: %s is not in any feature's list of events", kind))
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
		e.ID = t.msg.ID // once, so that the log alone tells which command it answers
	}
	r.apply(e)
	t.facts = append(t.facts, e)
}

// cast is an ephemeral event on its way; see is who gets it, nil everybody.
type cast struct {
	frame wire.Frame
	see   event.Audience
}

// Cast sends an ephemeral event to everybody in the room. It is not recorded, has no
// seq, and a slow reader may miss it.
func (t *Turn) Cast(name string, payload any) { t.CastTo(nil, name, payload) }

// CastTo is Cast to those of an audience.
func (t *Turn) CastTo(see event.Audience, name string, payload any) {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("room: payload of %s: %v", name, err))
	}
	f := wire.Broadcast(t.room.topic, name, data)
	f.Volatile = true
	t.casts = append(t.casts, cast{f, see})
}
