package adminapi

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/media"
)

// Media controls the media nodes.
type Media interface {
	States() []media.NodeState
	// Drain moves all sessions of a node to the other node and restarts it.
	Drain(ctx context.Context, node string) error
}

type nodePath struct {
	Node string `path:"node" maxLength:"64" doc:"The node's name."`
}

func (a *mediaAPI) registerMedia(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, "/api/admin/media", "media", "The media nodes: who is in charge, and how busy they are", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[[]media.NodeState], error) {
			if a.media == nil {
				return &httpapi.Body[[]media.NodeState]{Body: []media.NodeState{}}, nil
			}
			return &httpapi.Body[[]media.NodeState]{Body: a.media.States()}, nil
		})
	httpapi.Add(ops, http.MethodPost, "/api/admin/media/{node}/drain", "drainMedia",
		"Start a media node anew without a gap: everybody moves to the other one first, for which there are 5 seconds", httpapi.Admin, a.drainMedia)
}

// drainMedia continues when the page of the admin is closed, because half a move helps no
// client.
func (a *mediaAPI) drainMedia(ctx context.Context, in *nodePath) (*struct{}, error) {
	if a.media == nil {
		return nil, errs.NewCode("gateway.drainMedia", errs.Missing, "no_such_node", "this box carries no pictures and no sound")
	}
	return nil, a.media.Drain(context.WithoutCancel(ctx), in.Node)
}
