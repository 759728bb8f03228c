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
	return []media.NodeState{{Name: "media-a", Standing: media.InCharge, Load: media.Load{Watchers: 12, Path: "fast"}}, {Name: "media-b", Standing: media.Standby}}
}

func (n *twoNodes) Drain(_ context.Context, name string) error {
	if name != "media-a" {
		return errs.Code("media.Drain", errs.Missing, "no_such_node", "no such node")
	}
	n.drained = append(n.drained, name)
	return nil
}

func TestTheAdminSeesTheMediaNodesAndStartsOneAnew(t *testing.T) {
	nodes := &twoNodes{}
	r := newRig(t, func(_ *Config, d *Deps) { d.Media = nodes }).school()
	var got []media.NodeState
	r.ok("admin", "GET", "/api/admin/media", nil, &got)
	if len(got) != 2 || got[0].Standing != media.InCharge || got[0].Load.Watchers != 12 {
		t.Errorf("got %+v", got)
	}
	r.ok("admin", "POST", "/api/admin/media/media-a/drain", nil, nil)
	w := r.do(r.request("admin", "POST", "/api/admin/media/none/drain", nil))
	if b := refused(t, w); w.Code != 404 || b.Code != "no_such_node" || len(nodes.drained) != 1 {
		t.Errorf("%d %+v, drained %q", w.Code, b, nodes.drained)
	}
}
