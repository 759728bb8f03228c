package gateway

import (
	"context"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
)

// twoNodes is a box with two media nodes.
type twoNodes struct{ drained []string }

func (n *twoNodes) States() []media.NodeState {
	return []media.NodeState{{Name: "media-a", Role: media.Active, Load: media.Load{Watchers: 12, Path: "fast"}}, {Name: "media-b", Role: media.Standby}}
}

func (n *twoNodes) Drain(_ context.Context, name string) error {
	if name != "media-a" {
		return errs.NewCode("media.Drain", errs.Missing, "no_such_node", "no such node")
	}
	n.drained = append(n.drained, name)
	return nil
}

func TestTheAdminSeesTheMediaNodesAndStartsOneAnew(t *testing.T) {
	nodes := &twoNodes{}
	r := newRig(t, func(_ *Config, d *Deps) { d.Media = nodes }).school()
	var got []media.NodeState
	r.ok("admin", "GET", "/api/admin/media", nil, &got)
	if len(got) != 2 || got[0].Role != media.Active || got[0].Load.Watchers != 12 {
		t.Errorf("got %+v", got)
	}
	r.ok("admin", "POST", "/api/admin/media/media-a/drain", nil, nil)
	w := r.do(r.request("admin", "POST", "/api/admin/media/none/drain", nil))
	if b := readRefusal(t, w); w.Code != 404 || b.Code != "no_such_node" || len(nodes.drained) != 1 {
		t.Errorf("%d %+v, drained %q", w.Code, b, nodes.drained)
	}
}
