package call

import (
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// place says where a pupil is. Whoever is in the room needs no pictures of it.
func (c *call) place(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		Place string `json:"place"`
		User  string `json:"user"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.Place != inRoom && in.Place != remote {
		return errs.Field(m.Name, "place", "unknown", 0, "must be %q or %q", inRoom, remote)
	}
	user, err := whom(m, in.User)
	if err != nil {
		return err
	}
	switch had := c.Remote[user]; {
	case had == (in.Place == remote):
		return nil
	case !had && len(c.Remote) >= MaxRemote:
		return errs.Field(m.Name, "user", "too_many", MaxRemote, "at most %d people are remote", MaxRemote)
	}
	t.Record(Placed, placed{user, in.Place})
	if in.Place == inRoom {
		c.endAll(t, user, func(s *session) bool { return s.watch && !s.staff })
	}
	return nil
}

// whom is the person that a command is about: the sender when it names nobody.
func whom(m room.Message, user string) (string, error) {
	switch {
	case user == "" && m.By.User != "":
		return m.By.User, nil
	case user == "" || len(user) > room.MaxID:
		return "", errs.Field(m.Name, "user", "bad_user", room.MaxID, "must be a user id of 1 to %d bytes", room.MaxID)
	case user != m.By.User && !m.By.Staff():
		return "", errs.Code(m.Name, errs.Denied, "role", "a pupil does this only for the own person")
	}
	return user, nil
}

// invite says what a pupil may publish from now on.
func (c *call) invite(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		User    string         `json:"user"`
		Sources []media.Source `json:"sources"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if in.User == "" || len(in.User) > room.MaxID {
		return errs.Field(m.Name, "user", "bad_user", room.MaxID, "must be a user id of 1 to %d bytes", room.MaxID)
	}
	if in.Sources == nil {
		return errs.Field(m.Name, "sources", "empty", 0, "must be a list; an empty one takes the invitation back")
	}
	for i, s := range in.Sources {
		if err := checkSource(m.Name, "sources", s); err != nil {
			return err
		}
		if slices.Contains(in.Sources[:i], s) {
			return errs.Field(m.Name, "sources", "twice", 0, "each source once")
		}
	}
	if len(c.Invited) >= MaxInvited && c.Invited[in.User] == nil && len(in.Sources) > 0 {
		return errs.Field(m.Name, "user", "too_many", MaxInvited, "at most %d people are invited", MaxInvited)
	}
	c.allow(t, in.User, in.Sources)
	return nil
}

// allow replaces a user's invitation and ends what it no longer covers.
func (c *call) allow(t *room.Turn, user string, list []media.Source) {
	next := []media.Source{}
	for _, s := range sources {
		if slices.Contains(list, s) {
			next = append(next, s)
		}
	}
	if slices.Equal(next, c.Invited[user]) {
		return
	}
	t.Record(Invited, invited{user, next})
	c.revoke(t, user)
}

// revoke silences what pupils' sessions show without an invitation: at the node first, so
// that the source is silent whatever the page does. A session that has nothing left is
// closed. What is allowed again later must be published again: nobody's camera is switched
// on by somebody else.
func (c *call) revoke(t *room.Turn, user string) {
	at := t.Room()
	for _, s := range c.of(user, ofPupil) {
		for _, source := range s.granted {
			if !slices.Contains(c.Invited[user], source) {
				c.tell(func(x Exchange) { x.Mute(at, user, source, true) })
			}
		}
		s.granted = slices.DeleteFunc(s.granted, func(o media.Source) bool { return !slices.Contains(c.Invited[user], o) })
		if len(s.granted) == 0 {
			c.end(s)
		}
	}
	c.air(t, user)
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
	for _, user := range c.seen() {
		c.revoke(t, user)
	}
	return nil
}

// mute silences a source or lets it be heard again. There are two switches: a person's own
// and the teachers'. It is heard when both are off.
func (c *call) mute(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		User   string       `json:"user"`
		Source media.Source `json:"source"`
		On     *bool        `json:"on"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	user, err := whom(m, in.User)
	if err != nil {
		return err
	}
	if err := checkSource(m.Name, "source", in.Source); err != nil {
		return err
	}
	if in.On == nil {
		return errs.Field(m.Name, "on", "empty", 0, "must be true or false")
	}
	had := c.muted(user, in.Source)
	next, err := turned(m, had, *in.On)
	if err != nil {
		return err
	}
	if next.On && !had.On && len(c.Muted) >= MaxMuted {
		return errs.Field(m.Name, "source", "too_many", MaxMuted, "at most %d sources are muted", MaxMuted)
	}
	if next != had {
		t.Record(Muted, next)
	}
	if next.On != had.On {
		c.silence(t.Room(), user, []media.Source{in.Source})
	}
	return nil
}

// turned is what holds for a source when m's sender turns it on (muted) or off.
func turned(m room.Message, had muted, on bool) (muted, error) {
	next, off := had, muted{User: had.User, Source: had.Source}
	own, byTeacher := had.User == m.By.User, had.On && had.By != had.User
	switch {
	case own && on:
		next.On, next.Own = true, true
		if !byTeacher {
			next.By = had.User
		}
	case own && byTeacher && !m.By.Staff():
		return had, errs.Code(m.Name, errs.Denied, "muted", "the teacher has muted your %s", had.Source)
	case own:
		return off, nil
	case on && !byTeacher:
		next.On, next.By = true, m.By.User
	case !on && had.On && !byTeacher:
		return had, errs.Code(m.Name, errs.Denied, "self_muted", "only that person can switch it on again")
	case !on && had.Own:
		next.By = had.User
	case !on:
		return off, nil
	}
	return next, nil
}

// record starts or stops the recording.
func (c *call) record(t *room.Turn, m room.Message) error {
	var in struct {
		room.ID
		On     *bool `json:"on"`
		Pupils bool  `json:"pupils"`
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	switch had := c.Recording; {
	case in.On == nil:
		return errs.Field(m.Name, "on", "empty", 0, "must be true or false")
	case !*in.On && in.Pupils:
		return errs.Field(m.Name, "pupils", "unknown_field", 0, "says what a recording that begins takes in")
	case !*in.On && had == nil, *in.On && had != nil && had.Pupils == in.Pupils:
		return nil
	case *in.On && c.x == nil:
		return noMedia(m.Name)
	}
	t.Record(Recorded, recorded{On: *in.On, Pupils: in.Pupils})
	c.film(t.Room())
	return nil
}

// film has the node do what the room has recorded as wanted.
func (c *call) film(room string) {
	on, all := c.Recording != nil, c.Recording != nil && c.Recording.Pupils
	c.tell(func(x Exchange) { x.Record(room, on, all) })
}
