package room

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// SeatState is a seat on its way to another process of this box, which opens the same journal.
type SeatState struct {
	Room      string          `json:"room"`
	Viewer    event.Viewer    `json:"viewer"`
	Name      string          `json:"name"`
	JoinRef   string          `json:"join_ref"`
	LastSent  uint64          `json:"last_sent"`  // the last seq that was queued to the member
	JoinEpoch uint64          `json:"join_epoch"` // the epoch in which the join was answered
	Key       string          `json:"key"`        // of presence, as meta
	Meta      json.RawMessage `json:"meta"`
}

// ExportSeat returns the state of a seat in a room of this box. It returns false for a seat whose
// join was not answered, and for one that the room has given up.
func (rs *Rooms) ExportSeat(s *Seat) (SeatState, bool) {
	c := rs.connectionsOf(s.Room)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.has(s) || !s.answered {
		return SeatState{}, false
	}
	return SeatState{
		Room: s.Room, Viewer: s.Viewer, Name: s.Name, JoinRef: s.JoinRef, LastSent: s.lastSent, JoinEpoch: s.joinEpoch,
		Key: s.presenceKey, Meta: s.presenceMeta,
	}, true
}

// AdoptSeat seats a member as another process has exported it. The room treats the change of the
// process like a crash: it sends the facts after LastSent when it starts. The member then gets the
// list of who is here again. All seats are adopted before the first mail to the room.
func (rs *Rooms) AdoptSeat(st SeatState, m Member) *Seat {
	s := &Seat{
		Room: st.Room, Viewer: st.Viewer, Name: st.Name, JoinRef: st.JoinRef, Member: m,
		presenceKey: st.Key, presenceMeta: st.Meta, answered: true, lastSent: st.LastSent, joinEpoch: st.JoinEpoch,
	}
	rs.raiseRefs(st.Meta)
	c := rs.connectionsOf(s.Room)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addSeat(s)
	p := &c.presence
	p.add(s)
	p.changes.joins = slices.DeleteFunc(p.changes.joins, func(o *Seat) bool { return o == s }) // the others know it
	if p.unpaged == nil {
		p.unpaged = map[*Seat]int{}
	}
	p.unpaged[s] = 0
	return s
}

// raiseRefs keeps the references of presence of new seats apart from an adopted one.
func (rs *Rooms) raiseRefs(meta json.RawMessage) {
	var m presenceMeta
	if json.Unmarshal(meta, &m) != nil {
		return
	}
	n, err := strconv.ParseUint(m.PhxRef, 36, 64)
	for cur := rs.refs.Load(); err == nil && cur < n; cur = rs.refs.Load() {
		rs.refs.CompareAndSwap(cur, n)
	}
}

// WarmUp starts the room, if it is not in memory, and returns when it has handled all mail before.
func (rs *Rooms) WarmUp(ctx context.Context, room string) error {
	done := make(chan struct{})
	if err := rs.pool.Cast(room, roomMail{presenceDue: true, handled: func() { close(done) }}); err != nil {
		return wrapPoolError("room.WarmUp", err)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errs.New("room.WarmUp", errs.Down, context.Cause(ctx))
	}
}
