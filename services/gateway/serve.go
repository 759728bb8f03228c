package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

// grace is how long requests under way get when the box stops.
const grace = 3 * time.Second

// Child runs the gateway. It is ready when it listens. Sockets are the sessions' to close.
func (g *Gateway) Child() supervise.Child {
	return supervise.Child{ID: "gateway", Start: g.serve}
}

// Serve runs the gateway until ctx ends.
func (g *Gateway) Serve(ctx context.Context) error { return g.serve(ctx, func() {}) }

func (g *Gateway) serve(ctx context.Context, ready func()) error {
	g.conns.reset()
	plain, err := g.d.Listen(g.cfg.HTTP)
	if err != nil {
		return errs.New("gateway", errs.Down, err)
	}
	tasks := supervise.Group(ctx)
	g.open(tasks, plain, nil)
	secure := g.listenTLS()
	if secure == nil {
		g.setAddrs(plain.Addr().String(), "")
	} else {
		g.open(tasks, secure, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: g.identity.certificate})
		tasks.Go(g.identity.keep)
		g.setAddrs(plain.Addr().String(), secure.Addr().String())
	}
	ready()
	err = tasks.Wait()
	g.setAddrs("", "")
	return err
}

// listenTLS opens the door of HTTPS, or says why it stays shut. The box goes on without.
func (g *Gateway) listenTLS() net.Listener {
	if g.cfg.HTTPS == off {
		g.d.Health.Clear("https")
		return nil
	}
	err := g.identity.refresh()
	if err == nil {
		var l net.Listener
		if l, err = g.d.Listen(g.cfg.HTTPS); err == nil {
			g.d.Health.Set("https", health.OK, "", "")
			return l
		}
	}
	g.log.Warn("no HTTPS", "err", err)
	g.d.Health.Set("https", health.Warn, "no_https", err.Error())
	return nil
}

// open serves a listener until the tasks end. secure is nil for plain HTTP.
func (g *Gateway) open(tasks *supervise.Tasks, l net.Listener, secure *tls.Config) {
	s := &http.Server{
		Handler:           g.handler,
		TLSConfig:         secure,
		ReadHeaderTimeout: g.cfg.Header,
		ReadTimeout:       g.cfg.Read,
		WriteTimeout:      g.cfg.Write,
		IdleTimeout:       g.cfg.Idle,
		MaxHeaderBytes:    16 << 10,
		ConnState:         g.conns.state,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	tasks.Go(func(context.Context) error {
		var err error
		if secure == nil {
			err = s.Serve(l)
		} else {
			err = s.ServeTLS(l, "", "")
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return errs.New("gateway", errs.Down, err)
	})
	tasks.Go(func(ctx context.Context) error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := s.Shutdown(last); err != nil {
			_ = s.Close() // those who are not done by now are cut off
		}
		return nil
	})
}
