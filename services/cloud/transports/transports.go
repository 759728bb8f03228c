// Package transports chooses the transport from a box to its cloud by the link that an admin gave:
// PostgreSQL, HTTPS or a file on a USB stick. Package firmware gives Transports to the cloud client.
package transports

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/url"
	"strings"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
)

// Transports opens the transports of a box to its cloud.
type Transports struct {
	Version string
	Proxy   string // "http://host:port", empty for none

	AllowPrivate bool // also connect to addresses of the local network: cloud.allow_private
}

// newDialer returns the dialer for a link. A link from before the dialer looked at addresses goes
// where it went, so that no box falls silent with an update.
func (w Transports) newDialer(guarded bool) *egress.Dialer {
	d := &egress.Dialer{Setting: "cloud.allow_private", Field: "link"}
	if w.AllowPrivate || !guarded {
		d.Reach = egress.Local
	}
	return d
}

// Join lets the box in at a cloud, or looks whether a database takes it.
func (w Transports) Join(ctx context.Context, link string, self cloud.Self) (cloud.Link, error) {
	if !strings.HasPrefix(link, cloud.WayPostgres) {
		l, err := https.Enrol(ctx, link, self, https.Config{Proxy: w.Proxy, Egress: w.newDialer(true)})
		l.Guarded = true
		return l, err
	}
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return cloud.Link{}, errs.NewField("cloud.Link", "link", "bad_address", 0, "must be like postgres://user:password@host/database")
	}
	l := cloud.Link{Way: cloud.WayPostgres, Box: self.Box, Where: u.Host, URL: link, Guarded: true}
	sink, done, err := w.Open(ctx, l)
	if err != nil {
		return l, err
	}
	defer done()
	state, err := sink.State(ctx, self)
	l.School = state.School
	return l, err
}

// Open gives the way out of a link.
func (w Transports) Open(ctx context.Context, l cloud.Link) (cloud.Sink, func(), error) {
	switch l.Way {
	case cloud.WayPostgres:
		store, err := pg.OpenWith(ctx, l.URL, w.newDialer(l.Guarded).DialContext)
		if err != nil {
			return nil, nil, err
		}
		return store.DirectSink(l.Box), store.Close, nil
	default:
		c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key, Version: w.Version, Proxy: w.Proxy, Egress: w.newDialer(l.Guarded)})
		if err != nil {
			return nil, nil, err
		}
		return c, c.Close, nil
	}
}

// Pack begins a file for a stick.
func (Transports) Pack(w io.Writer, self cloud.Self, key ed25519.PrivateKey) (cloud.Packer, error) {
	return usbfile.NewWriter(w, self, key)
}
