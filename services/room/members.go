package room

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// welcome answers a join. It has Missed when the client's place in the log is known, and View
// otherwise. The next events follow (Epoch, Seq).
type welcome struct {
	Epoch  uint64            `json:"epoch"`
	Seq    uint64            `json:"seq"`
	Now    int64             `json:"now"` // milliseconds since 1970 by the box
	Me     me                `json:"me"`
	View   map[string]any    `json:"view,omitempty"`
	Missed []json.RawMessage `json:"missed"` // null unless the resume worked
}

type me struct {
	User string     `json:"user"`
	Role event.Role `json:"role"`
}

// handleJoin answers a join and seats the member: events follow. The answer contains the last
// committed facts, so it waits until they are on disk.
func (r *Room) handleJoin(s *Seat, ref string) {
	if r.isSeated(s) || s.left {
		return // the same mail again, after a crash: resyncMembers has dealt with the seat
	}
	if err := r.checkJoin(s); err != nil {
		s.rejectJoin(ref, err)
		return
	}
	now := r.rooms.Clock.Now().Wall
	r.recordArrival(s)
	s.preparePresence(r.rooms.refs.Add(1), now)
	w := welcome{Epoch: r.epoch, Seq: r.seq, Now: now, Me: me{s.Viewer.User, s.Viewer.Role}}
	if missed, ok := r.missedEvents(s); ok {
		w.Missed = r.eventsFor(missed, s.Viewer)
	} else {
		w.View = r.viewFor(s.Viewer)
	}
	answer := wire.NewReply(s.JoinRef, ref, r.topic, true, w)
	r.connections.addSeat(s)
	r.deferEffect(r.lastCommitted, func() {
		if !r.isSeated(s) {
			return // left while it waited
		}
		s.answered, s.lastSent, s.joinEpoch = true, w.Seq, w.Epoch
		s.Member.Send(answer)
		r.welcomeToPresence(s)
	})
}

// missedEvents returns the facts that the member has not seen, and whether its last event is in
// this log. An event that was not saved before its epoch ended is not in it.
func (r *Room) missedEvents(s *Seat) ([]event.Event, bool) {
	if s.Epoch == 0 {
		return nil, false
	}
	end := r.seq
	if s.Epoch != r.epoch {
		var ok bool
		if end, ok = r.rooms.Journal.EpochEnd(r.stream, s.Epoch); !ok {
			return nil, false
		}
	}
	if s.Since > end {
		return nil, false
	}
	missed, ok := r.eventsSince(s.Since)
	size := 0
	for _, e := range missed {
		size += len(e.Data) + 128
	}
	return missed, ok && size <= MaxAnswer
}

// MaxAnswer is about how many bytes of facts the answer to a join carries. A member that missed
// more gets a view. Views keep to this limit too, because an answer has to fit in the member's
// queue.
const MaxAnswer = 96 << 10

func (r *Room) checkJoin(s *Seat) error {
	switch {
	case s.Viewer.Role == event.Pupil && r.control.Removed[s.Viewer.User]:
		return errs.NewCode("room.Join", errs.Denied, "removed", "the teacher has removed you from this lesson")
	case s.Viewer.Role == event.Pupil && !r.control.isOpen():
		return errs.NewCode("room.Join", errs.Missing, "no_lesson", "no lesson is open in this room")
	}
	return nil
}

// rejectJoin refuses a join.
func (s *Seat) rejectJoin(ref string, err error) {
	s.Member.Send(wire.NewReply(s.JoinRef, ref, TopicOf(s.Room), false, errs.BodyOf(err)))
	s.Member.Closed(s)
}

func (r *Room) handleLeave(s *Seat) {
	s.left = true // a leave is handled before a join that still waits
	if !r.isSeated(s) {
		return
	}
	r.connections.removeSeat(s)
	if s.answered {
		r.leavePresence(s)
	}
	r.recordDeparture(s)
}

// recordArrival records that a pupil is here, once for each stay. Each epoch begins with an empty
// room, so a log that was cut contains no stay without an end.
func (r *Room) recordArrival(s *Seat) {
	if u := s.Viewer.User; s.Viewer.Role == event.Pupil && r.control.isOpen() && r.control.Here[u] != r.epoch {
		r.recordPresence(Arrived, u)
	}
}

// recordDeparture records that a pupil's last connection is gone.
func (r *Room) recordDeparture(s *Seat) {
	u := s.Viewer.User
	if r.control.Here[u] != r.epoch || !r.control.isOpen() {
		return
	}
	for _, other := range r.connections.seats {
		if other.Viewer.User == u {
			return
		}
	}
	r.recordPresence(Departed, u)
}

// recordPresence records that a user has arrived or departed.
func (r *Room) recordPresence(kind event.Kind, user string) {
	t := &Turn{room: r, msg: &Message{Name: string(kind), By: event.Viewer{User: user}}, stamp: r.rooms.Clock.Now()}
	t.Record(kind, struct{}{})
	r.unobserved = append(r.unobserved, t.facts...)
	r.flushTurn(t)
}

// observePresence gives the observers who came and went, without the lock of the connections: a
// feature may hang.
func (r *Room) observePresence(ctx context.Context) error {
	if len(r.unobserved) == 0 {
		return nil
	}
	t := &Turn{room: r, msg: &Message{Name: "presence", By: boxViewer}, stamp: r.rooms.Clock.Now()}
	list := r.unobserved
	r.unobserved = nil
	t.notifyObservers(list)
	if len(t.facts)+len(t.casts) == 0 {
		return nil
	}
	return r.withConnections(ctx, func() { r.flushTurn(t) })
}

// expelRemoved closes a removed pupil's connections, after the fact that says why.
func (r *Room) expelRemoved(e event.Event) {
	var who PersonData
	DecodePayload(e, &who)
	for _, s := range slices.Clone(r.connections.seats) {
		if s.Viewer.User != who.User || !r.control.Removed[who.User] {
			continue
		}
		r.connections.removeSeat(s)
		s.Member.Send(wire.NewFrame(wire.Message{JoinRef: s.JoinRef, Topic: r.topic, Event: wire.Close}))
		s.Member.Closed(s)
		if s.answered {
			r.leavePresence(s)
		}
		r.recordDeparture(s)
	}
}
