package peers

import (
	"context"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/roster"
)

// passGrant returns what the holder of a token may do.
func (a *API) passGrant(token string) (whip.Grant, error) {
	p, room, err := a.Roster.PassOf(token)
	if err != nil {
		return whip.Grant{}, err
	}
	grant := whip.Grant{ID: p.ID, Use: whip.Use(p.Use), Lesson: p.Lesson, Room: room, User: p.By, Source: media.Source(p.Source), First: true}
	if grant.Use == whip.Egress {
		grant.User = "whep:" + p.ID // a room sends no person their own stream, but the teacher's player needs it
	}
	return grant, nil
}

// EndPasses ends the sessions whose passes are no longer valid. The next call tries again
// after a failure.
func (a *API) EndPasses(ctx context.Context) {
	for _, grant := range a.encoders.LiveGrants() {
		list, err := a.Roster.Passes(grant.Lesson)
		if err != nil && errs.KindOf(err) != errs.Missing {
			a.Log.Warn("could not read the passes of encoders", "err", err)
			continue
		}
		if slices.ContainsFunc(list, func(p roster.Pass) bool { return p.ID == grant.ID }) {
			continue
		}
		if _, err := a.encoders.EndSession(ctx, grant.ID); err != nil {
			a.Log.Warn("could not end the session of an encoder or a player", "lesson", grant.Lesson, "err", err)
		}
	}
}

// EndSession ends what a pass carries. It reports whether there was a session.
func (a *API) EndSession(ctx context.Context, pass string) (bool, error) {
	return a.encoders.EndSession(ctx, pass)
}

// HasSessions reports whether an encoder or a player has a session.
func (a *API) HasSessions() bool { return len(a.encoders.LiveGrants()) > 0 }
