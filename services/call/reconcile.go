package call

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// A room that was rebuilt knows from its facts which sources are on air, and knows no sessions. It
// asks the exchange, by a deadline of zero, and the answer decides: a session that is not in it
// has ended, and a session that is new in it is adopted. For the recording the fact decides,
// because a teacher who sees the light relies on it. While sessions exist the room repeats the
// request, so the effect of a lost event does not last.

const (
	syncRetry     = 5 * time.Second  // an unanswered Sync is repeated at the next publish or watch
	sweepInterval = 30 * time.Second // a Sync, and a check who is present: absent twice in a row is gone
)

// maxWHIPSessions is how many WHIP sessions a room adopts.
const maxWHIPSessions = 16

// toMillis is a duration on the scale of event.Stamp.Mono.
func toMillis(d time.Duration) int64 { return d.Milliseconds() }

// NextDeadline implements room.Deadliner.
func (c *call) NextDeadline(now event.Stamp) (time.Duration, bool) {
	switch {
	case !c.syncAsked && (c.exchange != nil || len(c.OnAir) > 0 || c.Recording != nil):
		return 0, true
	case len(c.sessions) > 0:
		return time.Duration(c.sweptAt+toMillis(sweepInterval)-now.Mono) * time.Millisecond, true
	}
	return 0, false
}

// OnDeadline implements room.Deadliner.
func (c *call) OnDeadline(t *room.Turn) {
	if !c.syncAsked {
		c.requestSync(t)
	}
	if len(c.sessions) > 0 && t.Now().Mono >= c.sweptAt+toMillis(sweepInterval) {
		c.endAbsent(t)
		c.requestSync(t)
	}
	c.flushCalls()
}

// requestSync asks for the sessions. Without an exchange there are none.
func (c *call) requestSync(t *room.Turn) {
	c.syncAsked, c.syncAskedAt = true, t.Now().Mono
	if c.exchange == nil {
		c.reconcile(t, Live{})
		return
	}
	at := t.Room()
	c.enqueueCall(func(x Exchange) { x.Sync(at) })
}

// retrySync repeats a request that was lost.
func (c *call) retrySync(t *room.Turn) {
	if !c.synced && t.Now().Mono >= c.syncAskedAt+toMillis(syncRetry) {
		c.requestSync(t)
	}
}

// endAbsent ends the sessions of people who have left the room. A page that only reconnects is
// back in time.
func (c *call) endAbsent(t *room.Turn) {
	c.sweptAt = t.Now().Mono
	for _, s := range slices.Clone(c.sessions) {
		gone := !s.isForeign() && !t.IsPresent(s.user)
		if gone && s.absent {
			c.closeSession(s)
			c.updateOnAir(t, s.user)
		}
		s.absent = gone
	}
}

func (c *call) handleSync(t *room.Turn, m room.Message) error {
	var in Live
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	c.reconcile(t, in)
	return nil
}

// reconcile brings the room to the state in the exchange.
func (c *call) reconcile(t *room.Turn, is Live) {
	later := c.synced // a session that is unknown now was closed a moment ago, or came by WHIP
	c.syncAsked, c.synced = true, true
	for _, s := range c.sessions {
		s.arriving = nil // the answer has the sources that arrive
	}
	for _, l := range is.Sessions {
		s := c.findSession(l.Session)
		if s == nil && (c.lessonBegan || later && strings.Contains(l.Session, ":")) {
			c.enqueueCall(func(x Exchange) { x.Close(l.Session) })
			continue
		}
		if s == nil {
			s = c.adoptSession(t, l)
		}
		if s != nil && s.user == l.User && !s.watches {
			s.arriving = slices.Clone(l.Sources)
		}
	}
	c.lessonBegan = false
	for _, user := range c.activeUsers() {
		c.updateOnAir(t, user)
	}
	for _, m := range c.Muted {
		c.sendMutes(t.Room(), m.User, []media.Source{m.Source})
	}
	switch {
	case c.Recording != nil && c.exchange == nil:
		t.Record(Recorded, RecordedData{Err: "no_media"})
	case is.Recording != (c.Recording != nil):
		c.sendRecording(t.Room())
	}
}

// adoptSession adds a session that this room has not opened since its start. Nil: the session may
// show nothing, so it is closed or ignored.
func (c *call) adoptSession(t *room.Turn, l Session) *session {
	s := &session{id: l.Session, user: l.User, watches: l.Watch, staff: l.First, granted: sources}
	switch {
	case s.user == "", s.isForeign() && strings.Contains(s.id, ":"): // another's
		s.granted = nil
	case s.isForeign():
		n := 0
		for _, o := range c.sessions {
			if o.isForeign() {
				n++
			}
		}
		if s.watches || n >= maxWHIPSessions {
			return nil // a WHEP session watches and has no facts
		}
		s.staff = true
	case !s.watches && !s.staff:
		s.granted = slices.Clone(c.Invited[s.user])
	}
	s.granted = slices.Clone(s.granted) // revoke changes it in place
	if len(s.granted) == 0 {
		c.enqueueCall(func(x Exchange) { x.Close(s.id) })
		return nil
	}
	if len(c.sessions) == 0 {
		c.sweptAt = t.Now().Mono
	}
	c.sessions = append(c.sessions, s)
	return s
}

// OnRoomFact implements room.RoomObserver.
func (c *call) OnRoomFact(t *room.Turn, e event.Event) {
	switch e.Kind {
	case room.LessonStarted: // c is new: sessions of the last lesson are closed
		c.lessonBegan = true
		c.requestSync(t)
	case room.LessonEnded:
		c.closeAll(t)
	case room.Removed:
		var who room.PersonData
		if json.Unmarshal(e.Data, &who) == nil {
			c.setInvitation(t, who.User, nil)
			c.endAll(t, who.User, anySession)
		}
	}
	c.flushCalls()
}

// closeAll ends all sessions, those by WHIP too, and the recording.
func (c *call) closeAll(t *room.Turn) {
	if c.Recording != nil {
		t.Record(Recorded, RecordedData{})
		c.sendRecording(t.Room())
	}
	for _, user := range c.activeUsers() {
		c.endAll(t, user, anySession)
	}
}
