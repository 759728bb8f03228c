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

// A room that was rebuilt has facts that say what is on air and no sessions. It asks the
// exchange, by an alarm that is due at once, and takes the answer for the truth: what is not
// there has ended, what is there and unknown is taken over. Of the recording the fact wins:
// a teacher who sees the light counts on it. While somebody is connected it goes on asking,
// so that an event that was lost is not lost for long.

const (
	askAgain = 5 * time.Second  // an unanswered Sync is repeated when somebody connects
	sweeping = 30 * time.Second // a Sync, and a look for people: not here twice in a row is gone
)

// maxWHIP is how many sessions a room takes over that came by WHIP.
const maxWHIP = 16

// ms is a duration on the scale of event.Stamp.Mono.
func ms(d time.Duration) int64 { return d.Milliseconds() }

// Alarm implements room.Timed.
func (c *call) Alarm(now event.Stamp) (time.Duration, bool) {
	switch {
	case !c.asked && (c.x != nil || len(c.OnAir) > 0 || c.Recording != nil):
		return 0, true
	case len(c.sessions) > 0:
		return time.Duration(c.swept+ms(sweeping)-now.Mono) * time.Millisecond, true
	}
	return 0, false
}

// Ring implements room.Timed.
func (c *call) Ring(t *room.Turn) {
	if !c.asked {
		c.request(t)
	}
	if len(c.sessions) > 0 && t.Now().Mono >= c.swept+ms(sweeping) {
		c.sweep(t)
		c.request(t)
	}
	c.done()
}

// request asks for the truth. Without an exchange it is known.
func (c *call) request(t *room.Turn) {
	c.asked, c.askedAt = true, t.Now().Mono
	if c.x == nil {
		c.heal(t, Live{})
		return
	}
	at := t.Room()
	c.tell(func(x Exchange) { x.Sync(at) })
}

// ask repeats a request that was lost.
func (c *call) ask(t *room.Turn) {
	if !c.synced && t.Now().Mono >= c.askedAt+ms(askAgain) {
		c.request(t)
	}
}

// sweep ends the sessions of people who have left the room. A page that only connects
// anew is back in time.
func (c *call) sweep(t *room.Turn) {
	c.swept = t.Now().Mono
	for _, s := range slices.Clone(c.sessions) {
		gone := !s.foreign() && !t.Here(s.user)
		if gone && s.away {
			c.end(s)
			c.air(t, s.user)
		}
		s.away = gone
	}
}

func (c *call) sync(t *room.Turn, m room.Message) error {
	var in Live
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	c.heal(t, in)
	return nil
}

// heal brings the room to what is so.
func (c *call) heal(t *room.Turn, is Live) {
	later := c.synced // what is unknown now was closed a moment ago, or came by WHIP
	c.asked, c.synced = true, true
	for _, s := range c.sessions {
		s.up = nil // what is up is in the answer; one that is not in it is on its way there
	}
	for _, l := range is.Sessions {
		s := c.find(l.Session)
		if s == nil && (c.strange || later && strings.Contains(l.Session, ":")) {
			c.tell(func(x Exchange) { x.Close(l.Session) })
			continue
		}
		if s == nil {
			s = c.adopt(t, l)
		}
		if s != nil && s.user == l.User && !s.watch {
			s.up = slices.Clone(l.Sources)
		}
	}
	c.strange = false
	for _, user := range c.seen() {
		c.air(t, user)
	}
	for _, m := range c.Muted {
		c.silence(t.Room(), m.User, []media.Source{m.Source})
	}
	switch {
	case c.Recording != nil && c.x == nil:
		t.Record(Recorded, recorded{Err: "no_media"})
	case is.Recording != (c.Recording != nil):
		c.film(t.Room())
	}
}

// adopt takes a session over that this life of the room has not opened; nil: it is closed,
// since nothing of it may be shown.
func (c *call) adopt(t *room.Turn, l Session) *session {
	s := &session{id: l.Session, user: l.User, watch: l.Watch, staff: l.First, granted: sources}
	switch {
	case s.user == "", s.foreign() && strings.Contains(s.id, ":"): // another's
		s.granted = nil
	case s.foreign():
		n := 0
		for _, o := range c.sessions {
			if o.foreign() {
				n++
			}
		}
		if s.watch || n >= maxWHIP {
			return nil // watches by WHEP, and nothing of it is told here
		}
		s.staff = true
	case !s.watch && !s.staff:
		s.granted = slices.Clone(c.Invited[s.user])
	}
	s.granted = slices.Clone(s.granted) // revoke changes it in place
	if len(s.granted) == 0 {
		c.tell(func(x Exchange) { x.Close(s.id) })
		return nil
	}
	if len(c.sessions) == 0 {
		c.swept = t.Now().Mono
	}
	c.sessions = append(c.sessions, s)
	return s
}

// Hear implements room.Hearer.
func (c *call) Hear(t *room.Turn, e event.Event) {
	switch e.Kind {
	case room.LessonStarted: // c is new: what the lesson before has left is closed
		c.strange = true
		c.request(t)
	case room.LessonEnded:
		c.closeAll(t)
	case room.Removed:
		var who struct{ User string }
		if json.Unmarshal(e.Data, &who) == nil {
			c.allow(t, who.User, nil)
			c.endAll(t, who.User, every)
		}
	}
	c.done()
}

// closeAll ends what is on air, by WHIP too, and the recording.
func (c *call) closeAll(t *room.Turn) {
	if c.Recording != nil {
		t.Record(Recorded, recorded{})
		c.film(t.Room())
	}
	for _, user := range c.seen() {
		c.endAll(t, user, every)
	}
}
