// Package gateway is the HTTP server of the box. It serves the pages, the HTTP API and the
// lesson socket.
//
// It owns the listeners and the guards in front of every handler. Each audience has a package
// with its operations: pupil, staff, adminapi and peers. Package signin signs people in. The
// gateway decides nothing about a lesson.
//
//	listener (connlimit: connections for each address, and for the box; proxies: PROXY header)
//	  -> recoverPanics (a panic is a 500 and a report)
//	  -> proxies (X-Forwarded-For: 400)
//	  -> checkHost (allow-list: 421) -> withSecurityHeaders (CSP and others)
//	  -> refuseExcess (503) -> cross-origin writes: 403
//	  -> ServeMux: pages, assets, /healthz /readyz /metrics, /socket/websocket, /api (huma)
//
// Plain HTTP is enough to join, chat and answer. HTTPS runs in parallel, with a certificate of
// the box's own authority. Staff work over HTTPS only, except on the box's own machine: see
// httpapi.Ground. No handler logs a name, a PIN, a code or a token. A JSON body has
// at most 256 KiB, except for quizzes and uploads. An error names the field at fault.
package gateway

//go:generate go test -run TestTheTypesOfThePagesAreCurrent . -update

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
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/certfile"
	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/peers"
	"github.com/livelearn/box/services/gateway/proxies"
	"github.com/livelearn/box/services/gateway/pupil"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/gateway/staff"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/listimport"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/quiz/draft"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/slides"
	"github.com/livelearn/box/services/supervise"
)

// Config says where the gateway listens. Its zero value works.
type Config struct {
	HTTP  string   // address of plain HTTP, default ":8080"
	HTTPS string   // address of HTTPS, default ":8443"; "off": none
	Hosts []string // further host names of the box, in addition to IP addresses, localhost and livelearn.local
	// Certificate and Key are PEM files for a name of the school's, read again when they change. Other
	// names and addresses have certificates of the box's own authority. Default: none.
	Certificate string
	Key         string
	// PlainStaff lets staff sign in over plain HTTP from other machines, where anybody in the network can
	// read the PIN. Default false: over HTTPS, and on the box's own machine.
	PlainStaff bool
	PerIP      int // connections of one address at once, without lesson sockets, default 2048, because 200 pupils may be behind one router
	// Proxies are the load balancers and proxies in front of the box, as addresses or networks like
	// 10.0.0.0/8. Their PROXY protocol and X-Forwarded-For headers name the clients.
	Proxies []string
}

// WithDefaults fills in empty fields.
func (c Config) WithDefaults() Config {
	c.HTTP, c.HTTPS, c.PerIP = cmp.Or(c.HTTP, ":8080"), cmp.Or(c.HTTPS, ":8443"), cmp.Or(c.PerIP, 2048)
	return c
}

// Validate refuses values that cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	for field, addr := range map[string]string{"gateway.http": c.HTTP, "gateway.https": c.HTTPS} {
		if _, _, err := net.SplitHostPort(addr); err != nil && addr != "off" {
			return errs.NewField("gateway.Config", field, "bad_address", 0, `must be "host:port" or ":port": %v`, err)
		}
	}
	if (c.Certificate == "") != (c.Key == "") {
		return errs.NewField("gateway.Config", "gateway.key", "missing", 0, "certificate and key are two files that belong together: set both")
	}
	if c.PerIP < 1 {
		return errs.NewField("gateway.Config", "gateway.per_ip", "too_small", 1, "must be at least 1")
	}
	if _, err := proxies.Parse(c.Proxies); err != nil {
		return errs.NewField("gateway.Config", "gateway.proxies", "bad_address", 0, "%v", err)
	}
	return nil
}

// Boxes are the boxes of the school: *link.Mesh.
type Boxes interface {
	adminapi.Boxes
	peers.Boxes
	relay.Boxes
}

// Directory finds lessons and boxes of the school: *directory.Directory.
type Directory interface {
	pupil.Directory
	Doors(ctx context.Context, box string) ([]string, error)
}

// Deps holds the parts of the box that the gateway serves.
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
	Audit    *audit.Log              // nil: nothing is recorded
	Tree     func() supervise.Status // everything that runs
	LogTail  func() []string         // the last lines of the log
	Backup   adminapi.Backup         // writes a whole backup
	Restore  adminapi.Restore
	// Acknowledge ends the warning of a check that data was lost.
	Acknowledge func(check string) error
	Export      func(ctx context.Context, pupil string, w io.Writer) error    // writes all data of the box about a pupil
	Erase       func(ctx context.Context, pupil, by string) (jobs.Job, error) // queues the job that erases a pupil
	// ReadClassList reads a class list in a process of its own.
	ReadClassList func(ctx context.Context, name string, data []byte, choice listimport.Choice) (listimport.Table, error)
	// MakePicture makes a picture of a question in a process of its own.
	MakePicture func(ctx context.Context, data []byte) (slides.Picture, error)
	// ReadQuiz reads a file with questions in a process of its own. keep stores a picture, and nil
	// keeps none.
	ReadQuiz  func(ctx context.Context, data []byte, keep func(slides.Picture) error) (draft.File, error)
	WHIP      whip.Node                        // the media node for encoders and players, nil: 503 no_media
	Media     adminapi.Media                   // nil: this box has no media nodes
	Update    Update                           // nil: this machine has one system only
	Machine   adminapi.Machine                 // nil: this box is a program on another machine
	Network   adminapi.NetworkChecker          // looks at the network around the box
	Cloud     Cloud                            // nil: this box talks to no cloud
	Boxes     Boxes                            // nil: this box connects to no other
	Directory Directory                        // nil: this box connects to no other
	Wifi      func() (name, passphrase string) // the Wi-Fi that the box makes, empty: none; may be nil
	Pages     fs.FS                            // the built pages: index.html and assets/
	Simulated bool                             // the board is simulated: developers see the page of all components
	Metrics   *prometheus.Registry
	Log       *slog.Logger
	Version   string
	Data      string // folder for the box's own certificates
	Results   string // folder with a folder of results for each lesson

	Capsule    staff.Capsule // builds the files that play a recorded lesson again
	Recordings string        // folder with a folder for each recorded lesson
	// Captive answers captive portal checks on the access point of the box. Nil: the box has
	// no access point.
	Captive func(http.Handler) http.Handler
	// Listen opens a listener. Nil: net.Listen on TCP.
	Listen func(addr string) (net.Listener, error)
}

// Gateway is the HTTP server. Its Child opens the listeners.
type Gateway struct {
	Deps
	cfg     Config
	handler http.Handler
	api     huma.API
	limiter *connlimit.Limiter
	proxies proxies.List
	callers *httpapi.Callers
	signIn  *signin.API
	pupils  *pupil.API
	peers   *peers.API
	relay   *relay.Relay // nil: this box connects to no other

	mu                  sync.Mutex       // guards the fields below
	httpAddr, httpsAddr net.Addr         // nil while closed
	authority           *authority       // nil: HTTPS is off
	school              *certfile.Source // nil: no certificate is configured
	certificateFault    string           // why the school's files cannot be read
	refusals            warning          // about refused connections
	exhaustion          warning          // about missing descriptors
}

// New builds the gateway and opens no listener.
func New(cfg Config, deps Deps) *Gateway {
	g := &Gateway{Deps: deps, cfg: cfg.WithDefaults()}
	if g.Listen == nil {
		g.Listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	g.limiter = connlimit.New(g.cfg.PerIP)
	g.limiter.Exhausted = g.noteExhaustion
	g.proxies, _ = proxies.Parse(g.cfg.Proxies) // Validate has refused what cannot be read
	g.limiter.Shared = g.proxies.Contains
	g.buildAudiences()
	g.handler = g.buildHandler()
	return g
}

// String is the service's name.
func (g *Gateway) String() string { return "gateway" }

// Child runs the gateway under supervision. It is ready when the gateway listens.
func (g *Gateway) Child() supervise.Child {
	return supervise.Child{ID: "gateway", Start: g.serve, Backoff: supervise.Backoff{Min: time.Second, Max: 30 * time.Second}}
}

// Addrs returns host and port of plain HTTP and of HTTPS. Each is empty while its listener is
// closed.
func (g *Gateway) Addrs() (plain, secure string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.httpAddr != nil {
		plain = g.httpAddr.String()
	}
	if g.httpsAddr != nil {
		secure = g.httpsAddr.String()
	}
	return plain, secure
}

func (g *Gateway) serve(ctx context.Context, ready func()) error {
	ln, err := g.Listen(g.cfg.HTTP)
	if err != nil {
		return errs.New("gateway", errs.Down, err)
	}
	if g.cfg.PlainStaff {
		g.Health.SetCheck("staff", health.Warn, "plain_staff", "gateway.plain_staff is set: anybody in the network can read the PIN of a person who signs in over http")
	}
	group := supervise.Group(ctx)
	defer g.clearAddrs()
	defer g.relay.Close()
	plain := g.newServer()
	g.setAddrs(ln.Addr(), nil)
	group.Go(func(ctx context.Context) error { return runServer(ctx, plain, g.listen(ln)) })
	group.Go(g.watch)
	if g.cfg.HTTPS != "off" {
		g.startHTTPS(group)
	}
	ready()
	return group.Wait()
}

// startHTTPS opens HTTPS. The box holds lessons without it, so a failure is a health warning
// and no error.
func (g *Gateway) startHTTPS(group interface {
	Go(func(context.Context) error)
},
) {
	ln, err := g.Listen(g.cfg.HTTPS)
	if err != nil {
		g.warnTLS(err)
		return
	}
	auth, err := newAuthority(g.Data, g.cfg.Hosts, g.localNames)
	if err != nil {
		_ = ln.Close()
		g.warnTLS(err)
		return
	}
	g.Health.SetCheck("https", health.OK, "", "")
	g.setAddrs(nil, ln.Addr())
	g.setAuthority(auth)
	g.openSchoolCertificate()
	srv := g.newServer()
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: g.chooseCertificate, NextProtos: []string{"http/1.1"}, GetConfigForClient: g.configFor}
	group.Go(func(ctx context.Context) error {
		return runServer(ctx, srv, tls.NewListener(g.listen(ln), conf))
	})
}

// configFor returns the configuration of a connection that a box of the school makes. Nil: it is a
// browser's.
func (g *Gateway) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if g.relay == nil || hello.ServerName != members.ServerName {
		return nil, nil
	}
	return g.Boxes.TLSForMembers(), nil
}

// listen counts the connections of a listener and reads the headers that trusted proxies send
// before all else, TLS too.
func (g *Gateway) listen(ln net.Listener) net.Listener { return g.proxies.Listen(g.limiter.Listen(ln)) }

func (g *Gateway) warnTLS(err error) {
	g.Log.Warn("no https: cameras and microphones stay off", "err", err)
	g.Health.SetCheck("https", health.Warn, "https_off", err.Error())
}

func (g *Gateway) newServer() *http.Server {
	return &http.Server{
		Handler: g.handler, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		WriteTimeout: time.Minute, // hijacking clears it for a lesson socket
		ConnContext:  connlimit.MarkExcess, ConnState: connlimit.ReleaseHijacked,
		ErrorLog: slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
	}
}

// runServer serves until ctx ends and then gives running requests two seconds. All its
// goroutines have ended when it returns.
func runServer(ctx context.Context, srv *http.Server, ln net.Listener) error {
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
			_ = srv.Close() // cuts off the requests that still run
		}
		return nil
	})
	return tasks.Wait()
}

func (g *Gateway) setAddrs(plain, secure net.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if plain != nil {
		g.httpAddr = plain
	}
	if secure != nil {
		g.httpsAddr = secure
	}
}

func (g *Gateway) clearAddrs() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.httpAddr, g.httpsAddr, g.authority, g.school = nil, nil, nil, nil
}

func (g *Gateway) setAuthority(a *authority) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.authority = a
}

// Authority describes the certificate authority of the box. All is empty while HTTPS is off.
func (g *Gateway) Authority() signin.Authority {
	g.mu.Lock()
	a := g.authority
	g.mu.Unlock()
	if a == nil {
		return signin.Authority{}
	}
	return a.describe()
}

// Update brings the box to a newer version and gives it to neighbours: *update.Updater.
type Update interface {
	adminapi.Update
	peers.Update
}

// Cloud sends the facts of this box to the school's cloud: *cloud.Cloud.
type Cloud interface {
	adminapi.Cloud
	staff.Cloud
}
