package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// Media is the media nodes, for the admin.
type Media interface {
	States() []media.NodeState
	// Drain empties a node while another carries on, and starts it anew.
	Drain(ctx context.Context, node string) error
}

type nodePath struct {
	Node string `path:"node" maxLength:"64" doc:"The node's name."`
}

func (g *Gateway) mediaAPI(api huma.API) {
	add(g, api, http.MethodGet, "/api/admin/media", "media", "The media nodes: who is in charge, and how busy they are", admin,
		func(context.Context, *struct{}) (*body[[]media.NodeState], error) {
			if g.Media == nil {
				return &body[[]media.NodeState]{[]media.NodeState{}}, nil
			}
			return &body[[]media.NodeState]{g.Media.States()}, nil
		})
	add(g, api, http.MethodGet, "/api/media", "capacity", "How many can watch pictures, and how many do", staff, g.capacity)
	add(g, api, http.MethodPost, "/api/admin/media/{node}/drain", "drainMedia",
		"Start a media node anew without a gap: everybody moves to the other one first, for which there are 5 seconds", admin, g.drainMedia)
}

// mediaRoom is what is told of the node in charge before a class.
type mediaRoom struct {
	Ready    bool `json:"ready"`    // pictures and sound are carried
	Capacity int  `json:"capacity"` // watchers of one picture, by the measurement at its start
	Watchers int  `json:"watchers"`
}

func (g *Gateway) capacity(context.Context, *struct{}) (*body[mediaRoom], error) {
	var m mediaRoom
	if g.Media == nil {
		return &body[mediaRoom]{m}, nil
	}
	for _, n := range g.Media.States() {
		if n.Standing == media.InCharge {
			m = mediaRoom{Ready: true, Capacity: n.Load.Capacity, Watchers: n.Load.Watchers}
		}
	}
	return &body[mediaRoom]{m}, nil
}

// drainMedia goes on when the admin's page is closed: half a move helps nobody.
func (g *Gateway) drainMedia(ctx context.Context, in *nodePath) (*struct{}, error) {
	if g.Media == nil {
		return nil, errs.Code("gateway.drainMedia", errs.Missing, "no_such_node", "this box carries no pictures and no sound")
	}
	return nil, g.Media.Drain(context.WithoutCancel(ctx), in.Node)
}
