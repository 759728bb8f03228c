// Package gateway is the door of the box: the listeners, who may come through, the HTTP
// API, the pages and the way to the lesson socket.
//
// A request passes these layers, outermost first:
//
//	guarded     a panic becomes a 500 and a crash report
//	counted     metrics, one debug line
//	headers     CSP and the rest
//	hostGuard   a name that is not the box's: 421 (DNS rebinding)
//	sameOrigin  writes that another site started: 403 (CSRF)
//	bounded     bodies: JSON only, at most Config.Body bytes
//	called      who asks, from the cookie or the bearer token
//	mux         API (huma), socket, probes, pages
//
// Promises:
//   - Every operation of the API has one line that says who may call it (see route); the
//     role comes from the server's own records.
//   - Every refusal is application/problem+json with the fields of errs.Body; bad input
//     names the field and the limit.
//   - Guessing codes and PINs is limited by device, address and box, and a PIN by name.
//     The device that a teacher has signed in on before is not locked out by others.
//   - Tokens, PINs, codes, keys and names of people never reach the log: it holds route
//     patterns and ids.
//   - Plain HTTP is always there. HTTPS stands beside it with a certificate of the box's
//     own authority; if it cannot, health says so and HTTP goes on.
package gateway

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
)

// Config is where the box listens and what it takes. Its zero value works.
type Config struct {
	HTTP  string   // address of plain HTTP; default ":8080"
	HTTPS string   // address of HTTPS, or "off"; default ":8443"
	Names []string // host names of the box beside its addresses and its own .local names
	PerIP int      // connections of one address, sockets not counted; default 128: a class may sit behind one
	Body  int      // bytes of a request's body; default 256 KiB

	Header time.Duration // for a request's header; default 5 s
	Read   time.Duration // for the whole request; default 30 s
	Write  time.Duration // for the answer; default 60 s, a backup may take an hour
	Idle   time.Duration // between two requests of a connection; default 60 s
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&c.Header, 5 * time.Second}, {&c.Read, 30 * time.Second}, {&c.Write, time.Minute}, {&c.Idle, time.Minute}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if c.HTTP == "" {
		c.HTTP = ":8080"
	}
	if c.HTTPS == "" {
		c.HTTPS = ":8443"
	}
	if c.PerIP == 0 {
		c.PerIP = 128
	}
	if c.Body == 0 {
		c.Body = 256 << 10
	}
	return c
}

const off = "off"

// Validate refuses what cannot work.
func (c Config) Validate() error {
	const op = "gateway.Config"
	c = c.WithDefaults()
	if _, _, err := net.SplitHostPort(c.HTTP); err != nil {
		return errs.Field(op, "gateway.http", "bad_address", 0, `must be an address such as ":8080": %v`, err)
	}
	if _, _, err := net.SplitHostPort(c.HTTPS); err != nil && c.HTTPS != off {
		return errs.Field(op, "gateway.https", "bad_address", 0, `must be an address such as ":8443", or "off": %v`, err)
	}
	for _, name := range c.Names {
		if !isHostName(strings.ToLower(name)) {
			return errs.Field(op, "gateway.names", "bad_name", 0, "%q is not a host name", name)
		}
	}
	switch {
	case c.PerIP < 1:
		return errs.Field(op, "gateway.per_ip", "too_small", 1, "must be at least 1")
	case c.Body < 64<<10:
		return errs.Field(op, "gateway.body", "too_small", 64<<10, "must be at least %d bytes: a class list must fit", 64<<10)
	case c.Header < 0 || c.Read < 0 || c.Write < 0 || c.Idle < 0:
		return errs.Field(op, "gateway", "negative", 0, "no time may be negative")
	}
	return nil
}

// Sockets is the lesson sockets; a *session.Hub.
type Sockets interface {
	Accept(w http.ResponseWriter, r *http.Request, id session.Identity)
	Kick(user, device, why string)
}

// Rooms is where the API tells rooms something; a *room.Rooms.
type Rooms interface {
	Call(ctx context.Context, room string, m room.Message) (room.Reply, error)
}

// Metrics is where metrics are kept and read; a *prometheus.Registry.
type Metrics interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// Deps is what the gateway is built on. All of it is needed but where it says nil.
type Deps struct {
	Roster   *roster.Roster
	Rooms    Rooms
	Sessions Sockets
	Health   *health.Health
	Jobs     *jobs.Jobs
	Reports  *supervise.Reports
	Tree     func() supervise.Status
	LogTail  func() []string         // the last lines of the log; nil: none are kept
	Backup   func(w io.Writer) error // writes the whole box; nil: there is none
	Pages    fs.FS                   // index.html and what it loads; nil: no pages
	Metrics  Metrics
	Log      *slog.Logger
	Version  string // of the program
	Data     string // the folder for the authority's keys; it must exist
	// Listen opens a listener; nil is the network.
	Listen func(addr string) (net.Listener, error)
}

// Gateway is the door of one box.
type Gateway struct {
	cfg      Config
	d        Deps
	log      *slog.Logger
	handler  http.Handler
	mux      *http.ServeMux
	metrics  metrics
	guesses  guesses
	devices  *devices
	conns    *connections
	pages    *pages
	identity *authority
	fixed    map[string]bool // host names that are always the box's

	mu            sync.Mutex // guards the fields below
	plain, secure string     // addresses that the listeners have
}

// New makes the gateway. Nothing listens before Child runs.
func New(cfg Config, d Deps) *Gateway {
	if d.Listen == nil {
		d.Listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	if d.LogTail == nil {
		d.LogTail = func() []string { return nil }
	}
	g := &Gateway{cfg: cfg.WithDefaults(), d: d, log: d.Log, metrics: newMetrics(d.Metrics), fixed: map[string]bool{}}
	for _, name := range append([]string{"localhost", "livelearn.local"}, cfg.Names...) {
		g.fixed[strings.ToLower(name)] = true
	}
	g.guesses = newGuesses(g.log, g.metrics.guesses)
	g.devices = &devices{secret: d.Roster.Secret}
	g.conns = &connections{limit: g.cfg.PerIP, open: map[string]int{}, gauge: g.metrics.connections}
	g.pages = newPages(d.Pages)
	g.identity = newAuthority(d.Data, g.names, machineAddrs, g.log)
	g.mux = http.NewServeMux()
	g.routes()
	g.handler = g.layers()
	return g
}

// String is the service's name.
func (g *Gateway) String() string { return "gateway" }

// Handler is the whole door without its listeners, for tests.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Addrs are the addresses that the listeners have: of HTTP and of HTTPS. Empty: there is
// none.
func (g *Gateway) Addrs() (plain, secure string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.plain, g.secure
}

func (g *Gateway) setAddrs(plain, secure string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plain, g.secure = plain, secure
}
