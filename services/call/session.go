package call

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Limits of one person's sessions. A page that reconnects keeps its old session until the new one
// carries media, so a publisher has two for a moment. A teacher has a projector page too, of
// the same user.
const (
	maxPublish    = 2
	maxWatch      = 2
	maxWatchStaff = 4
)

// nodeState is the state of the media node as far as it is known. It is not in the snapshot: a
// room that was rebuilt asks for it.
type nodeState struct {
	sessions    []*session // oldest first
	syncAsked   bool       // a Sync is or was on its way
	syncAskedAt int64      // event.Stamp.Mono of the last one
	synced      bool       // it was answered: sessions has all
	lessonBegan bool       // a lesson has begun: older sessions are closed
	sweptAt     int64      // event.Stamp.Mono of the last endAbsent
}

// session is one connection with the media node.
type session struct {
	id         string // as the node knows it
	user       string
	pendingReq string // of an offer that is not answered yet
	unanswered bool   // it was never answered
	watches    bool
	staff      bool
	granted    []media.Source // what may go on air from it
	arriving   []media.Source // of which media arrives
	moved      bool           // its node is no longer in charge
	absent     bool           // its user was not here at the last endAbsent
}

// sessionID is the session as the node knows it.
func sessionID(user, client string) string { return user + ":" + client }

// clientPart is the name that the user's page gave the session. False: no page of that user has
// made it. The page's name has no colon, so the last colon ends the user's id.
func clientPart(user, id string) (string, bool) {
	i := strings.LastIndexByte(id, ':')
	if i < 0 || user == "" || id[:i] != user {
		return "", false
	}
	return id[i+1:], true
}

// isForeign reports whether the session came by WHIP and not by the lesson's channel.
func (s *session) isForeign() bool {
	_, ok := clientPart(s.user, s.id)
	return !ok
}

// enqueueCall hands something to the exchange when the turn's facts are recorded.
func (c *call) enqueueCall(f func(Exchange)) {
	if c.exchange != nil {
		c.outgoing = append(c.outgoing, func() { f(c.exchange) })
	}
}

// flushCalls makes the calls that a turn has enqueued.
func (c *call) flushCalls() {
	for _, f := range c.outgoing {
		f()
	}
	c.outgoing = nil
}

func (c *call) findSession(id string) *session {
	for _, s := range c.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

// addSession makes room for a session of the user, and keeps it.
func (c *call) addSession(t *room.Turn, s *session, most int) {
	for {
		rest := c.sessionsOf(s.user, func(o *session) bool { return o.watches == s.watches && !o.isForeign() })
		if len(rest) < most {
			break
		}
		c.closeSession(leastValuable(rest))
	}
	if len(c.sessions) == 0 {
		c.sweptAt = t.Now().Mono
	}
	c.sessions = append(c.sessions, s)
}

// sessionsOf returns the user's sessions that match, oldest first.
func (c *call) sessionsOf(user string, so func(*session) bool) []*session {
	var list []*session
	for _, s := range c.sessions {
		if s.user == user && so(s) {
			list = append(list, s)
		}
	}
	return list
}

// leastValuable picks the session to evict: one whose node is not in charge, else one that
// publishes nothing, else the oldest.
func leastValuable(list []*session) *session {
	for _, bad := range []func(*session) bool{
		func(s *session) bool { return s.moved },
		func(s *session) bool { return !s.watches && len(s.arriving) == 0 },
	} {
		if i := slices.IndexFunc(list, bad); i >= 0 {
			return list[i]
		}
	}
	return list[0]
}

// closeSession closes a session. The caller ends its sources by updateOnAir.
func (c *call) closeSession(s *session) {
	c.removeSession(s)
	c.enqueueCall(func(x Exchange) { x.Close(s.id) })
}

func (c *call) removeSession(s *session) {
	c.sessions = slices.DeleteFunc(c.sessions, func(o *session) bool { return o == s })
}

// endAll closes the sessions of a user that match.
func (c *call) endAll(t *room.Turn, user string, so func(*session) bool) {
	for _, s := range c.sessionsOf(user, so) {
		c.closeSession(s)
	}
	c.updateOnAir(t, user)
}

func anySession(*session) bool    { return true }
func isPublisher(s *session) bool { return !s.watches }

// ofPupil reports whether a session publishes by an invitation.
func ofPupil(s *session) bool { return !s.watches && !s.staff && !s.isForeign() }

// updateOnAir records Started and Ended, so that the facts agree with a user's sessions. No other
// code records them.
func (c *call) updateOnAir(t *room.Turn, user string) {
	shows := map[media.Source]bool{}
	for _, s := range c.sessionsOf(user, isPublisher) {
		for _, source := range s.arriving {
			shows[source] = shows[source] || slices.Contains(s.granted, source)
		}
	}
	for _, source := range sources {
		a := SourceData{user, source}
		switch had := slices.Contains(c.OnAir, a); {
		case had && !shows[source]:
			t.Record(Ended, a)
		case !had && shows[source]:
			t.Record(Started, a)
		}
	}
}

// activeUsers is every user with a session or something on air, each once, in a fixed order.
func (c *call) activeUsers() []string {
	var users []string
	for _, s := range c.sessions {
		users = append(users, s.user)
	}
	for _, a := range c.OnAir {
		users = append(users, a.User)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// allowedSources are the sources that a member may publish now.
func (c *call) allowedSources(v event.Viewer) []media.Source {
	if v.Role == event.Teacher {
		return sources
	}
	return c.Invited[v.User]
}
