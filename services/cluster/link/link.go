// Package link connects the boxes of one school: it is the [cluster.Bus] on core NATS, whose server
// runs in a process of its own, the engine. The engine carries messages and decides and keeps
// nothing. The box reaches it by two connections that the engine inherits, and other boxes by TLS to
// a port, where keys that are not on the list of members get no word.
//
// Promises:
//   - A box that is alone runs no engine, listens to nothing and connects to nothing.
//   - An engine that dies is started anew. What was sent meanwhile is lost, and nothing is sent late.
//   - A member that is removed loses its connection: the engine starts anew.
package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

// Config configures the connections to other boxes. Its zero value works.
type Config struct {
	Listen string // address for the other boxes of the school, default ":7445"; used once there are any
}

// WithDefaults fills empty fields.
func (c Config) WithDefaults() Config {
	if c.Listen == "" {
		c.Listen = ":7445"
	}
	return c
}

// Validate refuses what cannot work.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.WithDefaults().Listen)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		return errs.NewField("link.Config", "mesh.listen", "bad_address", 0, `must be "host:port" or ":port", with a port from 1 to 65535`)
	}
	return nil
}

// Deps is what a mesh needs of its box.
type Deps struct {
	List    *members.List
	Name    func() string                               // of this box
	Nearby  func(ctx context.Context) ([]string, error) // hosts where other boxes may be, until ctx ends; nil: not looked for
	Program string                                      // the program that is started as `PROGRAM mesh`; empty: this one
	Memory  int64                                       // bytes that the process may have; 0: 256 MiB
	Stderr  io.Writer                                   // where the process writes; nil: nowhere
	Health  *health.Health
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

const (
	gossipInterval = 30 * time.Second // the list is sent again, and hosts are looked for
	nearbyTimeout  = 4 * time.Second
	maxNearby      = 16
	minBackoff     = 50 * time.Millisecond // before an engine that died is started anew
	maxBackoff     = 10 * time.Second
	steadyAfter    = 30 * time.Second       // an engine that ran so long starts anew at once
	farewell       = 200 * time.Millisecond // for the others to hear of a removal before the routes end
	listSubject    = "members"
)

var (
	errRemoved = errors.New("a box was removed") // ends the routes to it
	errAlone   = errors.New("this box is alone now")
	errEnded   = errors.New("the engine between boxes ended")
)

// Mesh is the connection of a box to the others of its school.
type Mesh struct {
	*Bus
	*members.Pairing
	cfg   Config
	deps  Deps
	watch *watch

	mu     sync.Mutex
	nearby []string // addresses that may be of members, guarded by mu
}

// New starts nothing: Serve does.
func New(cfg Config, deps Deps) *Mesh {
	m := &Mesh{Bus: newBus(deps.Log), cfg: cfg.WithDefaults(), deps: deps}
	m.Pairing = members.NewPairing(deps.List, m.Describe)
	m.watch = &watch{list: deps.List, linked: m.Linked, health: deps.Health, lost: map[string]time.Time{}}
	deps.Metrics.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "livelearn_cluster_members", Help: "Other boxes of the school."}, func() float64 { return float64(len(deps.List.Others())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "livelearn_cluster_peers", Help: "Other boxes of the school to which there is a connection."}, func() float64 { return float64(len(m.Linked())) }),
	)
	return m
}

// String is the service's name.
func (m *Mesh) String() string { return "mesh" }

// Serve keeps an engine running while this box has others, until ctx ends.
func (m *Mesh) Serve(ctx context.Context) error {
	wait := minBackoff
	for ctx.Err() == nil {
		changed := m.deps.List.Changed()
		if len(m.deps.List.Others()) == 0 {
			m.watch.clear()
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		start := time.Now()
		err := m.runEngine(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errRemoved) || errors.Is(err, errAlone):
			wait = minBackoff
			continue
		case time.Since(start) > steadyAfter:
			wait = minBackoff
		}
		m.deps.Log.Warn("the engine between boxes ended and starts anew", "err", err, "wait", wait)
		m.watch.noteFault(err)
		supervise.Sleep(ctx, wait)
		wait = min(2*wait, maxBackoff)
	}
	return nil
}

// Describe is what this box says of itself to others: its name, and where it takes connections.
func (m *Mesh) Describe() (name string, addresses []string) {
	host, port, _ := net.SplitHostPort(m.cfg.Listen)
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return m.deps.Name(), []string{m.cfg.Listen}
	}
	list, _ := net.InterfaceAddrs() // without any, the others still find this box by multicast
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			addresses = append(addresses, net.JoinHostPort(p.Addr().String(), port))
		}
	}
	return m.deps.Name(), addresses
}

// Remove removes a box from the school, and this box from it if the id is its own. The others hear of
// it before the connection ends.
func (m *Mesh) Remove(ctx context.Context, id string) (members.Member, error) {
	gone, err := m.deps.List.Removal(id)
	if err != nil {
		return gone, err
	}
	if m.tell([]members.Member{gone}) == nil {
		supervise.Sleep(ctx, farewell)
	}
	return gone, m.deps.List.Learn([]members.Member{gone})
}

// tell sends entries of the list to the others.
func (m *Mesh) tell(list []members.Member) error {
	return m.Publish(listSubject, members.Encode(list))
}

// learn takes entries from another box.
func (m *Mesh) learn(data []byte, _ func([]byte)) {
	list, err := members.Decode(data)
	if err == nil {
		err = m.deps.List.Hear(list)
	}
	if err != nil {
		m.deps.Log.Warn("a list of boxes was not taken", "err", err)
	}
}

// newSpec is what the engine is told now.
func (m *Mesh) newSpec(life string) spec {
	s := spec{Key: m.deps.List.Own().PEM(), Listen: m.cfg.Listen, Life: life}
	for _, o := range m.deps.List.Others() {
		s.Members = append(s.Members, o.Key)
		s.Routes = append(s.Routes, o.Addresses...)
	}
	m.mu.Lock()
	s.Routes = append(s.Routes, m.nearby...)
	m.mu.Unlock()
	slices.Sort(s.Routes)
	s.Routes = slices.Compact(s.Routes)
	return s
}

// lookNearby looks for boxes while a member has no connection, because its address may have changed.
func (m *Mesh) lookNearby(ctx context.Context) {
	if m.deps.Nearby == nil || len(m.Linked()) >= len(m.deps.List.Others()) {
		return
	}
	look, cancel := context.WithTimeout(ctx, nearbyTimeout)
	defer cancel()
	hosts, err := m.deps.Nearby(look)
	if err != nil {
		m.deps.Log.Debug("no look at the network", "err", err)
		return
	}
	_, port, _ := net.SplitHostPort(m.cfg.Listen)
	found := []string{}
	for _, h := range hosts[:min(len(hosts), maxNearby)] {
		found = append(found, net.JoinHostPort(h, port))
	}
	slices.Sort(found)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nearby = found
}
