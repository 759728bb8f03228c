package room

import (
	"encoding/json"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/wire"
)

// welcome answers a join: Missed when the client's place in the log is known, View
// otherwise. (Epoch, Seq) is where the events that follow begin.
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

// join answers with what the member needs and lets events follow. The answer waits
// for committed facts on their way to the disk, since it tells of them.
func (r *Room) join(s *Seat, ref string) {
	if r.seated(s) {
		return // the same mail again, after a crash: settle has dealt with the seat
	}
	if err := r.admit(s); err != nil {
		s.turnAway(ref, err)
		return
	}
	now := r.rooms.Clock.Now().Wall
	r.attend(s)
	s.sit(r.rooms.refs.Add(1), now)
	w := welcome{Epoch: r.epoch, Seq: r.seq, Now: now, Me: me{s.Viewer.User, s.Viewer.Role}}
	if missed, ok := r.missed(s); ok {
		w.Missed = r.events(missed, s.Viewer)
	} else {
		w.View = r.view(s.Viewer)
	}
	answer := wire.Reply(s.JoinRef, ref, r.topic, true, w)
	r.hall.seats[s] = struct{}{}
	r.hold(r.firm, func() {
		if !r.seated(s) {
			return // left while it waited
		}
		s.ready, s.sent = true, w.Seq
		s.Member.Send(answer)
		s.Member.Send(wire.Broadcast(r.topic, wire.PresenceState, r.hall.state()))
		r.hall.diff(r.topic, s, true)
	})
}

// missed is what the member has not seen, if its last event is still in this log: one
// of an epoch that ended before that event was saved is not.
func (r *Room) missed(s *Seat) ([]event.Event, bool) {
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
	missed, ok := r.since(s.Since)
	size := 0
	for _, e := range missed {
		size += len(e.Data) + 128
	}
	return missed, ok && size <= MaxAnswer
}

// MaxAnswer is about how many bytes of facts the answer to a join carries. What a
// member missed beyond that it sees as a view, and views keep to it as well: an answer
// must find room in the member's queue.
const MaxAnswer = 96 << 10

func (r *Room) admit(s *Seat) error {
	switch {
	case s.Viewer.Role == event.Pupil && r.control.Removed[s.Viewer.User]:
		return errs.Code("room.Join", errs.Denied, "removed", "the teacher has removed you from this lesson")
	case s.Viewer.Role == event.Pupil && !r.control.open():
		return errs.Code("room.Join", errs.Missing, "no_lesson", "no lesson is open in this room")
	}
	return nil
}

// turnAway refuses a join.
func (s *Seat) turnAway(ref string, err error) {
	s.Member.Send(wire.Reply(s.JoinRef, ref, Topic(s.Room), false, errs.BodyOf(err)))
	s.Member.Closed(s)
}

func (r *Room) leave(s *Seat) {
	if !r.seated(s) {
		return
	}
	delete(r.hall.seats, s)
	if s.ready {
		r.hall.diff(r.topic, s, false)
	}
	r.depart(s)
}

// attend records that a pupil is here, once for each stay: each epoch begins with nobody
// here, so a log that was cut tells of no stay that nobody saw the end of.
func (r *Room) attend(s *Seat) {
	if u := s.Viewer.User; s.Viewer.Role == event.Pupil && r.control.open() && r.control.Here[u] != r.epoch {
		r.note(Came, u)
	}
}

// depart records that a pupil's last connection is gone.
func (r *Room) depart(s *Seat) {
	u := s.Viewer.User
	if r.control.Here[u] != r.epoch || !r.control.open() {
		return
	}
	for other := range r.hall.seats {
		if other.Viewer.User == u {
			return
		}
	}
	r.note(Went, u)
}

// note records what the room itself saw somebody do.
func (r *Room) note(kind event.Kind, user string) {
	t := &Turn{room: r, msg: &Message{Name: string(kind), By: event.Viewer{User: user}}, stamp: r.rooms.Clock.Now()}
	t.Record(kind, struct{}{})
	r.flush(t)
}

// expel lets go of a removed pupil's connections, after the fact that says why.
func (r *Room) expel(e event.Event) {
	var who about
	Payload(e, &who)
	for s := range r.hall.seats {
		if s.Viewer.User != who.User || !r.control.Removed[who.User] {
			continue
		}
		delete(r.hall.seats, s)
		s.Member.Send(wire.NewFrame(wire.Message{JoinRef: s.JoinRef, Topic: r.topic, Event: wire.Close}))
		s.Member.Closed(s)
		if s.ready {
			r.hall.diff(r.topic, s, false)
		}
		r.depart(s)
	}
}
