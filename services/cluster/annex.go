package cluster

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/wire"
)

// annex is our people in one room of another box. Sessions join, leave and post under mu. What the owner
// says is handled by the annex's process, one message after another. The annex itself survives a crash of
// that process.
type annex struct {
	cluster *Cluster
	room    string
	owner   string

	mu       sync.Mutex // guards the fields below
	seats    map[*room.Seat]struct{}
	visitors map[*room.Seat]*visitor
	calls    map[uint64]*call

	heard         uint64         // number of the owner's last message
	at            journal.Cursor // the last fact shown; it counts while somebody is welcome
	ahead         journal.Cursor // the last fact that is known of
	later         []event.Event  // facts behind a hole, in order
	trial         trial
	fetching      bool
	fetchAt       time.Time     // not before
	fetchPause    time.Duration // between questions that bring nothing new
	missed        bool          // some of presence
	pagesClean    bool          // no hole since the first page
	presenceAsked time.Time
}

// visitor is one of our people. Its id changes with each try to join, so that a late answer to an
// earlier one is ignored.
type visitor struct {
	id      uint64
	seat    *room.Seat
	ref     string // of the join
	welcome bool   // the join was answered
	tries   int
	asked   time.Time
}

// call is a command on its way.
type call struct {
	reply func(room.Reply)
	until time.Time
}

// trial counts how often a fact was shown. One that crashes the process twice is passed over.
type trial struct {
	seq   uint64
	count int
}

func newAnnex(c *Cluster, id, owner string) *annex {
	return &annex{
		cluster: c, room: id, owner: owner, seats: map[*room.Seat]struct{}{},
		visitors: map[*room.Seat]*visitor{}, calls: map[uint64]*call{},
	}
}

// askForSeat sends a join with a new id. mu is held, as in all methods below.
func (a *annex) askForSeat(v *visitor) {
	v.id, v.asked = a.cluster.lastID.Add(1), time.Now()
	v.tries++
	s := v.seat
	m := &join{
		Room: a.room, User: s.Viewer.User, Name: s.Name, JoinRef: s.JoinRef, Ref: v.ref,
		Seat: v.id, Role: uint64(s.Viewer.Role), Since: s.Since, Epoch: s.Epoch, Grant: s.Grant.Word,
	}
	m.Code = sign(s.Grant.Key, a.cluster.header, m)
	a.cluster.publish(subjectIn+a.owner, m)
}

// remove gives a seat back.
func (a *annex) remove(s *room.Seat) {
	if v := a.visitors[s]; v != nil {
		a.forget(v)
		a.giveBack(v)
	}
}

// giveBack says that a visitor has left.
func (a *annex) giveBack(v *visitor) {
	m := &leave{Room: a.room, Seat: v.id}
	m.Code = sign(v.seat.Grant.Key, a.cluster.header, m)
	a.cluster.publish(subjectIn+a.owner, m)
}

func (a *annex) forget(v *visitor) {
	delete(a.seats, v.seat)
	delete(a.visitors, v.seat)
}

// post sends a command to the owner.
func (a *annex) post(s *room.Seat, m room.Message) error {
	v := a.visitors[s]
	switch {
	case v == nil:
		return errs.NewCode("cluster.Post", errs.Denied, "not_joined", "join the room first")
	case len(a.calls) >= maxCalls:
		return errs.NewCode("cluster.Post", errs.Busy, "room_busy", "too many messages are waiting for this room")
	}
	id := a.cluster.lastID.Add(1)
	a.calls[id] = &call{m.Reply, time.Now().Add(replyWithin)}
	out := &post{
		Room: a.room, Seat: v.id, Call: id, Data: m.Data,
		// The owner refuses longer ones. One byte too many is enough for that.
		Name: m.Name[:min(len(m.Name), maxWord)], ID: m.ID[:min(len(m.ID), room.MaxID+1)],
	}
	out.Code = sign(s.Grant.Key, a.cluster.header, out)
	if !a.cluster.publish(subjectIn+a.owner, out) {
		delete(a.calls, id)
		return errNotSaved()
	}
	return nil
}

// refuseCalls answers commands as not saved.
func (a *annex) refuseCalls(which func(*call) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuseWaiting(which)
}

func (a *annex) refuseWaiting(which func(*call) bool) {
	for id, c := range a.calls {
		if which(c) {
			delete(a.calls, id)
			c.answer(room.Reply{Err: errNotSaved()})
		}
	}
}

func (c *call) answer(r room.Reply) {
	if c.reply != nil {
		c.reply(r)
	}
}

func (a *annex) handleReply(m *reply) {
	c := a.calls[m.Call]
	if c == nil {
		return // too late: it was refused as not saved, and counts once when it is sent again
	}
	delete(a.calls, m.Call)
	c.answer(room.Reply{Seq: m.Seq, Err: decodeError(m.Error)})
}

// decodeError reads an errs.Body. Nil: there is none.
func decodeError(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var b errs.Body
	if err := json.Unmarshal(data, &b); err != nil {
		return errs.New("cluster", errs.Internal, err)
	}
	kind, _ := errs.KindNamed(b.Reason) // another version's word is Internal
	return &errs.Error{Kind: kind, Code: b.Code, Field: b.Field, Limit: b.Limit, Err: errors.New(b.Message)}
}

// visitorOf returns the visitor with an id; nil: there is none.
func (a *annex) visitorOf(id uint64) *visitor {
	for _, v := range a.visitors {
		if v.id == id {
			return v
		}
	}
	return nil
}

// isWelcome reports whether anybody's join was answered.
func (a *annex) isWelcome() bool { return a.anyWelcome() != nil }

// anyWelcome returns a visitor whose join was answered; nil: there is none.
func (a *annex) anyWelcome() *visitor {
	for _, v := range a.visitors {
		if v.welcome {
			return v
		}
	}
	return nil
}

// handleSingle hands a frame to one visitor.
func (a *annex) handleSingle(m *single) {
	v := a.visitorOf(m.Seat)
	if v == nil || (m.Stage == stageSeated && !v.welcome) {
		return // the welcome was lost: the visitor asks again
	}
	if m.Stage == stageWelcome && !v.welcome {
		a.startFrom(journal.Cursor{Epoch: m.Epoch, Seq: m.Seq})
		v.welcome = true
		v.seat.Answer(m.Seq)
	}
	v.seat.Member.Send(wire.Frame{Bytes: m.Frame})
}

// startFrom takes up a visitor who has everything up to a position. The others may be further, by facts
// from the owner's log, which overtake what the room says: those are fetched again for the new one.
func (a *annex) startFrom(at journal.Cursor) {
	switch {
	case !a.isWelcome():
		a.at, a.ahead, a.later = at, journal.Cursor{}, nil
	case isAfter(a.at, at):
		a.noteAhead(a.at)
		a.at = at
	}
}

func (a *annex) handleCast(m *cast) {
	to := map[uint64]bool{}
	for _, id := range m.To {
		to[id] = true
	}
	for _, v := range a.visitors {
		if v.welcome && to[v.id] {
			v.seat.Member.Send(wire.Frame{Bytes: m.Frame, Volatile: m.Volatile})
		}
	}
}

func (a *annex) handlePage(m *page) {
	for _, v := range a.visitors {
		if v.welcome {
			v.seat.Member.Send(wire.Frame{Bytes: m.Frame})
		}
	}
	if m.First {
		a.pagesClean = true
	}
	if m.Last && a.pagesClean {
		a.missed = false
	}
}

// handleClosed ends a visitor's seat. After a hole the frame that says why may be lost, and then the
// client hears it when it joins again.
func (a *annex) handleClosed(m *closed, hole bool) {
	v := a.visitorOf(m.Seat)
	switch {
	case v == nil:
	case hole:
		a.drop(v)
	default:
		a.forget(v)
		v.seat.Member.Closed(v.seat)
	}
}

// handleKick signs a visitor out.
func (a *annex) handleKick(m *kick) {
	if v := a.visitorOf(m.Seat); v != nil {
		if k, ok := v.seat.Member.(room.Kicker); ok {
			k.Kick(m.Why)
		}
	}
}

// handleUnknown ends a seat that the owner does not know.
func (a *annex) handleUnknown(m *unknown) {
	v := a.visitorOf(m.Seat)
	switch {
	case v == nil:
	case len(m.Error) > 0:
		a.refuse(v, decodeError(m.Error))
	case v.welcome, v.tries >= joinTries:
		a.drop(v)
	default:
		a.askForSeat(v)
	}
}

// drop ends a seat with the frame on which clients join again.
func (a *annex) drop(v *visitor) {
	if !v.welcome {
		a.refuse(v, errAway("cluster.Join"))
		return
	}
	a.forget(v)
	v.seat.Member.Send(wire.NewFrame(wire.Message{JoinRef: v.seat.JoinRef, Topic: room.TopicOf(a.room), Event: wire.Error}))
	v.seat.Member.Closed(v.seat)
}

// refuse ends a seat whose join is refused.
func (a *annex) refuse(v *visitor, err error) {
	a.forget(v)
	v.seat.Member.Send(wire.NewReply(v.seat.JoinRef, v.ref, room.TopicOf(a.room), false, errs.BodyOf(err)))
	v.seat.Member.Closed(v.seat)
}

// hear counts a message of the owner, and reports whether the ones before it were lost. A number 1
// means that the owner counts anew, because it had no guests of ours.
func (a *annex) hear(n uint64) (hole bool) {
	hole = n != a.heard+1 && n != 1
	a.heard = n
	if hole {
		a.noteHole()
	}
	return hole
}

func (a *annex) noteHole() {
	a.cluster.metrics.holes.Inc()
	a.pagesClean = false
	a.missed = a.isWelcome() // who is not welcome yet gets all of presence then
}
