package call

import (
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Handle implements room.Feature.
func (c *call) Handle(t *room.Turn, m room.Message) error {
	if err := c.handleCommand(t, m); err != nil {
		return err
	}
	c.flushCalls()
	return nil
}

func (c *call) handleCommand(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "call.publish":
		return c.handlePublish(t, m)
	case "call.watch":
		return c.handleWatch(t, m)
	case "call.want":
		return c.handleWant(t, m)
	case "call.leave":
		return c.handleLeave(t, m)
	case "call.place":
		return c.setPlace(t, m)
	case "call.mute":
		return c.setMute(t, m)
	case "call.invite":
		return c.inviteUser(t, m)
	case "call.stopall":
		return c.stopAll(t, m)
	case "call.record":
		return c.setRecording(t, m)
	}
	return c.handleReport(t, m)
}

// handlePublish hands an offer to send to the exchange. The same session again is a new offer for it.
func (c *call) handlePublish(t *room.Turn, m room.Message) error {
	var in PublishRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := c.checkOffer(m, in.Session, in.SDP); err != nil {
		return err
	}
	grant, err := c.checkTracks(m, in.Tracks)
	if err != nil {
		return err
	}
	s, err := c.ownSession(m, in.Session, false)
	if err != nil {
		return err
	}
	if c.exchange == nil {
		return noMedia(m.Name)
	}
	if s.unanswered && c.findSession(s.id) == nil {
		c.addSession(t, s, maxPublish)
	}
	s.pendingReq, s.granted, s.staff, s.moved, s.absent = m.ID, grant, m.By.IsStaff(), false, false
	c.updateOnAir(t, s.user)
	p := media.Publish{Room: t.Room(), User: s.user, Session: s.id, SDP: in.SDP, Tracks: in.Tracks, First: s.staff}
	c.enqueueCall(func(x Exchange) { x.Publish(m.ID, p) })
	c.sendMutes(p.Room, s.user, grant)
	c.retrySync(t)
	return nil
}

// sendMutes sends the mute state of the sources to the node.
func (c *call) sendMutes(room, user string, list []media.Source) {
	for _, source := range list {
		on := c.muteOf(user, source).On
		c.enqueueCall(func(x Exchange) { x.Mute(room, user, source, on) })
	}
}

// handleWatch hands an offer to receive to the exchange.
func (c *call) handleWatch(t *room.Turn, m room.Message) error {
	var in WatchRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := c.checkOffer(m, in.Session, in.SDP); err != nil {
		return err
	}
	if err := checkMode(m.Name, in.Mode); err != nil {
		return err
	}
	if m.By.Role == event.Pupil && !c.Remote[m.By.User] {
		return errs.NewCode(m.Name, errs.Denied, "in_room", "pupils in the room see the projector: set the place to %q first", remote)
	}
	s, err := c.ownSession(m, in.Session, true)
	if err != nil {
		return err
	}
	if c.exchange == nil {
		return noMedia(m.Name)
	}
	if s.unanswered && c.findSession(s.id) == nil {
		most := maxWatch
		if m.By.Role != event.Pupil {
			most = maxWatchStaff
		}
		c.addSession(t, s, most)
	}
	s.pendingReq, s.staff, s.moved, s.absent = m.ID, m.By.Role != event.Pupil, false, false
	w := media.Watch{Room: t.Room(), User: s.user, Session: s.id, SDP: in.SDP, Mode: in.Mode}
	c.enqueueCall(func(x Exchange) { x.Watch(m.ID, w) })
	c.retrySync(t)
	return nil
}

// handleWant passes on which pictures a watching page shows.
func (c *call) handleWant(t *room.Turn, m room.Message) error {
	var in WantRequest
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
	id := sessionID(m.By.User, in.Session)
	s := c.findSession(id)
	if s == nil && (c.synced || c.exchange == nil) || s != nil && !s.watches {
		return errs.NewCode(m.Name, errs.Missing, "no_session", "no such watching session: watch again")
	}
	c.enqueueCall(func(x Exchange) { x.Want(media.Want{Session: id, Mode: in.Mode, Heights: in.Heights}) })
	return nil
}

// handleLeave ends a session. A session that is not known has ended already.
func (c *call) handleLeave(t *room.Turn, m room.Message) error {
	var in LeaveRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if err := checkSession(m.Name, in.Session); err != nil {
		return err
	}
	id := sessionID(m.By.User, in.Session)
	c.endAll(t, m.By.User, func(s *session) bool { return s.id == id })
	if !c.synced { // a session from before a crash may exist
		c.enqueueCall(func(x Exchange) { x.Close(id) })
	}
	return nil
}
