package server_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/errs"
)

func TestHTTPSIsASink(t *testing.T) {
	cloudtest.TestSink(t, func(t *testing.T) cloudtest.Fixture {
		r := newRig(t)
		r.Open = func(box string) cloud.Sink { return r.enrolBox(box) }
		return r.Fixture
	})
}

func TestAStickIsASink(t *testing.T) {
	cloudtest.TestSink(t, func(t *testing.T) cloudtest.Fixture {
		f := cloudtest.NewFixture(t)
		f.Carried = true
		f.Open = func(box string) cloud.Sink { return &stickSink{t, f, box, 1} }
		return f
	})
}

// stickSink sends each batch in a USB stick file and reads the reply.
type stickSink struct {
	t   *testing.T
	f   cloudtest.Fixture
	box string
	inc uint64
}

// carryStick imports a file with some batches.
func (c *stickSink) carryStick(ctx context.Context, self cloud.Self, list ...*batch.Batch) (usbfile.Report, cloud.Reply, error) {
	var file bytes.Buffer
	w, err := usbfile.NewWriter(&file, self, cloudtest.StickKey(self.Box))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range list {
		if err := w.Add(b); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	in, err := usbfile.NewReader(&file)
	if err != nil {
		c.t.Fatal(err)
	}
	return server.ImportStick(ctx, c.f.Store, server.StickOptions{School: cloudtest.School}, in)
}

func (c *stickSink) State(ctx context.Context, self cloud.Self) (cloud.State, error) {
	c.inc = self.Incarnation
	_, reply, err := c.carryStick(ctx, self)
	return reply.State, err
}

func (c *stickSink) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	rep, reply, err := c.carryStick(ctx, cloudtest.NewSelf(b.Box, b.Incarnation, b.To), b)
	r := cloud.Receipt{Pos: reply.State.Pos, Stored: rep.Stored, Known: rep.Known}
	if rep.Dead > 0 {
		r.Dead = reply.State.Dead
	}
	return r, err
}

func (c *stickSink) Pull(ctx context.Context, since uint64, most int) (cloud.Page, error) {
	_, reply, err := c.carryStick(ctx, cloudtest.NewSelf(c.box, c.inc, 0))
	if err != nil {
		return cloud.Page{}, err
	}
	p := cloud.Page{Next: max(since, reply.Page.Next)}
	for _, it := range reply.Page.Items {
		if it.N > since && len(p.Items) == most {
			p.Next, p.More = p.Items[most-1].N, true
			break
		} else if it.N > since {
			p.Items = append(p.Items, it)
		}
	}
	return p, nil
}

func TestAForeignBoxIsRefusedAndLogged(t *testing.T) {
	r := newRig(t)
	r.enrolBox("b1")
	for name, cfg := range map[string]https.Config{
		"one that nobody knows": {Box: "b9", Key: newKey(t)},
		"one with another key":  {Box: "b1", Key: newKey(t)},
	} {
		_, err := r.newClient(cfg).State(t.Context(), cloudtest.NewSelf(cfg.Box, 1, 0))
		if b := errs.BodyOf(err); b.Reason != "denied" || b.Code != cloud.CodeStranger {
			t.Errorf("%s: got %v", name, err)
		}
		r.checkLogged(t, cfg.Box, cloud.CodeStranger)
	}
	if n := r.readMetric(t, `livelearn_cloud_refusals_total{code="stranger"}`); n != 2 {
		t.Errorf("%v refusals were counted", n)
	}
}

func TestARevokedBoxIsRefusedAtItsNextRequestAndLogged(t *testing.T) {
	r := newRig(t)
	c := r.enrolBox("b1")
	if _, err := c.State(t.Context(), cloudtest.NewSelf("b1", 1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := r.Store.RevokeBox(t.Context(), "b1"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Put(t.Context(), cloudtest.LessonFacts("b1", 1, 0, 3)) // opens a session
	if b := errs.BodyOf(err); b.Code != cloud.CodeRevoked {
		t.Errorf("got %v", err)
	}
	r.checkLogged(t, "b1", cloud.CodeRevoked)
	if n := r.readMetric(t, `livelearn_cloud_refusals_total{code="revoked"}`); n != 1 {
		t.Errorf("%v refusals were counted", n)
	}
}
