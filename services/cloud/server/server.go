// Package server is the cloud role. Boxes bring their facts to it over HTTPS, and schools view
// them. It holds the database's login. A box holds only its own key.
//
//	boxes   /v1/enrol  /v1/nonce  /v1/session      authentication
//	        /v1/state  /v1/facts  /v1/down         with a session
//	people  /  /box  /updates  /audit  ...         with a session of an operator
//	        /api/...  /export/...  /import         with a token; the first two with a session too
//	others  /xapi/...  /healthz  /readyz  /metrics
//
// Any number of nodes share a database and nothing else. They sign with a secret of the database,
// so each node accepts the signatures of the others.
//
// Promises:
//   - A batch is answered after its commit. Anything that was cut may be sent again.
//   - A revoked or unknown box is refused at its next request. The refusal is logged and counted.
//   - The log and the metrics contain ids of boxes, but no name, code, token or database address.
//     A client without a token sees only whether the node works.
//   - Requests are limited in size, in time without progress and in number. A box has one batch
//     at a time on a node. A newer batch replaces one that is still being received.
//   - The node starts without its database, and serves when the database is up.
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

	"github.com/livelearn/box/services/certfile"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

const op = "server"

// Config holds the addresses and limits of a node. Its zero value works with Data set.
type Config struct {
	Listen string // address, default ":8443"
	Data   string // folder for the self-signed certificate
	// Cert and Key are files of a certificate. Empty means a self-signed one in Data.
	Cert, Key string
	// Plain serves HTTP behind a proxy, which ends TLS and sets X-Forwarded-For.
	Plain bool
	// Home is the cloud's address in xAPI statements. Empty means the address of the request.
	Home string
	// Batches is the number of batches stored at once, default 8.
	Batches int
}

// Validate refuses combinations that cannot work.
func (c Config) Validate() error {
	if _, _, err := net.SplitHostPort(cmp.Or(c.Listen, defaultListen)); err != nil {
		return errs.NewField(op, "listen", "bad_address", 0, `must be "host:port" or ":port": %v`, err)
	}
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return errs.NewField(op, "cert", "missing", 0, "a certificate needs its key, and a key its certificate")
	case c.Plain && c.Cert != "":
		return errs.NewField(op, "plain", "conflict", 0, "a certificate has no use with plain HTTP")
	case !c.Plain && c.Cert == "" && c.Data == "":
		return errs.NewField(op, "data", "missing", 0, "a self-signed certificate needs a folder")
	}
	return nil
}

const (
	defaultListen   = ":8443"
	shutdownTimeout = 10 * time.Second // for running requests when the node stops
)

// Server is a node of the cloud. Serve runs it.
type Server struct {
	cfg     Config
	store   *pg.Store
	log     *slog.Logger
	reg     *prometheus.Registry
	metrics *metrics
	handler http.Handler

	patterns []string // of the handler
	now      func() time.Time

	ready       chan struct{} // closed when the node listens
	once        sync.Once     // closes it
	signingKey  signingKey
	turns       boxTurns
	storeSlots  chan struct{} // holds a token per batch being stored
	exportSlots chan struct{} // holds a token per running export
	hashSlots   chan struct{} // holds a token per password that is being compared
	limits      rateLimits

	mu    sync.Mutex // guards the fields below
	addr  net.Addr   // nil while the node does not listen
	pin   string
	certs *certfile.Source // nil with plain HTTP
}

// New makes a node. It opens nothing, and the caller closes the store.
func New(cfg Config, store *pg.Store, log *slog.Logger, reg *prometheus.Registry) *Server {
	cfg.Listen, cfg.Batches = cmp.Or(cfg.Listen, defaultListen), cmp.Or(cfg.Batches, 8)
	s := &Server{
		cfg: cfg, store: store, log: log, reg: reg, metrics: newMetrics(reg), now: time.Now,
		ready: make(chan struct{}), storeSlots: make(chan struct{}, cfg.Batches), exportSlots: make(chan struct{}, 4), hashSlots: make(chan struct{}, 4), limits: newRateLimits(),
	}
	if reg != nil {
		reg.MustRegister(&boxCollector{store: store}, &pushCollector{store: store})
	}
	s.handler = s.buildHandler()
	return s
}

// String returns the service's name.
func (s *Server) String() string { return "cloud server" }

// Addr returns the node's address and the pin of its key. Both are empty while it does not listen.
func (s *Server) Addr() (addr, pin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == nil {
		return "", ""
	}
	return s.addr.String(), s.pin
}

func (s *Server) setAddr(addr net.Addr, pin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr, s.pin = addr, pin
	if addr != nil {
		s.once.Do(func() { close(s.ready) })
	}
}

// Ready returns a channel that is closed when the node first listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Serve runs the node until ctx ends, and then waits shutdownTimeout for running requests.
func (s *Server) Serve(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	pin := ""
	if !s.cfg.Plain {
		if ln, pin, err = s.wrapTLS(ln); err != nil {
			return err
		}
	}
	s.setAddr(ln.Addr(), pin)
	defer s.setAddr(nil, "")
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error { return s.serveHTTP(ctx, ln) })
	g.Go(s.runMaintenance)
	return g.Wait()
}

func (s *Server) serveHTTP(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler: s.handler, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 20 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		WriteTimeout: time.Minute, // longer answers extend it
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
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if srv.Shutdown(late) != nil {
			_ = srv.Close() // cut off the remaining requests
		}
		return nil
	})
	return g.Wait()
}

// buildHandler returns the mux with its guards.
func (s *Server) buildHandler() http.Handler {
	mux := &routes{ServeMux: http.NewServeMux()}
	s.boxRoutes(mux)
	s.operatorRoutes(mux)
	s.peopleRoutes(mux)
	s.exportRoutes(mux)
	s.xapiRoutes(mux)
	s.opsRoutes(mux)
	s.documentRoutes(mux)
	s.patterns = mux.patterns
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.writeError(w, r, errs.NewCode(op, errs.Denied, "cross_origin", "the request comes from a page of another site"))
	}))
	return s.withGuards(cross.Handler(mux))
}
