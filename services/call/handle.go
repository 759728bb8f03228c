package call

import (
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Handle implements room.Feature.
func (c *call) Handle(t *room.Turn, m room.Message) error {
	if err := c.handle(t, m); err != nil {
		return err
	}
	c.done()
	return nil
}

func (c *call) handle(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "call.publish":
		return c.publish(t, m)
	case "call.watch":
		return c.watch(t, m)
	case "call.want":
		return c.want(t, m)
	case "call.leave":
		return c.leave(t, m)
	case "call.place":
		return c.place(t, m)
	case "call.mute":
		return c.mute(t, m)
	case "call.invite":
		return c.invite(t, m)
	case "call.stopall":
		return c.stopAll(t, m)
	case "call.record":
		return c.record(t, m)
	}
	return c.report(t, m)
}

// publish hands an offer to send over. The same session again is a new offer for it.
func (c *call) publish(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Session string        `json:"session"`
		SDP     string        `json:"sdp"`
		Tracks  []media.Track `json:"tracks"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := c.offer(m, in.Session, in.SDP); err != nil {
		return err
	}
	grant, err := c.tracks(m, in.Tracks)
	if err != nil {
		return err
	}
	s, err := c.mine(m, in.Session, false)
	if err != nil {
		return err
	}
	if c.x == nil {
		return noMedia(m.Name)
	}
	if s.fresh && c.find(s.id) == nil {
		c.open(t, s, maxPublish)
	}
	s.req, s.granted, s.staff, s.moved, s.away = m.ID, grant, m.By.Staff(), false, false
	c.air(t, s.user)
	p := media.Publish{Room: t.Room(), User: s.user, Session: s.id, SDP: in.SDP, Tracks: in.Tracks, First: s.staff}
	c.tell(func(x Exchange) { x.Publish(m.ID, p) })
	c.silence(p.Room, s.user, grant)
	c.ask(t)
	return nil
}

// silence tells the node which of the sources are muted and which are not.
func (c *call) silence(room, user string, list []media.Source) {
	for _, source := range list {
		on := c.muted(user, source).On
		c.tell(func(x Exchange) { x.Mute(room, user, source, on) })
	}
}

// watch hands an offer to receive over.
func (c *call) watch(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Session string     `json:"session"`
		SDP     string     `json:"sdp"`
		Mode    media.Mode `json:"mode"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := c.offer(m, in.Session, in.SDP); err != nil {
		return err
	}
	if err := checkMode(m.Name, in.Mode); err != nil {
		return err
	}
	if m.By.Role == event.Pupil && !c.Remote[m.By.User] {
		return errs.Code(m.Name, errs.Denied, "in_room", "pupils in the room see the projector: set the place to %q first", remote)
	}
	s, err := c.mine(m, in.Session, true)
	if err != nil {
		return err
	}
	if c.x == nil {
		return noMedia(m.Name)
	}
	if s.fresh && c.find(s.id) == nil {
		most := maxWatch
		if m.By.Role != event.Pupil {
			most = maxWatchStaff
		}
		c.open(t, s, most)
	}
	s.req, s.staff, s.moved, s.away = m.ID, m.By.Role != event.Pupil, false, false
	w := media.Watch{Room: t.Room(), User: s.user, Session: s.id, SDP: in.SDP, Mode: in.Mode}
	c.tell(func(x Exchange) { x.Watch(m.ID, w) })
	c.ask(t)
	return nil
}

// want passes on what a watching page shows.
func (c *call) want(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Session string         `json:"session"`
		Mode    media.Mode     `json:"mode"`
		Heights map[string]int `json:"heights"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := checkSession(m.Name, in.Session); err != nil {
		return err
	}
	if err := checkMode(m.Name, in.Mode); err != nil {
		return err
	}
	if err := checkHeights(m.Name, in.Heights); err != nil {
		return err
	}
	id := name(m.By.User, in.Session)
	s := c.find(id)
	if s == nil && (c.synced || c.x == nil) || s != nil && !s.watch {
		return errs.Code(m.Name, errs.Missing, "no_session", "no such watching session: watch again")
	}
	c.tell(func(x Exchange) { x.Want(media.Want{Session: id, Mode: in.Mode, Heights: in.Heights}) })
	return nil
}

// leave ends a session. One that is not there has ended.
func (c *call) leave(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Session string `json:"session"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := checkSession(m.Name, in.Session); err != nil {
		return err
	}
	id := name(m.By.User, in.Session)
	c.endAll(t, m.By.User, func(s *session) bool { return s.id == id })
	if !c.synced { // one of before a crash may be
		c.tell(func(x Exchange) { x.Close(id) })
	}
	return nil
}
