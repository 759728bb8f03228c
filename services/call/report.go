package call

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// handleReport handles the commands of the exchange. It ignores what it cannot use: the exchange
// could not correct it.
func (c *call) handleReport(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "call.answer":
		return c.forwardAnswer(t, m)
	case "call.refused":
		return c.forwardRefusal(t, m)
	case "call.sync":
		return c.handleSync(t, m)
	}
	var in EventReport
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	c.handleEvent(t, in.Event)
	return nil
}

// onlyUser is one person, wherever signed in.
func onlyUser(user string) event.Audience {
	return func(v event.Viewer) bool { return v.User == user && user != "" }
}

func (c *call) forwardAnswer(t *room.Turn, m room.Message) error {
	var in Answer
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if s := c.sessionByRequest(in.To, in.Req); s != nil {
		s.pendingReq, s.unanswered = "", false
	}
	t.CastTo(onlyUser(in.To), "call.answer", AnswerCast{in.Req, in.SDP})
	return nil
}

// forwardRefusal ends a session that never had an answer. A session that had one stays.
func (c *call) forwardRefusal(t *room.Turn, m room.Message) error {
	var in Refused
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if s := c.sessionByRequest(in.To, in.Req); s != nil {
		s.pendingReq = ""
		if s.unanswered {
			c.removeSession(s)
			c.updateOnAir(t, s.user)
		}
	}
	if _, known := errs.KindNamed(in.Kind); !known {
		in.Kind = errs.Internal.String()
	}
	t.CastTo(onlyUser(in.To), "call.refused", RefusedCast{in.Req, safeCode(in.Code), in.Kind})
	return nil
}

// sessionByRequest is the session whose offer req is.
func (c *call) sessionByRequest(user, req string) *session {
	list := c.sessionsOf(user, func(s *session) bool { return req != "" && s.pendingReq == req })
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// safeCode is a code for the pages. An error's text may name files, so it is replaced.
func safeCode(code string) string {
	if code == "" || len(code) > 32 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "failed"
	}
	return code
}

// handleEvent handles an event of a node.
func (c *call) handleEvent(t *room.Turn, e media.Event) {
	switch e.Kind {
	case media.Speakers:
		c.castSpeakers(t, e.Users)
		return
	case media.Recording:
		if !e.On && e.Err != "" && c.Recording != nil {
			t.Record(Recorded, RecordedData{Err: safeCode(e.Err)})
		}
		return
	}
	s := c.findSession(e.Session)
	if s == nil || s.user != e.User {
		c.handleUnknown(t, e)
		return
	}
	switch e.Kind {
	case media.TrackUp:
		c.trackUp(t, s, e.Source)
	case media.TrackDown:
		s.arriving = slices.DeleteFunc(s.arriving, func(o media.Source) bool { return o == e.Source })
	case media.SessionDown:
		c.removeSession(s)
	case media.Moved:
		s.moved, s.arriving = true, nil
		if s.isForeign() { // a WHIP client reconnects by itself
			c.removeSession(s)
		}
	}
	c.updateOnAir(t, s.user)
	c.forwardEvent(t, s, e)
}

// forwardEvent sends the events of a session to its own user.
func (c *call) forwardEvent(t *room.Turn, s *session, e media.Event) {
	own, ok := clientPart(s.user, s.id)
	if !ok {
		return
	}
	switch e.Kind {
	case media.SlotsAre:
		t.CastTo(onlyUser(s.user), "call.slots", SlotsCast{own, append([]media.Slot{}, e.Slots...)})
	case media.Layers:
		t.CastTo(onlyUser(s.user), "call.layers", LayersCast{own, e.Source, append([]string{}, e.Active...)})
	case media.Moved:
		t.CastTo(onlyUser(s.user), "call.moved", MovedCast{own})
	}
}

// trackUp notes that media of a source arrives. A session that carries media replaces the user's
// earlier ones.
func (c *call) trackUp(t *room.Turn, s *session, source media.Source) {
	if s.watches || !slices.Contains(sources, source) {
		return
	}
	s.moved = false
	if !slices.Contains(s.arriving, source) {
		s.arriving = append(s.arriving, source)
	}
	if on := c.muteOf(s.user, source).On || !slices.Contains(s.granted, source); on {
		at := t.Room()
		c.enqueueCall(func(x Exchange) { x.Mute(at, s.user, source, true) })
	}
	ours := c.sessionsOf(s.user, func(o *session) bool { return !o.watches && !o.isForeign() })
	if len(ours) > 1 && s == ours[len(ours)-1] {
		for _, old := range ours[:len(ours)-1] {
			c.closeSession(old)
		}
	}
}

// handleUnknown handles an event of a session that the room does not know. A name without a user's
// id before it came by WHIP, whose tokens are teachers'. Any other session was closed a moment
// ago, or is from before a crash and will be in the answer to the Sync.
func (c *call) handleUnknown(t *room.Turn, e media.Event) {
	if e.Kind != media.TrackUp || e.User == "" || len(e.User) > room.MaxID || e.Session == "" || c.findSession(e.Session) != nil {
		return
	}
	if strings.Contains(e.Session, ":") {
		if c.synced {
			c.enqueueCall(func(x Exchange) { x.Close(e.Session) })
		}
		return
	}
	if s := c.adoptSession(t, Session{User: e.User, Session: e.Session}); s != nil {
		c.trackUp(t, s, e.Source)
		c.updateOnAir(t, s.user)
	}
}

// castSpeakers sends the users who speak and are on air to everybody.
func (c *call) castSpeakers(t *room.Turn, users []string) {
	out := []string{}
	for _, user := range users {
		if slices.Contains(c.OnAir, SourceData{user, media.Microphone}) && !slices.Contains(out, user) {
			out = append(out, user)
		}
	}
	t.Cast("call.speakers", SpeakersCast{out})
}
