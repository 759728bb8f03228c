package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/health"
)

func (g *Gateway) historyAPI(api huma.API) {
	add(g, api, http.MethodGet, "/api/admin/history", "history", "How the box was doing in the last hour", admin,
		func(context.Context, *struct{}) (*body[health.Samples], error) {
			return &body[health.Samples]{g.History.History()}, nil
		})
}
