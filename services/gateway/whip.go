package gateway

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/roster"
)

type passIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Use    string `json:"use" enum:"whip,whep" doc:"whip: an encoder publishes; whep: a player watches."`
		Source string `json:"source,omitempty" enum:"camera,screen" doc:"What a publisher's picture is; default camera."`
		Label  string `json:"label" doc:"What the teacher calls it."`
	}
}

// newPass is a pass with what is told once.
type newPass struct {
	roster.Pass
	Token string `json:"token" doc:"The bearer token. It is not told again."`
	URL   string `json:"url" doc:"The endpoint."`
}

type passPath struct {
	ID   string `path:"id" maxLength:"64"`
	Pass string `path:"token" maxLength:"64" doc:"The token's id."`
}

func (g *Gateway) whipAPI(api huma.API) {
	const list = "/api/lessons/{id}/tokens"
	add(g, api, http.MethodGet, list, "tokens", "The tokens of a lesson for encoders and players", staff,
		func(_ context.Context, in *idPath) (*body[[]roster.Pass], error) {
			return answer(g.Roster.Passes(in.ID))
		})
	add(g, api, http.MethodPost, list, "addToken",
		"Let an encoder publish for you (WHIP, RFC 9725), or a player watch (WHEP), until the lesson ends and for 12 hours at most", staff, g.addPass)
	add(g, api, http.MethodDelete, list+"/{token}", "removeToken", "Take a token back and end what it carries", staff, g.removePass)
}

// addPass makes a token for the teacher who asks: what an encoder publishes with it is
// shown as theirs.
func (g *Gateway) addPass(ctx context.Context, in *passIn) (*body[newPass], error) {
	if g.WHIP == nil {
		return nil, errs.Code("gateway.addPass", errs.Down, "no_media", "this box carries no pictures and no sound")
	}
	p := roster.Pass{Lesson: in.ID, Use: in.Body.Use, Source: in.Body.Source, Label: in.Body.Label, By: callerOf(ctx).User}
	switch whip.Use(p.Use) {
	case whip.Egress:
		p.Source = ""
	case whip.Ingest:
		if p.Source == "" {
			p.Source = string(media.Camera)
		}
	}
	p, token, err := g.Roster.AddPass(p)
	return answer(newPass{p, token, endpoint(requestOf(ctx), p)}, err)
}

// endpoint is under the name by which the teacher's browser found the box.
func endpoint(r *http.Request, p roster.Pass) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + "/" + p.Use + "/" + p.Lesson
}

// removePass succeeds too when the token is void already and only its session was left,
// because the node did not answer the first time.
func (g *Gateway) removePass(ctx context.Context, in *passPath) (*struct{}, error) {
	gone := g.Roster.RemovePass(in.ID, in.Pass)
	if gone != nil && errs.KindOf(gone) != errs.Missing {
		return nil, gone
	}
	was, err := g.door.End(ctx, in.Pass)
	if err != nil || was {
		return nil, err
	}
	return nil, gone
}

// passGrant tells the door what a token is good for.
func (g *Gateway) passGrant(token string) (whip.Grant, error) {
	p, room, err := g.Roster.PassOf(token)
	if err != nil {
		return whip.Grant{}, err
	}
	grant := whip.Grant{ID: p.ID, Use: whip.Use(p.Use), Lesson: p.Lesson, Room: room, User: p.By, Source: media.Source(p.Source), First: true}
	if grant.Use == whip.Egress {
		grant.User = "whep:" + p.ID // nobody is sent what they publish, and the teacher's player should be
	}
	return grant, nil
}

// watchPasses ends what tokens carry that are over: old, or of a teacher who was deleted.
func (g *Gateway) watchPasses(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.endPasses(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// endPasses ends the sessions whose tokens do not count any more. What fails is tried again
// with the next tick.
func (g *Gateway) endPasses(ctx context.Context) {
	for _, grant := range g.door.Live() {
		list, err := g.Roster.Passes(grant.Lesson)
		if err != nil && errs.KindOf(err) != errs.Missing {
			g.Log.Warn("tokens of encoders could not be looked at", "err", err)
			continue
		}
		if slices.ContainsFunc(list, func(p roster.Pass) bool { return p.ID == grant.ID }) {
			continue
		}
		if _, err := g.door.End(ctx, grant.ID); err != nil {
			g.Log.Warn("an encoder or a player may still be on", "lesson", grant.Lesson, "err", err)
		}
	}
}
