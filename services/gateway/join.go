package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

// Ref is how a pupil names a lesson.
type Ref struct {
	Code string `json:"code,omitempty" doc:"Six digits."`
	Key  string `json:"key,omitempty" doc:"From the link in the QR code."`
}

type joinIn struct {
	Ref
	Pupil string `json:"pupil,omitempty" doc:"The pupil's id, from look."`
	Card  string `json:"card,omitempty" doc:"From the link on a pupil's card, instead of all the others."`
}

type lookOut struct {
	Lesson struct {
		ID        string `json:"id"`
		Title     string `json:"title"`
		ClassName string `json:"className"`
	} `json:"lesson"`
	Names []roster.Name `json:"names"`
}

func (g *Gateway) joinAPI(api huma.API) {
	add(g, api, http.MethodPost, "/api/join/look", "look", "The lesson under a code, and its names", anybody, g.look)
	add(g, api, http.MethodPost, "/api/join", "join", "Take your name in a lesson", anybody, g.join)
}

// byCode runs f under the limit on guessing codes. The key in a link has 64 random bits
// and needs none.
func (g *Gateway) byCode(ctx context.Context, r Ref, f func() error) error {
	if r.Code == "" {
		return f()
	}
	return g.guessed(ctx, "join", g.keys(ctx), "no_lesson", f)
}

func (g *Gateway) look(ctx context.Context, in *body[Ref]) (out *body[lookOut], err error) {
	err = g.byCode(ctx, in.Body, func() error {
		l, names, err := g.Roster.Look(roster.Ref(in.Body), callerOf(ctx).token)
		if err != nil {
			return err
		}
		out = &body[lookOut]{}
		out.Body.Names = names
		out.Body.Lesson.ID, out.Body.Lesson.Title, out.Body.Lesson.ClassName = l.ID, l.Title, l.ClassName
		return nil
	})
	return out, err
}

func (g *Gateway) join(ctx context.Context, in *body[joinIn]) (out *signedIn, err error) {
	switch {
	case in.Body.Card != "":
		return g.joinCard(ctx, in.Body.Card)
	case in.Body.Pupil == "":
		return nil, errs.Field("gateway.join", "pupil", "missing", 0, "say who you are")
	}
	err = g.byCode(ctx, in.Body.Ref, func() error {
		p, token, freed, err := g.Roster.Join(roster.Ref(in.Body.Ref), in.Body.Pupil, callerOf(ctx).token)
		if err != nil {
			return err
		}
		if freed != "" {
			g.Sessions.Kick(freed, "", "this device joined under another name")
		}
		out = g.signIn(ctx, p, token)
		return nil
	})
	return out, err
}

// writef prints into a builder, which never fails.
func writef(b *strings.Builder, format string, args ...any) { fmt.Fprintf(b, format, args...) }
