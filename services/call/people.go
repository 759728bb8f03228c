package call

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// setPlace sets where a pupil is. A pupil in the room needs no pictures of it.
func (c *call) setPlace(t *room.Turn, m room.Message) error {
	var in PlaceRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.Place != inRoom && in.Place != remote {
		return errs.NewField(m.Name, "place", "unknown", 0, "must be %q or %q", inRoom, remote)
	}
	user, err := targetUser(m, in.User)
	if err != nil {
		return err
	}
	switch had := c.Remote[user]; {
	case had == (in.Place == remote):
		return nil
	case !had && len(c.Remote) >= MaxRemote:
		return errs.NewField(m.Name, "user", "too_many", MaxRemote, "at most %d people are remote", MaxRemote)
	}
	t.Record(Placed, PlacedData{user, in.Place})
	if in.Place == inRoom {
		c.endAll(t, user, func(s *session) bool { return s.watches && !s.staff })
	}
	return nil
}

// targetUser is the person that a command is about: without a user, the sender.
func targetUser(m room.Message, user string) (string, error) {
	switch {
	case user == "" && m.By.User != "":
		return m.By.User, nil
	case user == "" || len(user) > room.MaxID:
		return "", errs.NewField(m.Name, "user", "bad_user", room.MaxID, "must be a user id of 1 to %d bytes", room.MaxID)
	case user != m.By.User && !m.By.IsStaff():
		return "", errs.NewCode(m.Name, errs.Denied, "role", "a pupil does this only for the own person")
	}
	return user, nil
}

// inviteUser sets the sources that a pupil may publish from now on.
func (c *call) inviteUser(t *room.Turn, m room.Message) error {
	var in InviteRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.User == "" || len(in.User) > room.MaxID {
		return errs.NewField(m.Name, "user", "bad_user", room.MaxID, "must be a user id of 1 to %d bytes", room.MaxID)
	}
	if in.Sources == nil {
		return errs.NewField(m.Name, "sources", "empty", 0, "must be a list; an empty one takes the invitation back")
	}
	for i, s := range in.Sources {
		if err := checkSource(m.Name, "sources", s); err != nil {
			return err
		}
		if slices.Contains(in.Sources[:i], s) {
			return errs.NewField(m.Name, "sources", "twice", 0, "each source once")
		}
	}
	if len(c.Invited) >= MaxInvited && c.Invited[in.User] == nil && len(in.Sources) > 0 {
		return errs.NewField(m.Name, "user", "too_many", MaxInvited, "at most %d people are invited", MaxInvited)
	}
	c.setInvitation(t, in.User, in.Sources)
	return nil
}

// setInvitation replaces a user's invitation and ends the sources that it no longer covers.
func (c *call) setInvitation(t *room.Turn, user string, list []media.Source) {
	next := []media.Source{}
	for _, s := range sources {
		if slices.Contains(list, s) {
			next = append(next, s)
		}
	}
	if slices.Equal(next, c.Invited[user]) {
		return
	}
	t.Record(Invited, InvitedData{user, next})
	c.revokeUninvited(t, user)
}

// revokeUninvited silences the sources of a pupil's sessions that have no invitation. It does so at
// the node first, so the source is silent whatever the page does. A session without a source
// left is closed. After a new invitation the pupil has to publish again, so a teacher cannot
// switch on a pupil's camera.
func (c *call) revokeUninvited(t *room.Turn, user string) {
	at := t.Room()
	for _, s := range c.sessionsOf(user, ofPupil) {
		for _, source := range s.granted {
			if !slices.Contains(c.Invited[user], source) {
				c.enqueueCall(func(x Exchange) { x.Mute(at, user, source, true) })
			}
		}
		s.granted = slices.DeleteFunc(s.granted, func(o media.Source) bool { return !slices.Contains(c.Invited[user], o) })
		if len(s.granted) == 0 {
			c.closeSession(s)
		}
	}
	c.updateOnAir(t, user)
}

// stopAll takes all invitations back.
func (c *call) stopAll(t *room.Turn, m room.Message) error {
	var in room.ID
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if len(c.Invited) == 0 && !slices.ContainsFunc(c.sessions, ofPupil) {
		return nil
	}
	t.Record(Stopped, struct{}{})
	for _, user := range c.activeUsers() {
		c.revokeUninvited(t, user)
	}
	return nil
}

// setMute mutes or unmutes a source. There are two switches, a person's own and the teachers'. The
// source is audible when both are off.
func (c *call) setMute(t *room.Turn, m room.Message) error {
	var in MuteRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	user, err := targetUser(m, in.User)
	if err != nil {
		return err
	}
	if err := checkSource(m.Name, "source", in.Source); err != nil {
		return err
	}
	if in.On == nil {
		return errs.NewField(m.Name, "on", "empty", 0, "must be true or false")
	}
	had := c.muteOf(user, in.Source)
	next, err := nextMute(m, had, *in.On)
	if err != nil {
		return err
	}
	if next.On && !had.On && len(c.Muted) >= MaxMuted {
		return errs.NewField(m.Name, "source", "too_many", MaxMuted, "at most %d sources are muted", MaxMuted)
	}
	if next != had {
		t.Record(Muted, next)
	}
	if next.On != had.On {
		c.sendMutes(t.Room(), user, []media.Source{in.Source})
	}
	return nil
}

// nextMute is the mute state of a source after m's sender has muted (on) or unmuted it.
func nextMute(m room.Message, had MutedData, on bool) (MutedData, error) {
	next, off := had, MutedData{User: had.User, Source: had.Source}
	own, byTeacher := had.User == m.By.User, had.On && had.By != had.User
	switch {
	case own && on:
		next.On, next.Own = true, true
		if !byTeacher {
			next.By = had.User
		}
	case own && byTeacher && !m.By.IsStaff():
		return had, errs.NewCode(m.Name, errs.Denied, "muted", "the teacher has muted your %s", had.Source)
	case own:
		return off, nil
	case on && !byTeacher:
		next.On, next.By = true, m.By.User
	case !on && had.On && !byTeacher:
		return had, errs.NewCode(m.Name, errs.Denied, "self_muted", "only that person can switch it on again")
	case !on && had.Own:
		next.By = had.User
	case !on:
		return off, nil
	}
	return next, nil
}

// setRecording starts or stops the recording.
func (c *call) setRecording(t *room.Turn, m room.Message) error {
	var in RecordRequest
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	switch had := c.Recording; {
	case in.On == nil:
		return errs.NewField(m.Name, "on", "empty", 0, "must be true or false")
	case !*in.On && in.Pupils:
		return errs.NewField(m.Name, "pupils", "unknown_field", 0, "says what a recording that begins takes in")
	case !*in.On && had == nil, *in.On && had != nil && had.Pupils == in.Pupils:
		return nil
	case *in.On && c.exchange == nil:
		return noMedia(m.Name)
	}
	t.Record(Recorded, RecordedData{On: *in.On, Pupils: in.Pupils})
	c.sendRecording(t.Room())
	return nil
}

// sendRecording starts or stops the recording at the node, as the facts say.
func (c *call) sendRecording(room string) {
	on, all := c.Recording != nil, c.Recording != nil && c.Recording.Pupils
	c.enqueueCall(func(x Exchange) { x.Record(room, on, all) })
}
