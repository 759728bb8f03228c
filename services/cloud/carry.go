package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

// Ways out of a box.
const (
	WayHTTPS    = "https"
	WayPostgres = "postgres"
	WayStick    = "stick" // of a school with no link at all
)

// MaxReply is the size of a Reply, in bytes.
const MaxReply = 64 << 20

// Reply is what the cloud writes beside a file that it took in, for the stick's way back.
type Reply struct {
	Box         string `json:"box"`
	Incarnation uint64 `json:"incarnation,string"`
	State       State  `json:"state"`
	Page        Page   `json:"page"` // everything that was decided after the Down of the file
}

// Export writes all facts that the cloud is not known to have as a file for a stick. It may
// be written as often as one likes: the cloud takes each fact once.
func (c *Cloud) Export(ctx context.Context, w io.Writer) error {
	self, err := c.self()
	if err != nil {
		return err
	}
	p, err := c.Way.Pack(w, self)
	if err != nil {
		return err
	}
	s := load[seen](c.store, bucketLink, keySeen)
	from := uint64(0)
	if s.Incarnation == self.Incarnation {
		from = s.Pos
	}
	for look := from; ; {
		g, err := c.gather(ctx, self, from, look, batch.MaxFacts, s.Policy)
		if err != nil {
			return err
		}
		if look = g.batch.To; len(g.batch.Facts) > 0 || !g.more && look > from {
			if err := p.Add(g.batch); err != nil {
				return err
			}
			from = look
		}
		if !g.more {
			return p.Close()
		}
	}
}

// Reply takes in what the cloud wrote back. A box that was linked to nothing is then linked
// by stick.
func (c *Cloud) Reply(ctx context.Context, r io.Reader) error {
	const op = "cloud.Reply"
	reply, err := readReply(r)
	if err != nil {
		return err
	}
	self, err := c.self()
	switch {
	case err != nil:
		return err
	case reply.Box != self.Box:
		return errs.Field(op, "box", "other_box", 0, "this is for another box")
	case reply.Incarnation != self.Incarnation:
		return errs.Code(op, errs.Stale, "other_incarnation", "this is for what the box was before it was restored: export again")
	}
	if c.linked().Way == "" {
		l := Link{Way: WayStick, School: reply.State.School}
		if err := c.store.put(bucketLink, keyLink, l); err != nil {
			return err
		}
		c.become(l)
	}
	state, err := c.meet(ctx, carried{reply}, self)
	switch {
	case err == nil:
		c.moved(state.Pos)
	case !errors.Is(err, errAnew):
		return err
	}
	return c.Down.Run(ctx, carried{reply})
}

func readReply(r io.Reader) (reply Reply, err error) {
	d := json.NewDecoder(io.LimitReader(r, MaxReply))
	d.DisallowUnknownFields()
	if err := d.Decode(&reply); err != nil {
		return reply, errs.Field("cloud.Reply", "file", "unreadable", MaxReply, "not a cloud's reply: %w", err)
	}
	return reply, nil
}

// carried is a Reply as a Sink.
type carried struct{ Reply }

// State is what the cloud said when it wrote.
func (r carried) State(context.Context, Self) (State, error) {
	state := r.Reply.State
	state.Time = 0 // the time of then
	return state, nil
}

// Put cannot be: a file takes nothing.
func (carried) Put(context.Context, *batch.Batch) (Receipt, error) {
	return Receipt{}, errs.New("cloud.Reply", errs.Down, errors.ErrUnsupported)
}

// Pull gives what is in the file.
func (r carried) Pull(_ context.Context, since uint64, most int) (Page, error) {
	p := Page{Next: max(since, r.Page.Next)}
	for _, it := range r.Page.Items {
		if it.N <= since {
			continue
		}
		if len(p.Items) == most {
			p.Next, p.More = p.Items[most-1].N, true
			break
		}
		p.Items = append(p.Items, it)
	}
	return p, nil
}
