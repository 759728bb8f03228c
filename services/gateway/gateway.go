// Package gateway is the box's door: pages, the HTTP API, the lesson socket.
//
// It owns the listeners, finds out who is asking, and hands on: to the roster, to the
// rooms, to the sessions. It decides nothing about a lesson.
//
//	listener (at most PerIP connections an address)
//	  -> crash (a panic is a 500 and a report)
//	  -> headers (CSP and its like) -> host (allow-list: 421) -> cross-origin writes: 403
//	  -> ServeMux: pages, assets, /healthz /readyz /metrics, /socket/websocket, /api (huma)
//
// Promises: plain HTTP is enough to join, chat and answer; HTTPS stands beside it with a
// certificate of the box's own authority. No handler logs a name, a PIN, a code or a
// token. A body is at most 256 KiB of JSON, but for quizzes and uploads. An error says
// which field is at fault.
package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/intake"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
)

// Config says where the door is. Its zero value works.
type Config struct {
	HTTP  string   // address of plain HTTP; default ":8080"
	HTTPS string   // address of HTTPS; default ":8443"; "off": none
	Hosts []string // names that the box answers to, beside IP addresses, localhost and livelearn.local
	PerIP int      // connections from one address at once; default 128: a class may sit behind one router
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	c.HTTP, c.HTTPS, c.PerIP = cmp.Or(c.HTTP, ":8080"), cmp.Or(c.HTTPS, ":8443"), cmp.Or(c.PerIP, 128)
	return c
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	for field, addr := range map[string]string{"gateway.http": c.HTTP, "gateway.https": c.HTTPS} {
		if _, _, err := net.SplitHostPort(addr); err != nil && addr != "off" {
			return errs.Field("gateway.Config", field, "bad_address", 0, `must be "host:port" or ":port": %v`, err)
		}
	}
	if c.PerIP < 1 {
		return errs.Field("gateway.Config", "gateway.per_ip", "too_small", 1, "must be at least 1")
	}
	return nil
}

// Deps is what the gateway hands on to.
type Deps struct {
	Roster   *roster.Roster
	Rooms    *room.Rooms
	Sessions *session.Hub
	Health   *health.Health
	History  *health.History
	Clock    *event.Clock
	Jobs     *jobs.Jobs
	Library  *library.Library
	Reports  *supervise.Reports
	Tree     func() supervise.Status                                    // everything that runs
	LogTail  func() []string                                            // the last lines of the log
	Backup   func(io.Writer) error                                      // writes a whole backup
	Export   func(ctx context.Context, pupil string, w io.Writer) error // writes all that is known of a pupil
	// Intake reads a class list in a process of its own.
	Intake  func(ctx context.Context, name string, data []byte) (intake.Table, error)
	WHIP    whip.Node // carries what encoders publish and players watch; nil: 503 no_media
	Media   Media     // nil: this box has no nodes
	Update  Update    // nil: this machine has one system only
	Machine Machine   // nil: this box is a program on somebody's machine
	Cloud   Cloud     // nil: nothing leaves this box
	Pages   fs.FS     // the built pages: index.html and assets/
	Metrics *prometheus.Registry
	Log     *slog.Logger
	Version string
	Data    string // folder for the box's own certificates
	Results string // folder with a folder of results for each lesson

	Capsule    Capsule // makes what was recorded of a lesson fit to be seen
	Recordings string  // folder with a folder for each recorded lesson
	// Captive answers those who look for the internet on a network of the box's own; nil: the
	// box is on no such network.
	Captive func(http.Handler) http.Handler
	// Listen opens a listener; nil: net.Listen on TCP.
	Listen func(addr string) (net.Listener, error)
}

// Gateway is the door. Serve opens it.
type Gateway struct {
	Deps
	cfg     Config
	handler http.Handler
	guesses guesses
	door    *whip.Door    // for encoders and players
	reading chan struct{} // holds one while a class list is read: each takes much memory
	serving chan struct{} // holds one for each neighbour that gets an update from here

	mu          sync.Mutex // guards the fields below
	http, https net.Addr   // nil while closed
}

// New builds the door and opens nothing.
func New(cfg Config, deps Deps) *Gateway {
	g := &Gateway{Deps: deps, cfg: cfg.WithDefaults(), guesses: newGuesses(), reading: make(chan struct{}, 1)}
	if g.Listen == nil {
		g.Listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	g.door = whip.New(g.WHIP, g.passGrant, g.Log)
	g.handler = g.build()
	return g
}

// String is the service's name.
func (g *Gateway) String() string { return "gateway" }

// Child is the gateway under supervision: ready when it listens.
func (g *Gateway) Child() supervise.Child {
	return supervise.Child{ID: "gateway", Start: g.serve, Backoff: supervise.Backoff{Min: time.Second, Max: 30 * time.Second}}
}

// Addrs is where the door is open: host and port of plain HTTP and of HTTPS, each empty
// while it is closed.
func (g *Gateway) Addrs() (plain, secure string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.http != nil {
		plain = g.http.String()
	}
	if g.https != nil {
		secure = g.https.String()
	}
	return plain, secure
}

func (g *Gateway) serve(ctx context.Context, ready func()) error {
	ln, err := g.Listen(g.cfg.HTTP)
	if err != nil {
		return errs.New("gateway", errs.Down, err)
	}
	group := supervise.Group(ctx)
	defer g.closed()
	plain := g.server()
	g.opened(ln.Addr(), nil)
	group.Go(func(ctx context.Context) error { return run(ctx, plain, limited(ln, g.cfg.PerIP)) })
	group.Go(g.watchPasses)
	if g.cfg.HTTPS != "off" {
		g.secure(group)
	}
	ready()
	return group.Wait()
}

// secure opens HTTPS. Without it the box still holds lessons, so a fault here is a
// health warning and not the end.
func (g *Gateway) secure(group interface {
	Go(func(context.Context) error)
},
) {
	ln, err := g.Listen(g.cfg.HTTPS)
	if err != nil {
		g.warnTLS(err)
		return
	}
	names := slices.Clone(g.cfg.Hosts)
	if name := g.localName(); name != "" {
		names = append(names, name)
	}
	auth, err := newAuthority(g.Data, names)
	if err != nil {
		_ = ln.Close()
		g.warnTLS(err)
		return
	}
	g.Health.Set("https", health.OK, "", "")
	g.opened(nil, ln.Addr())
	srv := g.server()
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: auth.certificate, NextProtos: []string{"http/1.1"}}
	group.Go(func(ctx context.Context) error {
		return run(ctx, srv, tls.NewListener(limited(ln, g.cfg.PerIP), conf))
	})
}

func (g *Gateway) warnTLS(err error) {
	g.Log.Warn("no https: cameras and microphones stay off", "err", err)
	g.Health.Set("https", health.Warn, "https_off", err.Error())
}

func (g *Gateway) server() *http.Server {
	return &http.Server{
		Handler: g.handler, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		WriteTimeout: time.Minute, // a lesson socket has none: hijacking clears it
		ErrorLog:     slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
	}
}

// run serves until ctx ends and then gives requests under way a moment. Nothing of it
// runs any more when it returns.
func run(ctx context.Context, srv *http.Server, ln net.Listener) error {
	tasks := supervise.Group(ctx)
	tasks.Go(func(context.Context) error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return errs.New("gateway", errs.Down, err)
		}
		return nil
	})
	tasks.Go(func(ctx context.Context) error {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(late) != nil {
			_ = srv.Close() // those who are not done by now are cut off
		}
		return nil
	})
	return tasks.Wait()
}

func (g *Gateway) opened(plain, secure net.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if plain != nil {
		g.http = plain
	}
	if secure != nil {
		g.https = secure
	}
}

func (g *Gateway) closed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.http, g.https = nil, nil
}
