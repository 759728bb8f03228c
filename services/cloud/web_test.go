package cloud_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/timetest"
)

// webLink is a cloud role on the database of a directLink, and a way to it for a box over a bad line.
type webLink struct {
	*directLink
	line *cloudtest.Proxy
	pin  string
}

func newWebLink(t testing.TB, d *directLink) *webLink {
	t.Helper()
	s := server.New(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}, d.Store, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	w := &webLink{directLink: d}
	var addr string
	waitFor(t, timetest.Patience, "the cloud listens", func() bool { addr, w.pin = s.Addr(); return addr != "" })
	w.line = cloudtest.NewProxy(t, addr)
	return w
}

// Join enrols the box with a new code.
func (w *webLink) Join(ctx context.Context, _ string, self cloud.Self) (cloud.Link, error) {
	code, err := w.NewCode(ctx, "Hill School")
	if err != nil {
		return cloud.Link{}, err
	}
	return https.Enrol(ctx, https.FormatLink("https://"+w.line.Addr, code, w.pin), self, https.Config{})
}

// Open implements cloud.Transport.
func (w *webLink) Open(_ context.Context, l cloud.Link) (cloud.Sink, func(), error) {
	c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key, Version: "1"})
	if err != nil {
		return nil, nil, err
	}
	return c, c.Close, nil
}

// Pack fails, because the box has a network.
func (w *webLink) Pack(io.Writer, cloud.Self, ed25519.PrivateKey) (cloud.Packer, error) {
	return nil, errors.ErrUnsupported
}
