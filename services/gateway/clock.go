package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
)

// clockState is the box's time as the pages know it.
type clockState struct {
	Now     int64 `json:"now" doc:"Milliseconds since 1970."`
	Trusted bool  `json:"trusted" doc:"It comes from a time server or from a teacher's browser."`
}

func (g *Gateway) clockAPI(api huma.API) {
	add(g, api, http.MethodPost, "/api/clock", "setClock", "Tell the box the time, if it does not know better", staff, g.setClock)
}

func (g *Gateway) clock() clockState {
	s := g.Clock.Now()
	return clockState{s.Wall, s.Trusted}
}

type clockIn struct {
	Now int64 `json:"now" doc:"Milliseconds since 1970, by the caller's clock."`
}

func (g *Gateway) setClock(ctx context.Context, in *body[clockIn]) (*body[clockState], error) {
	const op = "clock.set"
	before := g.Clock.Now()
	err := g.Clock.Set(in.Body.Now)
	switch {
	case errors.Is(err, event.ErrTrusted):
		return nil, errs.Code(op, errs.Stale, "clock_trusted", "%w", err)
	case errors.Is(err, event.ErrRange):
		return nil, errs.Field(op, "now", "out_of_range", event.Latest, "%w", err)
	case err != nil:
		return nil, err
	}
	now := g.Clock.Now()
	g.Log.Info("clock set by a teacher", "user", callerOf(ctx).User, "by_ms", now.Wall-before.Wall)
	g.Health.Set("clock", health.OK, "", "")
	return &body[clockState]{clockState{now.Wall, now.Trusted}}, nil
}
