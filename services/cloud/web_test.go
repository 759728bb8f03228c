package cloud_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/server"
)

// web is a cloud role before the database of a direct, and a box's way to it over a line.
type web struct {
	*direct
	line *cloudtest.Proxy
	pin  string
}

func newWeb(t testing.TB, d *direct) *web {
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
	w := &web{direct: d}
	var addr string
	wait(t, 10*time.Second, "the cloud listens", func() bool { addr, w.pin = s.Addr(); return addr != "" })
	w.line = cloudtest.NewProxy(t, addr)
	return w
}

// Join lets the box in by a new code.
func (w *web) Join(ctx context.Context, _ string, self cloud.Self) (cloud.Link, error) {
	code, err := w.NewCode(ctx, "Hill School")
	if err != nil {
		return cloud.Link{}, err
	}
	return https.Enrol(ctx, https.FormatLink("https://"+w.line.Addr, code, w.pin), self)
}

// Open implements cloud.Way.
func (w *web) Open(_ context.Context, l cloud.Link) (cloud.Sink, func(), error) {
	c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key, Version: "1"})
	if err != nil {
		return nil, nil, err
	}
	return c, c.Close, nil
}

// Pack is of a box with a stick.
func (w *web) Pack(io.Writer, cloud.Self) (cloud.Packer, error) { return nil, errors.ErrUnsupported }
