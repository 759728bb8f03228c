package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// The file descriptors of the engine's process: it is told what to do by the first, and the bus of
// the box goes over the second.
const (
	controlFD = 3
	busFD     = 4
)

const (
	maxMessage   = 1 << 20         // bytes
	pingInterval = time.Second     // two that are not answered end a route
	linkInterval = time.Second / 4 // between two looks at the routes
	startTimeout = 10 * time.Second
	user         = "box" // of the bus; the password is new at each start
)

// spec is what the box says to the engine: at its start, and again when the members or their
// addresses change.
type spec struct {
	Key     []byte   `json:"key"`     // private, as PEM
	Listen  string   `json:"listen"`  // address for the connections of members
	Life    string   `json:"life"`    // what the box signs in to the bus with
	Members []string `json:"members"` // keys of the other boxes
	Routes  []string `json:"routes"`  // addresses where they may be
}

// report is what the engine says to the box.
type report struct {
	Linked []string `json:"linked"` // ids of the boxes to which there is a route
}

// engine is a NATS server that knows other boxes by their keys. It stores nothing.
type engine struct {
	own     members.Identity
	members atomic.Pointer[[]string]
	server  *server.Server
}

// Inherit returns the connections that the box has passed to this process. errs.Invalid: a person
// has started the process.
func Inherit() (control, bus net.Conn, err error) {
	if control, err = supervise.InheritConn(controlFD); err == nil {
		if bus, err = supervise.InheritConn(busFD); err == nil {
			return control, bus, nil
		}
		_ = control.Close()
	}
	return nil, nil, errs.New("livelearn mesh", errs.Invalid, errors.New("a box starts this itself"))
}

// Serve runs an engine until ctx ends or the box closes a connection. It calls ready when members
// can connect.
func Serve(ctx context.Context, control, bus net.Conn, ready func() error) error {
	defer func() { _, _ = control.Close(), bus.Close() }()
	in := json.NewDecoder(control)
	var first spec
	if err := in.Decode(&first); err != nil {
		return errs.New("link.Serve", errs.Invalid, err)
	}
	e, err := startEngine(first)
	if err != nil {
		return err
	}
	defer func() { e.server.Shutdown(); e.server.WaitForShutdown() }()
	inner, err := e.server.InProcessConn()
	if err != nil {
		return errs.New("link.Serve", errs.Down, err)
	}
	g := supervise.Group(ctx)
	g.Go(func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(control.Close(), bus.Close(), inner.Close())
	})
	g.Go(func(context.Context) error { return copyAll(inner, bus) })
	g.Go(func(context.Context) error { return copyAll(bus, inner) })
	g.Go(func(context.Context) error { return e.follow(in) })
	g.Go(func(ctx context.Context) error { return e.reportRoutes(ctx, json.NewEncoder(control)) })
	if err := ready(); err != nil {
		return errors.Join(err, control.Close(), g.Wait())
	}
	if err := g.Wait(); ctx.Err() == nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// copyAll ends with an error always: each end of the bus ends the engine.
func copyAll(to io.Writer, from io.Reader) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return io.EOF
}

func startEngine(s spec) (*engine, error) {
	const op = "link.startEngine"
	own, err := members.ParseIdentity(s.Key)
	if err != nil {
		return nil, err
	}
	e := &engine{own: own}
	e.members.Store(&s.Members)
	if err := checkFree(s.Listen); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	opts, err := e.options(s)
	if err != nil {
		return nil, err
	}
	if e.server, err = server.NewServer(opts); err != nil {
		return nil, errs.New(op, errs.Internal, err)
	}
	e.server.Start()
	if !e.server.ReadyForConnections(startTimeout) {
		e.server.Shutdown()
		return nil, errs.New(op, errs.Down, errors.New("the engine between boxes did not start"))
	}
	return e, nil
}

// checkFree fails at once where another program has the port: the server would only never be ready.
func checkFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// options are those of a server that routes messages and does nothing else. The listener for clients
// cannot be left out, because routes start after it. It is on the loopback, on a random port, and
// its password is new at each start and known to the box only.
func (e *engine) options(s spec) (*server.Options, error) {
	host, text, err := net.SplitHostPort(s.Listen)
	port, bad := strconv.Atoi(text)
	if err := errors.Join(err, bad); err != nil {
		return nil, errs.New("link", errs.Invalid, err)
	}
	if host == "" {
		host = "::" // both versions of IP
	}
	o := &server.Options{
		ServerName: e.own.ID, Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: user, Password: s.Life,
		NoSigs: true, NoLog: true, MaxPayload: maxMessage, PingInterval: pingInterval, MaxPingsOut: 2, DisableShortFirstPing: true,
		Cluster: server.ClusterOpts{
			Name: "school", Host: host, Port: port, NoAdvertise: true, PoolSize: -1, PingInterval: pingInterval, MaxPingsOut: 2,
			TLSConfig: e.own.TLS(e.isMember), TLSTimeout: 5,
		},
	}
	for _, r := range s.Routes {
		o.Routes = append(o.Routes, &url.URL{Scheme: "tls", Host: r})
	}
	return o, nil
}

func (e *engine) isMember(key string) bool { return slices.Contains(*e.members.Load(), key) }

// follow takes what changes while the engine runs. Members are only added: a route that is open
// does not end when its key leaves the list, so the box starts the engine anew then.
func (e *engine) follow(in *json.Decoder) error {
	for {
		var s spec
		if err := in.Decode(&s); err != nil {
			return err
		}
		e.members.Store(&s.Members)
		opts, err := e.options(s)
		if err == nil {
			err = e.server.ReloadOptions(opts)
		}
		if err != nil {
			return fmt.Errorf("the engine does not take the new addresses: %w", err)
		}
	}
}

// reportRoutes sends the box its routes.
func (e *engine) reportRoutes(ctx context.Context, out *json.Encoder) error {
	last := []string{"none was told yet"}
	for ctx.Err() == nil {
		routes, err := e.server.Routez(nil)
		if err != nil {
			return err
		}
		linked := []string{}
		for _, r := range routes.Routes {
			if r.RemoteName != e.own.ID && !slices.Contains(linked, r.RemoteName) {
				linked = append(linked, r.RemoteName)
			}
		}
		if slices.Sort(linked); !slices.Equal(linked, last) {
			last = linked
			if err := out.Encode(report{linked}); err != nil {
				return err
			}
		}
		supervise.Sleep(ctx, linkInterval)
	}
	return nil
}
