// Package server is the cloud role: where boxes bring their facts over HTTPS, and where a
// school looks at them. It holds the login of the database; a box holds its own key only.
//
//	boxes   /v1/enrol  /v1/nonce  /v1/session      who they are
//	        /v1/state  /v1/facts  /v1/down         with a session
//	people  /  /api/...  /export/...  /import      with a token
//	others  /xapi/...  /healthz  /readyz  /metrics
//
// Any number of nodes share a database and nothing else: what a node signs, a secret in the
// database signs, so that every other one knows it.
//
// Promises:
//   - A batch is answered after it is committed. Whatever is cut may be sent again.
//   - A box that was revoked, or that nobody knows, is refused at its next request, and that
//     is logged and counted.
//   - The log and the metrics hold ids of boxes, and no name, code, token or address of a
//     database. Who has no token sees nothing but whether the node is well.
//   - A request is bounded: in bytes, in time without progress, and in how many there are at
//     once. A box has one batch at a time on a node; a newer one takes the place of one that
//     is still on its way.
//   - The node comes up without its database and serves when that is there.
package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const op = "server"

// Config says where the node is. Its zero value works.
type Config struct {
	Listen string // address; default ":8443"
	Data   string // folder for a certificate that the node makes itself
	// Cert and Key are files of a certificate; empty: one is made and kept in Data.
	Cert, Key string
	// Plain serves HTTP: a proxy before the node does the rest, and says in X-Forwarded-For
	// who asks.
	Plain bool
	// Home is the address of the cloud in xAPI statements; empty: that of the request.
	Home string
	// Batches is how many batches are stored at once; default 8.
	Batches int
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	if _, _, err := net.SplitHostPort(cmp.Or(c.Listen, defaultListen)); err != nil {
		return errs.Field(op, "listen", "bad_address", 0, `must be "host:port" or ":port": %v`, err)
	}
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return errs.Field(op, "cert", "missing", 0, "a certificate needs its key, and a key its certificate")
	case c.Plain && c.Cert != "":
		return errs.Field(op, "plain", "conflict", 0, "a certificate is of no use without HTTPS")
	case !c.Plain && c.Cert == "" && c.Data == "":
		return errs.Field(op, "data", "missing", 0, "a certificate needs a folder to be kept in")
	}
	return nil
}

const (
	defaultListen = ":8443"
	mayEnd        = 10 * time.Second // of requests under way when the node stops
)

// Server is a node of the cloud. Serve runs it.
type Server struct {
	cfg     Config
	store   *pg.Store
	log     *slog.Logger
	reg     *prometheus.Registry
	metrics *metrics
	handler http.Handler
	now     func() time.Time

	ready   chan struct{} // closed when the node listens
	once    sync.Once     // closes it
	secrets secrets
	queues  queues
	storing chan struct{} // holds one for each batch that is being stored
	exports chan struct{} // holds one for each export
	rates   rates

	mu   sync.Mutex // guards the fields below
	addr net.Addr   // nil while closed
	pin  string
}

// New makes a node and opens nothing. The store stays the caller's to close.
func New(cfg Config, store *pg.Store, log *slog.Logger, reg *prometheus.Registry) *Server {
	cfg.Listen, cfg.Batches = cmp.Or(cfg.Listen, defaultListen), cmp.Or(cfg.Batches, 8)
	s := &Server{
		cfg: cfg, store: store, log: log, reg: reg, metrics: newMetrics(reg), now: time.Now,
		ready: make(chan struct{}), storing: make(chan struct{}, cfg.Batches), exports: make(chan struct{}, 4), rates: newRates(),
	}
	s.handler = s.build()
	return s
}

// String is the service's name.
func (s *Server) String() string { return "cloud server" }

// Addr is where the node listens, and the pin of its key; both are empty while it does not.
func (s *Server) Addr() (addr, pin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == nil {
		return "", ""
	}
	return s.addr.String(), s.pin
}

func (s *Server) opened(addr net.Addr, pin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr, s.pin = addr, pin
	if addr != nil {
		s.once.Do(func() { close(s.ready) })
	}
}

// Ready is closed when the node listens for the first time.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Serve runs the node until ctx ends, and then gives requests under way a moment.
func (s *Server) Serve(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	pin := ""
	if !s.cfg.Plain {
		if ln, pin, err = s.secure(ln); err != nil {
			return err
		}
	}
	s.opened(ln.Addr(), pin)
	defer s.opened(nil, "")
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error { return s.listen(ctx, ln) })
	g.Go(s.keep)
	return g.Wait()
}

func (s *Server) listen(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler: s.handler, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 20 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		WriteTimeout: time.Minute, // those that take longer say so as they go on
		ErrorLog:     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	g := supervise.Group(ctx)
	g.Go(func(context.Context) error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return errs.New(op, errs.Down, err)
		}
		return nil
	})
	g.Go(func(ctx context.Context) error {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), mayEnd)
		defer cancel()
		if srv.Shutdown(late) != nil {
			_ = srv.Close() // those who are not done by now are cut off
		}
		return nil
	})
	return g.Wait()
}

// build is the node's mux and what stands before it.
func (s *Server) build() http.Handler {
	mux := http.NewServeMux()
	s.boxes(mux)
	s.people(mux)
	s.exported(mux)
	s.xapi(mux)
	s.operations(mux)
	return s.guard(mux)
}
