package call

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// report handles what the exchange tells. It refuses nothing that can be ignored: the
// exchange has nobody to ask.
func (c *call) report(t *room.Turn, m room.Message) error {
	switch m.Name {
	case "call.answer":
		return c.answer(t, m)
	case "call.refused":
		return c.refuse(t, m)
	case "call.sync":
		return c.sync(t, m)
	}
	var in struct {
		room.ID
		media.Event
	}
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	c.event(t, in.Event)
	return nil
}

// only is one person, wherever signed in.
func only(user string) event.Audience {
	return func(v event.Viewer) bool { return v.User == user && user != "" }
}

func (c *call) answer(t *room.Turn, m room.Message) error {
	var in Answer
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if s := c.asker(in.To, in.Req); s != nil {
		s.req, s.fresh = "", false
	}
	t.CastTo(only(in.To), "call.answer", struct {
		Req string `json:"req"`
		SDP string `json:"sdp"`
	}{in.Req, in.SDP})
	return nil
}

// refuse ends a session that was never answered. One that only wanted to change stays.
func (c *call) refuse(t *room.Turn, m room.Message) error {
	var in Refused
	if err := room.Decode(m, &in); err != nil {
		return err
	}
	if s := c.asker(in.To, in.Req); s != nil {
		s.req = ""
		if s.fresh {
			c.forget(s)
			c.air(t, s.user)
		}
	}
	if _, known := errs.KindNamed(in.Kind); !known {
		in.Kind = errs.Internal.String()
	}
	t.CastTo(only(in.To), "call.refused", struct {
		Req    string `json:"req"`
		Code   string `json:"code"`
		Reason string `json:"reason"`
	}{in.Req, word(in.Code), in.Kind})
	return nil
}

// asker is the session whose offer req is.
func (c *call) asker(user, req string) *session {
	list := c.of(user, func(s *session) bool { return req != "" && s.req == req })
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// word is a code for the pages: an error's text may name files.
func word(code string) string {
	if code == "" || len(code) > 32 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "failed"
	}
	return code
}

// event takes what a node has told. What is about a session that nobody here has asked for
// is ignored.
func (c *call) event(t *room.Turn, e media.Event) {
	switch e.Kind {
	case media.Speakers:
		c.speakers(t, e.Users)
		return
	case media.Recording:
		if !e.On && e.Err != "" && c.Recording != nil {
			t.Record(Recorded, recorded{Err: word(e.Err)})
		}
		return
	}
	s := c.find(e.Session)
	if s == nil || s.user != e.User {
		c.stranger(t, e)
		return
	}
	switch e.Kind {
	case media.TrackUp:
		c.up(t, s, e.Source)
	case media.TrackDown:
		s.up = slices.DeleteFunc(s.up, func(o media.Source) bool { return o == e.Source })
	case media.SessionDown:
		c.forget(s)
	case media.Moved:
		s.moved, s.up = true, nil
		if s.foreign() { // its page is none of ours: it finds its way by WHIP
			c.forget(s)
		}
	}
	c.air(t, s.user)
	c.pass(t, s, e)
}

// pass tells the session's own person what its page must know.
func (c *call) pass(t *room.Turn, s *session, e media.Event) {
	own, ok := client(s.user, s.id)
	if !ok {
		return
	}
	switch e.Kind {
	case media.SlotsAre:
		t.CastTo(only(s.user), "call.slots", struct {
			Session string       `json:"session"`
			Slots   []media.Slot `json:"slots"`
		}{own, append([]media.Slot{}, e.Slots...)})
	case media.Layers:
		t.CastTo(only(s.user), "call.layers", struct {
			Session string       `json:"session"`
			Source  media.Source `json:"source"`
			Active  []string     `json:"active"`
		}{own, e.Source, append([]string{}, e.Active...)})
	case media.Moved:
		t.CastTo(only(s.user), "call.moved", struct {
			Session string `json:"session"`
		}{own})
	}
}

// up takes the first media of a source. A session that carries media replaces the user's
// earlier ones.
func (c *call) up(t *room.Turn, s *session, source media.Source) {
	if s.watch || !slices.Contains(sources, source) {
		return
	}
	s.moved = false
	if !slices.Contains(s.up, source) {
		s.up = append(s.up, source)
	}
	if on := c.muted(s.user, source).On || !slices.Contains(s.granted, source); on {
		at := t.Room()
		c.tell(func(x Exchange) { x.Mute(at, s.user, source, true) })
	}
	ours := c.of(s.user, func(o *session) bool { return !o.watch && !o.foreign() })
	if len(ours) > 1 && s == ours[len(ours)-1] {
		for _, old := range ours[:len(ours)-1] {
			c.end(old)
		}
	}
}

// stranger deals with media of a session that nobody has asked for here. One without a
// user's name before it came by WHIP, whose tokens are teachers'. Any other was closed a
// moment ago, or is of before a crash and will be in the answer to the Sync.
func (c *call) stranger(t *room.Turn, e media.Event) {
	if e.Kind != media.TrackUp || e.User == "" || len(e.User) > room.MaxID || e.Session == "" || c.find(e.Session) != nil {
		return
	}
	if strings.Contains(e.Session, ":") {
		if c.synced {
			c.tell(func(x Exchange) { x.Close(e.Session) })
		}
		return
	}
	if s := c.adopt(t, Session{User: e.User, Session: e.Session}); s != nil {
		c.up(t, s, e.Source)
		c.air(t, s.user)
	}
}

// speakers tells everybody who speaks, of those who are on air.
func (c *call) speakers(t *room.Turn, users []string) {
	out := []string{}
	for _, user := range users {
		if slices.Contains(c.OnAir, onair{user, media.Microphone}) && !slices.Contains(out, user) {
			out = append(out, user)
		}
	}
	t.Cast("call.speakers", struct {
		Users []string `json:"users"`
	}{out})
}
