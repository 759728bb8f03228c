package room

import (
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/wire"
)

// Line is the way from the rooms of this box to the boxes at which they have guests: people in a room
// who are connected at another box. Its methods are called in the order in which things leave the room,
// and never wait.
type Line interface {
	// Owns reports whether this box is the owner of a room. A room starts at its owner only.
	Owns(room string) bool
	// SendFact sends a fact to boxes. Each of them shows it to those of its people who may see it.
	SendFact(room string, boxes []string, e event.Event)
	// SendCast sends a frame to guests.
	SendCast(room string, f wire.Frame, guests []*Seat)
	// SendPresence sends all of presence to guests of one box.
	SendPresence(room, box string, pages []wire.Frame, guests []*Seat)
}

// checkOwner refuses a room that belongs to another box.
func (rs *Rooms) checkOwner(op, room string) error {
	if rs.Line == nil || rs.Line.Owns(room) {
		return nil
	}
	return errs.NewCode(op, errs.Busy, "moving", "the room belongs to another box")
}

// castToGuests sends a frame once to each box with guests among the receivers.
func (r *Room) castToGuests(f wire.Frame, guests []*Seat) {
	if len(guests) > 0 {
		r.rooms.Line.SendCast(r.id, f, guests)
	}
}

// ResendPresence sends presence again to the guests of a box that missed some of it. A room that is
// not in memory has no guests, and starts for nothing.
func (rs *Rooms) ResendPresence(room, box string) {
	if err := rs.pool.Cast(room, roomMail{presenceBox: box}); err != nil {
		rs.Log.Debug("presence for another box", "room", room, "err", err) // it asks again
	}
}

func (r *Room) resendPresence(box string) {
	var guests []*Seat
	for _, s := range r.connections.seats {
		if s.answered && s.Box == box {
			guests = append(guests, s)
			delete(r.connections.presence.unpaged, s) // it gets all pages now
		}
	}
	if len(guests) == 0 {
		return
	}
	p := &r.connections.presence
	pages := make([]wire.Frame, len(p.pages))
	for n := range p.pages {
		pages[n] = p.frame(r.topic, n)
	}
	r.rooms.Line.SendPresence(r.id, box, pages, guests)
}

// Welcomed returns whether the seat's join was answered, and after the answer the place that it named.
// Only the member may call it, in Send.
func (s *Seat) Welcomed() (answered bool, at journal.Cursor) {
	return s.answered, journal.Cursor{Epoch: s.joinEpoch, Seq: s.lastSent}
}

// Answer notes that the owner of the seat's room has answered the join, for a room of another box. The
// facts after seq follow.
func (s *Seat) Answer(seq uint64) { s.answered, s.lastSent = true, seq }

// DeliverFact sends a fact of a room of another box to each of the seats that may see it and has not
// got it, as the room does. All seats are of this box. The caller guards them with one lock.
func (rs *Rooms) DeliverFact(room string, seats map[*Seat]struct{}, e event.Event) {
	if _, ok := rs.defs[e.Kind]; ok && !isRedacted(e) {
		d := rs.newDelivery(TopicOf(room), e)
		for s := range seats {
			d.sendTo(s)
		}
	}
}
