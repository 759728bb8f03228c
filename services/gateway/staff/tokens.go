package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
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

// NewPass is a pass with the token, which the box shows only once.
type NewPass struct {
	roster.Pass
	Token string `json:"token" doc:"The bearer token. It is not told again."`
	URL   string `json:"url" doc:"The endpoint."`
}

type passPath struct {
	ID   string `path:"id" maxLength:"64"`
	Pass string `path:"token" maxLength:"64" doc:"The token's id."`
}

func (a *lessonAPI) registerTokens(ops httpapi.Operations) {
	const list = "/api/lessons/{id}/tokens"
	httpapi.Add(ops, http.MethodGet, list, "tokens", "The tokens of a lesson for encoders and players", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[[]roster.Pass], error) {
			return httpapi.ToResponse(a.roster.Passes(in.ID))
		})
	httpapi.Add(ops, http.MethodPost, list, "addToken",
		"Let an encoder publish for you (WHIP, RFC 9725), or a player watch (WHEP), until the lesson ends and for 12 hours at most", httpapi.Staff, a.addPass)
	httpapi.Add(ops, http.MethodDelete, list+"/{token}", "removeToken", "Take a token back and end what it carries", httpapi.Staff, a.removePass)
}

// addPass makes a pass for the teacher who asks. The room shows what an encoder publishes with
// it as the stream of that teacher.
func (a *lessonAPI) addPass(ctx context.Context, in *passIn) (*httpapi.Body[NewPass], error) {
	if !a.hasMedia {
		return nil, errs.NewCode("gateway.addPass", errs.Down, "no_media", "this box carries no pictures and no sound")
	}
	p := roster.Pass{Lesson: in.ID, Use: in.Body.Use, Source: in.Body.Source, Label: in.Body.Label, By: httpapi.CallerOf(ctx).User}
	switch whip.Use(p.Use) {
	case whip.Egress:
		p.Source = ""
	case whip.Ingest:
		if p.Source == "" {
			p.Source = string(media.Camera)
		}
	}
	p, token, err := a.roster.AddPass(p)
	plain, _ := a.addrs()
	// Encoders refuse a certificate of an authority that they do not know, so the URL is of plain HTTP.
	return httpapi.ToResponse(NewPass{p, token, plainOrigin(httpapi.RequestOf(ctx), plain) + "/" + p.Use + "/" + p.Lesson}, err)
}

// removePass also succeeds if the pass is void already and only its session is left, because
// the media node did not answer the first time.
func (a *lessonAPI) removePass(ctx context.Context, in *passPath) (*struct{}, error) {
	gone := a.roster.RemovePass(in.ID, in.Pass)
	if gone != nil && errs.KindOf(gone) != errs.Missing {
		return nil, gone
	}
	was, err := a.peers.EndSession(ctx, in.Pass)
	if err != nil || was {
		return nil, err
	}
	return nil, gone
}
