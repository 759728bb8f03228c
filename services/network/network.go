// Package network brings an appliance onto a network: as a guest in the school's, or with a
// network of its own on Ethernet or by Wi-Fi. It is an operating-system process of its own,
// so that people reach the safe mode too when the box itself keeps ending.
//
//	guest   a DHCP client on each port that has a cable; an address of 169.254/16 where
//	        nobody answers (RFC 3927), while it goes on asking
//	own     an address of our own, a DHCP server and a name server on the first port
//	ap      the same on Wi-Fi, which hostapd makes; Ethernet stays a guest
//
// Promises:
//   - As a guest we give no address and no name to anybody.
//   - With a network of our own we first listen whether somebody else gives addresses there,
//     and stay a guest if so: two DHCP servers are the end of a school's network.
//   - A change by the admin that is not kept within a minute is taken back.
package network

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// The modes.
const (
	Guest = "guest"
	Own   = "own"
	AP    = "ap"
)

// Config is how the box is on the network. Its zero value is a guest.
type Config struct {
	Mode    string   `json:"mode"`
	Address string   `json:"address,omitempty"` // of the box, with its prefix: "10.10.0.1/20"; as a guest empty for DHCP
	Gateway string   `json:"gateway,omitempty"`
	DNS     []string `json:"dns,omitempty"`
	Domain  string   `json:"domain,omitempty"` // the plain name
	SSID    string   `json:"ssid,omitempty"`
	Key     string   `json:"key,omitempty"` // of the Wi-Fi, 8 to 63 characters
	Country string   `json:"country,omitempty"`
	Channel int      `json:"channel,omitempty"`
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	c.Mode, c.Domain = cmp.Or(c.Mode, Guest), cmp.Or(c.Domain, "livelearn.home")
	if c.Mode != Guest {
		c.Address = cmp.Or(c.Address, "10.10.0.1/20")
	}
	return c
}

// Validate refuses what cannot be a network.
func (c Config) Validate() error {
	const op = "network"
	c = c.WithDefaults()
	if !slices.Contains([]string{Guest, Own, AP}, c.Mode) {
		return errs.Field(op, "mode", "unknown", 0, `must be "guest", "own" or "ap"`)
	}
	if c.Address != "" {
		p, err := netip.ParsePrefix(c.Address)
		if err != nil || !p.Addr().Is4() || !p.Addr().IsGlobalUnicast() || p.Addr() == p.Masked().Addr() {
			return errs.Field(op, "address", "bad_address", 0, `must be an IPv4 address with its prefix, such as "192.168.1.20/24"`)
		}
		if c.Mode != Guest && (!p.Addr().IsPrivate() || p.Bits() < 16 || p.Bits() > 26) {
			return errs.Field(op, "address", "bad_address", 26, "a network of its own is a private one of /16 to /26")
		}
	}
	for _, a := range append(slices.Clone(c.DNS), c.Gateway) {
		if _, err := netip.ParseAddr(a); a != "" && err != nil {
			return errs.Field(op, "gateway", "bad_address", 0, "gateway and dns are addresses")
		}
	}
	if n := len(c.Key); c.Mode == AP && n != 0 && (n < 8 || n > 63) {
		return errs.Field(op, "key", "bad_passphrase", 63, "the passphrase has 8 to 63 characters")
	}
	if len(c.SSID) > 32 {
		return errs.Field(op, "ssid", "bad_name", 32, "a network's name has at most 32 bytes")
	}
	return nil
}

// State is what people see.
type State struct {
	Config Config  `json:"config"` // without the key
	Ports  []Port  `json:"ports"`
	Code   string  `json:"code,omitempty"` // why it is not as asked for: "foreign_dhcp", "no_hostapd", "no_port"
	Text   string  `json:"text,omitempty"`
	Undo   float64 `json:"undo,omitempty"` // seconds until the change is taken back
	Leases int     `json:"leases"`         // addresses that were given and hold
}

// Port is one interface.
type Port struct {
	Name    string   `json:"name"`
	Up      bool     `json:"up"` // it has a cable, or a radio
	Address []string `json:"address,omitempty"`
	From    string   `json:"from,omitempty"` // "dhcp", "fixed", "link-local", "own"
}

// Deps are where things are.
type Deps struct {
	Dir     string // where settings and leases are kept
	Resolv  string // resolv.conf that is written; empty: none
	Time    string // file for the time servers that DHCP names; empty: none
	Hostapd string // the program
	Run     string // folder for what lives as long as the machine
	Log     *slog.Logger
}

// undoTime is how long a change waits to be kept.
const undoTime = time.Minute

// Network is the network of one machine.
type Network struct {
	deps Deps

	mu     sync.Mutex
	cfg    Config            // guarded by mu
	before *Config           // guarded by mu: to go back to
	undo   time.Time         // guarded by mu
	from   map[string]string // guarded by mu: where an interface's address came from
	code   string            // guarded by mu
	text   string            // guarded by mu
	given  *pool             // guarded by mu; nil: no addresses are given
	change chan struct{}     // holds one
}

// New makes a network. Nothing happens before Serve.
func New(cfg Config, deps Deps) *Network {
	return &Network{cfg: cfg.WithDefaults(), deps: deps, from: map[string]string{}, change: make(chan struct{}, 1)}
}

// String is the service's name.
func (n *Network) String() string { return "network" }

// Serve runs one way of being on the network after another, until ctx ends.
func (n *Network) Serve(ctx context.Context) error {
	for ctx.Err() == nil {
		n.mu.Lock()
		cfg, wait := n.cfg, time.Duration(0)
		if n.before != nil {
			wait = time.Until(n.undo)
		}
		n.code, n.text = "", ""
		n.mu.Unlock()
		life, end := context.WithCancel(ctx)
		g := supervise.Group(life)
		g.Go(func(ctx context.Context) error { return n.live(ctx, cfg) })
		n.until(ctx, wait)
		end()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			n.deps.Log.Error("the network failed", "mode", cfg.Mode, "err", err)
		}
	}
	return nil
}

// until waits for a change, or takes one back that was not kept.
func (n *Network) until(ctx context.Context, wait time.Duration) {
	var undo <-chan time.Time
	if wait != 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		undo = t.C
	}
	select {
	case <-ctx.Done():
	case <-n.change:
	case <-undo:
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.before != nil {
			n.deps.Log.Warn("the change of the network was not kept and is taken back")
			n.cfg, n.before = *n.before, nil
		}
	}
}

// live is one way of being on the network.
func (n *Network) live(ctx context.Context, cfg Config) error {
	g := supervise.Group(ctx)
	taken := ""
	if cfg.Mode != Guest {
		port, err := n.ownPort(ctx, cfg)
		if err != nil {
			n.complain(errs.BodyOf(err).Code, err)
		} else {
			taken = port
			g.Go(func(ctx context.Context) error { return n.own(ctx, cfg, port) })
		}
	}
	g.Go(func(ctx context.Context) error { return n.guests(ctx, cfg, taken) })
	return g.Wait()
}

func (n *Network) complain(code string, err error) {
	n.deps.Log.Error("the network is not as it was asked for", "code", code, "err", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.code, n.text = cmp.Or(code, "failed"), err.Error()
}

func (n *Network) note(port, from string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.from[port] = from
}

// State is how things are.
func (n *Network) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := State{Config: n.cfg, Code: n.code, Text: n.text, Ports: []Port{}}
	if s.Config.Key != "" {
		s.Config.Key = "********"
	}
	if n.before != nil {
		s.Undo = max(0, time.Until(n.undo).Seconds())
	}
	if n.given != nil {
		s.Leases = n.given.count(time.Now())
	}
	links, _ := ethernet() // none can be read: none are shown
	for _, l := range links {
		p := Port{Name: l.Name, Up: carrier(l), From: n.from[l.Name]}
		if link, err := netlink.LinkByIndex(l.Index); err == nil {
			list, _ := netlink.AddrList(link, netlink.FAMILY_V4) // as above
			for _, a := range list {
				p.Address = append(p.Address, a.IPNet.String())
			}
		}
		s.Ports = append(s.Ports, p)
	}
	return s
}

// Set changes the network. It goes back by itself unless Keep is called within a minute.
func (n *Network) Set(cfg Config) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.before == nil {
		old := n.cfg
		n.before = &old
	}
	if cfg.Key == "********" {
		cfg.Key = n.cfg.Key
	}
	n.cfg, n.undo = cfg, time.Now().Add(undoTime)
	select {
	case n.change <- struct{}{}:
	default:
	}
	return nil
}

// Keep keeps the network as it is, also for the next start.
func (n *Network) Keep() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.before == nil {
		return nil
	}
	n.before = nil
	select { // the clock of the change stops
	case n.change <- struct{}{}:
	default:
	}
	return save(n.deps.Dir, n.cfg)
}

// ethernet are the machine's ports for cables, and veth of namespaces, by name.
func ethernet() ([]*netlink.LinkAttrs, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	var list []*netlink.LinkAttrs
	for _, l := range links {
		a := l.Attrs()
		if a.EncapType == "ether" && a.Flags&net.FlagLoopback == 0 && (l.Type() == "device" || l.Type() == "veth") && !wireless(a.Name) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *netlink.LinkAttrs) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func carrier(a *netlink.LinkAttrs) bool {
	return a.OperState == netlink.OperUp || a.RawFlags&0x10000 != 0
}
