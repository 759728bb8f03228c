package cloud

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

// Ways out of a box.
const (
	WayHTTPS    = "https"
	WayPostgres = "postgres"
	WayStick    = "stick" // for a school without a network
)

// MaxReply is the largest size of a Reply, in bytes.
const MaxReply = 64 << 20

// Reply is the cloud's answer to an imported file. A USB stick carries it back to the box.
type Reply struct {
	Box         string `json:"box"`
	Incarnation uint64 `json:"incarnation,string"`
	State       State  `json:"state"`
	Page        Page   `json:"page"` // all items after the Down of the file
}

// Export writes all facts that the cloud may not have as a file for a USB stick. Writing it twice
// is harmless: the cloud stores each fact once.
func (c *Cloud) Export(ctx context.Context, w io.Writer) error {
	self, err := c.describeSelf()
	if err != nil {
		return err
	}
	key, err := c.stickKey()
	if err != nil {
		return err
	}
	p, err := c.Transport.Pack(w, self, key)
	if err != nil {
		return err
	}
	s := loadValue[rememberedState](c.store, bucketLink, keySeen)
	from := uint64(0)
	if s.Incarnation == self.Incarnation {
		from = s.Pos
	}
	for look := from; ; {
		g, err := c.buildBatch(ctx, self, from, look, batch.MaxFacts, s.Policy)
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

// stickKey returns the key that signs files: the one that the cloud knows from the link, or one that
// the box makes for its first file.
func (c *Cloud) stickKey() (ed25519.PrivateKey, error) {
	if seed := c.currentLink().Key; len(seed) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(seed), nil
	}
	var seed []byte
	err := c.store.writeTx("cloud.stickKey", func(tx *checkedkv.Tx) (err error) {
		if seed, err = checkedkv.Get[[]byte](tx, bucketKeys, keyStick); err == nil && len(seed) == ed25519.SeedSize {
			return nil
		}
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		seed = key.Seed()
		return checkedkv.Put(tx, bucketKeys, keyStick, seed)
	})
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// ImportReply applies the cloud's reply. A box without a link is linked by USB stick from then
// on.
func (c *Cloud) ImportReply(ctx context.Context, r io.Reader) error {
	const op = "cloud.ImportReply"
	reply, err := readReply(r)
	if err != nil {
		return err
	}
	self, err := c.describeSelf()
	switch {
	case err != nil:
		return err
	case reply.Box != self.Box:
		return errs.NewField(op, "box", "other_box", 0, "the reply is for another box")
	case reply.Incarnation != self.Incarnation:
		return errs.NewCode(op, errs.Stale, "other_incarnation", "the box was restored after the export: export again")
	}
	if c.currentLink().Way == "" {
		l := Link{Way: WayStick, School: reply.State.School}
		if err := c.store.putValue(bucketLink, keyLink, l); err != nil {
			return err
		}
		c.setLink(l)
	}
	state, err := c.handshake(ctx, replySink{reply}, self)
	switch {
	case err == nil:
		c.setSent(state.Pos)
	case !errors.Is(err, errRestartSession):
		return err
	}
	return c.Down.PullAll(ctx, replySink{reply})
}

func readReply(r io.Reader) (reply Reply, err error) {
	d := json.NewDecoder(io.LimitReader(r, MaxReply))
	d.DisallowUnknownFields()
	if err := d.Decode(&reply); err != nil {
		return reply, errs.NewField("cloud.ImportReply", "file", "unreadable", MaxReply, "not a reply of the cloud: %w", err)
	}
	return reply, nil
}

// replySink serves a Reply as a Sink.
type replySink struct{ Reply }

// State returns the cloud's state at the time of the reply.
func (r replySink) State(context.Context, Self) (State, error) {
	state := r.Reply.State
	state.Time = 0 // the time of the reply is past
	return state, nil
}

// Put fails: a file takes no batch.
func (replySink) Put(context.Context, *batch.Batch) (Receipt, error) {
	return Receipt{}, errs.New("cloud.ImportReply", errs.Down, errors.ErrUnsupported)
}

// Pull returns the items of the reply.
func (r replySink) Pull(_ context.Context, since uint64, most int) (Page, error) {
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
