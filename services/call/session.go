package call

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// How many connections a person has. A page that connects anew keeps its old connection
// until the new one carries media, so one that publishes may have a successor. Whoever
// teaches has a projector page beside, of the same user.
const (
	maxPublish    = 2
	maxWatch      = 2
	maxWatchStaff = 4
)

// live is what the feature knows of the media node. It is no part of the snapshot: a room
// that was rebuilt knows nothing and asks.
type live struct {
	sessions []*session // oldest first
	asked    bool       // a Sync is or was on its way
	askedAt  int64      // event.Stamp.Mono of the last one
	synced   bool       // it was answered: whoever is not in sessions has none
	strange  bool       // a lesson has begun: sessions of before it are closed
	swept    int64      // event.Stamp.Mono of the last look for people who have left
}

// session is one connection with the media node.
type session struct {
	id      string // as the node knows it
	user    string
	req     string // of an offer that is not answered yet
	fresh   bool   // it was never answered
	watch   bool
	staff   bool
	granted []media.Source // what may go on air from it
	up      []media.Source // of which media arrives
	moved   bool           // its node is no longer in charge
	away    bool           // its person was not here at the last look
}

// name is the session as the node knows it.
func name(user, client string) string { return user + ":" + client }

// client is the session as its user named it; false: no page of that user has made it. A
// client's part has no colon, so the last one ends the user's id.
func client(user, id string) (string, bool) {
	i := strings.LastIndexByte(id, ':')
	if i < 0 || user == "" || id[:i] != user {
		return "", false
	}
	return id[i+1:], true
}

// foreign tells that the session came by another way than the lesson's channel: WHIP.
func (s *session) foreign() bool {
	_, ok := client(s.user, s.id)
	return !ok
}

// tell hands something to the exchange when the turn's facts are recorded.
func (c *call) tell(f func(Exchange)) {
	if c.x != nil {
		c.todo = append(c.todo, func() { f(c.x) })
	}
}

// done ends what Handle, Hear and Ring do.
func (c *call) done() {
	for _, f := range c.todo {
		f()
	}
	c.todo = nil
}

func (c *call) find(id string) *session {
	for _, s := range c.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

// open makes room for a session of the user, and keeps it.
func (c *call) open(t *room.Turn, s *session, most int) {
	for {
		rest := c.of(s.user, func(o *session) bool { return o.watch == s.watch && !o.foreign() })
		if len(rest) < most {
			break
		}
		c.end(worst(rest))
	}
	if len(c.sessions) == 0 {
		c.swept = t.Now().Mono
	}
	c.sessions = append(c.sessions, s)
}

// of is the user's sessions that are so, oldest first.
func (c *call) of(user string, so func(*session) bool) []*session {
	var list []*session
	for _, s := range c.sessions {
		if s.user == user && so(s) {
			list = append(list, s)
		}
	}
	return list
}

// worst is the session that is missed least: one whose node is not in charge, one that
// publishes nothing, the oldest.
func worst(list []*session) *session {
	for _, bad := range []func(*session) bool{
		func(s *session) bool { return s.moved },
		func(s *session) bool { return !s.watch && len(s.up) == 0 },
	} {
		if i := slices.IndexFunc(list, bad); i >= 0 {
			return list[i]
		}
	}
	return list[0]
}

// end closes a session. What it had on air ends by air.
func (c *call) end(s *session) {
	c.forget(s)
	c.tell(func(x Exchange) { x.Close(s.id) })
}

func (c *call) forget(s *session) {
	c.sessions = slices.DeleteFunc(c.sessions, func(o *session) bool { return o == s })
}

// endAll closes all sessions of a user that are so.
func (c *call) endAll(t *room.Turn, user string, so func(*session) bool) {
	for _, s := range c.of(user, so) {
		c.end(s)
	}
	c.air(t, user)
}

func every(*session) bool       { return true }
func publishes(s *session) bool { return !s.watch }

// ofPupil tells that a session publishes by an invitation.
func ofPupil(s *session) bool { return !s.watch && !s.staff && !s.foreign() }

// air brings the facts to what a user's sessions show. It is the only place that records
// Started and Ended.
func (c *call) air(t *room.Turn, user string) {
	shows := map[media.Source]bool{}
	for _, s := range c.of(user, publishes) {
		for _, source := range s.up {
			shows[source] = shows[source] || slices.Contains(s.granted, source)
		}
	}
	for _, source := range sources {
		a := onair{user, source}
		switch had := slices.Contains(c.OnAir, a); {
		case had && !shows[source]:
			t.Record(Ended, a)
		case !had && shows[source]:
			t.Record(Started, a)
		}
	}
}

// seen is every user with a session or something on air, each once, in a fixed order.
func (c *call) seen() []string {
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

// may is what a member may publish now.
func (c *call) may(v event.Viewer) []media.Source {
	if v.Role == event.Teacher {
		return sources
	}
	return c.Invited[v.User]
}
