package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// annexMail is one entry of an annex's mailbox: one of its fields is set.
type annexMail struct {
	said    message // by the owner
	stands  *standing
	tick    bool
	list    bool // with tick: list the seats to the owner
	fetched *fetched
}

// fetched is the owner's answer to a question for the facts after a position.
type fetched struct {
	after  journal.Cursor
	answer *logAnswer
	err    error
}

// kindName names the kind of mail for crash reports.
func (m annexMail) kindName() string {
	switch {
	case m.said != nil:
		return "said " + string(m.said.kind())
	case m.stands != nil:
		return "stands"
	case m.fetched != nil:
		return "fetched"
	}
	return "tick"
}

// process handles what the owner of a room says. All that it knows is in the annex.
type process struct{ room string }

// startAnnex starts the process, also after a crash. What the crash may have left half done is asked for
// again.
func (c *Cluster) startAnnex(_ context.Context, id string) (*process, error) {
	a := c.findAnnex(id)
	if a == nil {
		return nil, fmt.Errorf("nobody of ours is in room %s: %w", id, supervise.ErrIgnore)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fetching, a.later = false, nil
	return &process{id}, nil
}

// findAnnex returns the annex of a room; nil: none of our people is there.
func (c *Cluster) findAnnex(id string) *annex {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.annexes[id]
}

// handleOut hands what a room of another box says to its process. A full mailbox loses it like the bus.
func (c *Cluster) handleOut(h header, m message, _ func([]byte)) {
	if s, ok := m.(*stands); ok {
		for i := range s.Rooms {
			c.mail(h, s.Rooms[i].Room, annexMail{stands: &s.Rooms[i]})
		}
		return
	}
	if id := roomOf(m); id != "" {
		c.mail(h, id, annexMail{said: m})
	}
}

// roomOf is the room of a message to a guest's box. Empty: it is none.
func roomOf(m message) string {
	switch m := m.(type) {
	case *fact:
		return m.Room
	case *cast:
		return m.Room
	case *single:
		return m.Room
	case *closed:
		return m.Room
	case *page:
		return m.Room
	case *kick:
		return m.Room
	case *unknown:
		return m.Room
	case *reply:
		return m.Room
	}
	return ""
}

func (c *Cluster) mail(h header, id string, m annexMail) {
	a := c.findAnnex(id)
	if a == nil || a.owner != h.From {
		return // the last one has left, or it is not that box's room
	}
	if err := c.pool.Cast(id, m); err != nil {
		c.Log.Debug("message for an annex", "room", id, "err", err)
	}
}

// handleAnnex is the process of an annex.
func (c *Cluster) handleAnnex(ctx context.Context, p *process, m annexMail) error {
	a := c.findAnnex(p.room)
	if a == nil {
		return nil // the last one has left
	}
	lost := m.tick && c.isLost(a.owner) // before a.mu, because Cluster.mu comes before it
	empty := func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch {
		case m.said != nil:
			a.handleSaid(m.said)
		case m.stands != nil:
			a.handleStands(m.stands)
		case m.fetched != nil:
			a.handleFetched(m.fetched)
		case m.tick:
			a.handleTick(m.list, lost)
		}
		a.fetch(ctx)
		return m.tick && len(a.visitors) == 0 && len(a.calls) == 0
	}()
	if empty {
		c.removeEmptyAnnex(a)
	}
	return nil
}

func (a *annex) handleSaid(m message) {
	switch m := m.(type) {
	case *fact:
		a.hear(m.N)
		if a.isWelcome() {
			a.handleFact(m.Fact)
		}
	case *cast:
		a.hear(m.N)
		a.handleCast(m)
	case *single:
		a.hear(m.N)
		a.handleSingle(m)
	case *closed:
		a.handleClosed(m, a.hear(m.N))
	case *page:
		a.hear(m.N)
		a.handlePage(m)
	case *kick:
		a.hear(m.N)
		a.handleKick(m)
	case *unknown:
		a.handleUnknown(m)
	case *reply:
		a.handleReply(m)
	}
}

// handleStands finds what was lost at the end. The owner said it before this on the same subject, so
// nothing of it can still be on its way.
func (a *annex) handleStands(s *standing) {
	if s.N > a.heard {
		a.heard = s.N
		a.noteHole()
	}
	if a.isWelcome() {
		a.noteAhead(journal.Cursor{Epoch: s.Epoch, Seq: s.Seq})
	}
}

// isAfter orders two positions of one log.
func isAfter(x, y journal.Cursor) bool {
	return x.Epoch > y.Epoch || x.Epoch == y.Epoch && x.Seq > y.Seq
}

func (a *annex) noteAhead(c journal.Cursor) {
	if isAfter(c, a.ahead) {
		a.ahead = c
	}
}

// handleFact shows a fact in its turn. One behind a hole waits until the hole is filled from the
// owner's log. A new epoch may have begun with less than what was shown here: the owner knows.
func (a *annex) handleFact(e event.Event) {
	c := journal.Cursor{Epoch: e.Epoch, Seq: e.Seq}
	switch {
	case !isAfter(c, a.at):
	case e.Epoch == a.at.Epoch && e.Seq == a.at.Seq+1:
		a.show(e)
		a.showLater()
	default:
		a.noteAhead(c)
		if len(a.later) < maxLater {
			a.later = append(a.later, e)
		}
	}
}

// showLater shows the facts behind a hole that has been filled.
func (a *annex) showLater() {
	for len(a.later) > 0 {
		e := a.later[0]
		c := journal.Cursor{Epoch: e.Epoch, Seq: e.Seq}
		if isAfter(c, a.at) && (e.Epoch != a.at.Epoch || e.Seq != a.at.Seq+1) {
			return
		}
		a.later = a.later[1:]
		if isAfter(c, a.at) {
			a.show(e)
		}
	}
	a.later = nil
}

// show sends a fact to those of our people who may see it.
func (a *annex) show(e event.Event) {
	if a.trial.seq != e.Seq {
		a.trial = trial{seq: e.Seq}
	}
	if a.trial.count++; a.trial.count <= 2 {
		a.cluster.Rooms.DeliverFact(a.room, a.seats, e)
	} else {
		a.cluster.OnDeadLetter(room.DeadLetter{
			Room: a.room, Kind: string(e.Kind), By: e.By, ID: e.ID, Seq: e.Seq, Data: e.Data,
			Err: "it could not be shown to the people of this box",
		})
	}
	a.at = journal.Cursor{Epoch: e.Epoch, Seq: e.Seq}
}

// fetch asks the owner for the missing facts.
func (a *annex) fetch(ctx context.Context) {
	v := a.anyWelcome()
	if a.fetching || !isAfter(a.ahead, a.at) || v == nil || time.Now().Before(a.fetchAt) {
		return
	}
	a.fetching = true
	c, q := a.cluster, &logQuestion{Room: a.room, Epoch: a.at.Epoch, Seq: a.at.Seq, Ended: a.ahead.Epoch > a.at.Epoch, Seat: v.id}
	q.Code = sign(v.seat.Grant.Key, c.header, q)
	c.fetches.Add(1)
	supervise.Spawn(c.Observe, "cluster.fetch", func() {
		defer c.fetches.Done()
		f := &fetched{after: journal.Cursor{Epoch: q.Epoch, Seq: q.Seq}}
		f.answer, f.err = c.askLog(ctx, a.owner, q)
		// Urgent is never full: each annex has one question under way.
		if err := c.pool.Urgent(a.room, annexMail{fetched: f}); err != nil {
			c.Log.Debug("facts for an annex that is gone", "room", a.room, "err", err)
		}
	})
}

func (c *Cluster) askLog(ctx context.Context, owner string, q *logQuestion) (*logAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, replyWithin)
	defer cancel()
	data, err := c.Bus.Ask(ctx, subjectLog+owner, encode(c.header, q))
	if err != nil {
		return nil, err
	}
	_, m, err := decode(data)
	if err != nil {
		return nil, err
	}
	answer, ok := m.(*logAnswer)
	if !ok {
		return nil, errs.Newf("cluster.log", errs.Invalid, "kind: %q is no answer", m.kind())
	}
	return answer, nil
}

// handleFetched shows the facts that the owner sent. Facts leave a room before they are on its disk, so
// the answer may lack some that are known here: the annex asks again, at longer and longer intervals.
func (a *annex) handleFetched(f *fetched) {
	a.fetching = false
	before := a.at
	switch {
	case f.err != nil:
		a.cluster.Log.Debug("facts of another box", "room", a.room, "err", f.err)
	case f.answer.Diverged:
		if a.at == f.after {
			a.dropWelcome()
		}
		return
	default:
		for _, e := range f.answer.Facts {
			if isAfter(journal.Cursor{Epoch: e.Epoch, Seq: e.Seq}, a.at) && e.Seq > a.at.Seq {
				a.show(e)
			}
		}
		a.showLater()
	}
	if a.at != before {
		a.fetchAt, a.fetchPause = time.Time{}, 0
		return
	}
	a.fetchPause = min(max(2*a.fetchPause, firstFetch), lastFetch)
	a.fetchAt = time.Now().Add(a.fetchPause)
}

// dropWelcome has everybody join again: the owner's disk never got what they were shown.
func (a *annex) dropWelcome() {
	for _, v := range a.visitors {
		if v.welcome {
			a.giveBack(v)
			a.drop(v)
		}
	}
	a.ahead, a.later = journal.Cursor{}, nil
}

// handleTick does the work of a tick: refusals, joins again, the list of seats, presence. lost: the
// owner was silent for too long. It has let its guests go by then, so their pages hear of it and join
// again until the owner is back.
func (a *annex) handleTick(list, lost bool) {
	now := time.Now()
	a.refuseWaiting(func(c *call) bool { return !now.Before(c.until) })
	for _, v := range a.visitors {
		switch {
		case v.welcome && lost:
			a.drop(v)
		case v.welcome || now.Sub(v.asked) < joinAgain:
		case v.tries >= joinTries || lost:
			a.giveBack(v)
			a.drop(v)
		default:
			a.giveBack(v)
			a.askForSeat(v)
		}
	}
	if list && len(a.visitors) > 0 {
		a.listSeats()
	}
	if a.missed && now.Sub(a.presenceAsked) >= askAgain {
		a.presenceAsked = now
		a.cluster.publish(subjectIn+a.owner, &refresh{a.room})
	}
}

func (a *annex) listSeats() {
	m := &seats{Room: a.room}
	for _, v := range a.visitors {
		m.List = append(m.List, v.id)
	}
	a.cluster.publish(subjectIn+a.owner, m)
}
