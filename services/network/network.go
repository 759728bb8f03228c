// Package network connects an appliance to a network: as a guest in the network of the school, or
// with a network of its own on Ethernet or Wi-Fi. It runs in an operating system process of its
// own, so that people reach the safe mode when the box itself keeps ending.
//
//	guest   a DHCP client on each port with a cable; a 169.254/16 address without a
//	        server (RFC 3927), while it keeps trying
//	own     a fixed address, a DHCP server and a DNS server on the first port
//	ap      the same on Wi-Fi, with hostapd; Ethernet stays a guest
//	wifi    a guest in the Wi-Fi of the school too, with wpa_supplicant; ap while it cannot join
//
// Promises:
//   - As a guest we serve neither DHCP nor DNS.
//   - Before we start a network of our own we look for another DHCP server. If there is one we
//     stay a guest, because two DHCP servers break the network of a school.
//   - A change by the admin is undone after a minute, unless it is confirmed. To join a Wi-Fi the
//     admin may have to change the Wi-Fi too, and has five minutes.
//   - A sign-in on a cable (802.1X) goes on beside all that: a switch that does not ask changes nothing.
//   - An access point that stands in for the Wi-Fi of the school stays while a device is on it.
package network

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/supplicant"
)

// Modes of Config.
const (
	ModeGuest = "guest"
	ModeOwn   = "own"
	ModeAP    = "ap"
	ModeWifi  = "wifi"
)

// Config is the network configuration. Its zero value is a guest with DHCP.
type Config struct {
	Mode    string   `json:"mode"`
	Address string   `json:"address,omitempty"` // of the box, with its prefix: "10.10.0.1/20"; empty for a guest with DHCP
	Gateway string   `json:"gateway,omitempty"`
	DNS     []string `json:"dns,omitempty"`
	Domain  string   `json:"domain,omitempty"` // host name of the box
	SSID    string   `json:"ssid,omitempty"`
	Key     string   `json:"key,omitempty"` // Wi-Fi passphrase, 8 to 63 characters
	Country string   `json:"country,omitempty"`
	Channel int      `json:"channel,omitempty"`

	School supplicant.Network `json:"school,omitzero"` // the Wi-Fi that the mode wifi joins
	Wired  supplicant.SignIn  `json:"wired,omitzero"`  // the sign-in on the cables of a guest
}

// WithDefaults fills in empty fields.
func (c Config) WithDefaults() Config {
	c.Mode, c.Domain = cmp.Or(c.Mode, ModeGuest), cmp.Or(c.Domain, "livelearn.home")
	if c.Mode != ModeGuest {
		c.Address = cmp.Or(c.Address, "10.10.0.1/20")
	}
	c.School, c.Wired = c.School.WithDefaults(), c.Wired.WithDefaults()
	return c
}

// Validate checks all fields.
func (c Config) Validate() error {
	const op = "network"
	c = c.WithDefaults()
	if !slices.Contains([]string{ModeGuest, ModeOwn, ModeAP, ModeWifi}, c.Mode) {
		return errs.NewField(op, "mode", "unknown", 0, `must be "guest", "own", "ap" or "wifi"`)
	}
	if c.Address != "" {
		p, err := netip.ParsePrefix(c.Address)
		if err != nil || !p.Addr().Is4() || !p.Addr().IsGlobalUnicast() || p.Addr() == p.Masked().Addr() {
			return errs.NewField(op, "address", "bad_address", 0, `must be an IPv4 address with its prefix, such as "192.168.1.20/24"`)
		}
		if c.Mode != ModeGuest && (!p.Addr().IsPrivate() || p.Bits() < 16 || p.Bits() > 26) {
			return errs.NewField(op, "address", "bad_address", 26, "a network of its own is a private one of /16 to /26")
		}
	}
	for _, a := range append(slices.Clone(c.DNS), c.Gateway) {
		if _, err := netip.ParseAddr(a); a != "" && err != nil {
			return errs.NewField(op, "gateway", "bad_address", 0, "gateway and dns are addresses")
		}
	}
	return c.validateRadio()
}

// validateRadio checks the fields for a radio and for signing in.
func (c Config) validateRadio() error {
	const op = "network"
	if c.Mode == ModeWifi || c.School != (supplicant.Network{}) {
		if err := c.School.Validate(); err != nil {
			b := errs.BodyOf(err)
			return errs.NewField(op, "school."+b.Field, b.Code, b.Limit, "%s", b.Message)
		}
	}
	if err := c.Wired.Validate(); err != nil {
		b := errs.BodyOf(err)
		return errs.NewField(op, "wired."+b.Field, b.Code, b.Limit, "%s", b.Message)
	}
	if c.Mode == ModeWifi && c.Country == "" {
		// Without it the radio of a Pi opens no access point, and a box that cannot join would be out of reach.
		return errs.NewField(op, "country", "no_country", 0, `to join a Wi-Fi the box needs the country, such as "FR"`)
	}
	if n := len(c.Key); (c.Mode == ModeAP || c.Mode == ModeWifi) && n != 0 && (n < 8 || n > 63) {
		return errs.NewField(op, "key", "bad_passphrase", 63, "the passphrase has 8 to 63 characters")
	}
	if c.Country != "" && (len(c.Country) != 2 || strings.Trim(c.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return errs.NewField(op, "country", "bad_country", 2, `the country is two capital letters, such as "FR"`)
	}
	if len(c.SSID) > 32 {
		return errs.NewField(op, "ssid", "bad_name", 32, "a network's name has at most 32 bytes")
	}
	return nil
}

// State is the state that the admin page shows.
type State struct {
	Config   Config    `json:"config"` // with the key masked
	Ports    []Port    `json:"ports"`
	Code     string    `json:"code,omitempty"` // the fault: "foreign_dhcp", "no_hostapd", "no_port"
	Text     string    `json:"text,omitempty"`
	Undo     float64   `json:"undo,omitempty"`     // seconds until the change is undone
	Leases   int       `json:"leases"`             // valid leases
	Stations *Stations `json:"stations,omitempty"` // on our access point; absent if the driver does not tell
	School   string    `json:"school,omitempty"`   // mode wifi: "joining", "joined" or "ap", our access point in its place
}

// Port is one network interface.
type Port struct {
	Name    string   `json:"name"`
	Up      bool     `json:"up"` // it has a carrier
	Address []string `json:"address,omitempty"`
	From    string   `json:"from,omitempty"`    // "dhcp", "fixed", "link-local", "own"
	MAC     string   `json:"mac,omitempty"`     // hardware address, by which an administrator lets the box in
	SignIn  string   `json:"sign_in,omitempty"` // 802.1X: "unasked", "asked", "done", or the code of a fault; empty: not set up
}

// Deps has the paths and the log of a Network.
type Deps struct {
	Dir     string // folder of settings and leases
	Resolv  string // path of resolv.conf; empty: it is not written
	Time    string // file for the time servers from DHCP; empty: not written
	Hostapd string // path of the program
	Run     string // folder in memory for temporary files
	Log     *slog.Logger

	Supplicant string // path of wpa_supplicant
}

// undoTimeout is the time in which a change must be confirmed. joinUndoTimeout is that to join a Wi-Fi:
// who is on the box's own Wi-Fi loses it and must find the box in the other one.
const (
	undoTimeout     = time.Minute
	joinUndoTimeout = 5 * time.Minute
)

// Network is the network of one machine.
type Network struct {
	deps Deps

	mu       sync.Mutex
	cfg      Config            // guarded by mu
	previous *Config           // guarded by mu: restored if the change is undone
	undo     time.Time         // guarded by mu
	sources  map[string]string // guarded by mu: source of the address of each interface
	signIns  map[string]string // guarded by mu: how the sign-in on each cable goes
	code     string            // guarded by mu
	text     string            // guarded by mu
	leases   *leasePool        // guarded by mu; nil: no DHCP server
	radio    string            // guarded by mu: the port of our access point
	school   string            // guarded by mu: how the mode wifi goes
	joinPort string            // guarded by mu: the radio of the mode wifi
	change   chan struct{}     // holds one
}

// New makes a network. It changes nothing before Serve.
func New(cfg Config, deps Deps) *Network {
	return &Network{cfg: cfg.WithDefaults(), deps: deps, sources: map[string]string{}, signIns: map[string]string{}, change: make(chan struct{}, 1)}
}

// String returns the name of the service.
func (n *Network) String() string { return "network" }

// Serve runs the current configuration, and restarts after each change, until ctx ends.
func (n *Network) Serve(ctx context.Context) error {
	for ctx.Err() == nil {
		n.mu.Lock()
		cfg := n.cfg
		n.code, n.text = "", ""
		n.mu.Unlock()
		life, end := context.WithCancel(ctx)
		g := supervise.Group(life)
		g.Go(func(ctx context.Context) error { return n.runMode(ctx, cfg) })
		n.waitForChange(ctx, cfg)
		end()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			n.deps.Log.Error("the network failed", "mode", cfg.Mode, "err", err)
		}
	}
	return nil
}

// waitForChange returns when the configuration is no longer the running one, or ctx ended. It undoes an
// unconfirmed change after its time. A change that is kept is running already, and nobody is thrown off.
func (n *Network) waitForChange(ctx context.Context, running Config) {
	for {
		changed, undo := n.undoIfDue(running)
		if changed {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-n.change:
		case <-undo:
		}
	}
}

// undoIfDue undoes an unconfirmed change whose time is over. It reports whether the configuration is
// another than the running one, and returns the end of that time.
func (n *Network) undoIfDue(running Config) (changed bool, undo <-chan time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.previous != nil && time.Until(n.undo) <= 0 {
		n.deps.Log.Warn("the network change was not confirmed and is undone")
		n.cfg, n.previous = *n.previous, nil
	}
	if n.previous != nil {
		undo = time.After(time.Until(n.undo))
	}
	return !reflect.DeepEqual(n.cfg, running), undo
}

// runMode runs one configuration until ctx ends.
func (n *Network) runMode(ctx context.Context, cfg Config) error {
	g := supervise.Group(ctx)
	taken := ""
	switch cfg.Mode {
	case ModeGuest:
	case ModeWifi:
		g.Go(func(ctx context.Context) error { return n.runSchool(ctx, cfg) })
	default:
		port, err := n.pickOwnPort(ctx, cfg)
		if err != nil {
			n.reportFault(errs.BodyOf(err).Code, err)
		} else {
			taken = port
			g.Go(func(ctx context.Context) error { return n.runOwn(ctx, cfg, port) })
		}
	}
	g.Go(func(ctx context.Context) error { return n.runGuests(ctx, cfg, taken) })
	return g.Wait()
}

func (n *Network) reportFault(code string, err error) {
	n.deps.Log.Error("the network differs from its configuration", "code", code, "err", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.code, n.text = cmp.Or(code, "failed"), err.Error()
}

func (n *Network) setSource(port, from string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sources[port] = from
}

// State returns the configuration, the ports and the faults.
func (n *Network) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := State{Config: n.cfg, Code: n.code, Text: n.text, Ports: []Port{}}
	s.School = n.school
	if s.Config.Key != "" {
		s.Config.Key = supplicant.Mask
	}
	if s.Config.School.Password != "" {
		s.Config.School.Password = supplicant.Mask
	}
	if s.Config.Wired.Password != "" {
		s.Config.Wired.Password = supplicant.Mask
	}
	if n.previous != nil {
		s.Undo = max(0, time.Until(n.undo).Seconds())
	}
	if n.leases != nil {
		s.Leases = n.leases.countLeases(time.Now())
	}
	if n.radio != "" {
		s.Stations = readStations(n.radio)
	}
	links, _ := ethernetPorts() // empty if they cannot be read
	if radio, err := netlink.LinkByName(n.joinPort); n.joinPort != "" && err == nil {
		links = append(links, radio.Attrs())
	}
	for _, l := range links {
		p := Port{Name: l.Name, Up: hasCarrier(l), From: n.sources[l.Name], MAC: l.HardwareAddr.String(), SignIn: n.signIns[l.Name]}
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

// SetConfig changes the network. The change is undone unless KeepConfig is called in time. A masked
// password is the one that the network has, for the same Wi-Fi with the same settings.
func (n *Network) SetConfig(cfg Config) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cfg.Key == "" || cfg.Key == supplicant.Mask {
		cfg.Key = n.cfg.Key
	}
	cfg.SSID = cmp.Or(cfg.SSID, n.cfg.SSID)
	cfg = cfg.WithDefaults()
	if cfg.School.Password == supplicant.Mask {
		// Whoever is not shown the password must not have it sent to another network either.
		if cfg.School.Password = n.cfg.School.Password; cfg.School != n.cfg.School {
			return errs.NewField("network", "school.password", "password_again", 0, "another network, name, certificate or server needs the password again")
		}
	}
	if cfg.Wired.Password == supplicant.Mask {
		if cfg.Wired.Password = n.cfg.Wired.Password; cfg.Wired != n.cfg.Wired {
			return errs.NewField("network", "wired.password", "password_again", 0, "another name, certificate or server needs the password again")
		}
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if n.previous == nil {
		old := n.cfg
		n.previous = &old
	}
	wait := undoTimeout
	if cfg.Mode == ModeWifi {
		wait = joinUndoTimeout
	}
	n.cfg, n.undo = cfg, time.Now().Add(wait)
	select {
	case n.change <- struct{}{}:
	default:
	}
	return nil
}

// KeepConfig confirms a change and saves it for the next start.
func (n *Network) KeepConfig() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.previous == nil {
		return nil
	}
	n.previous = nil
	select { // stops the undo timer
	case n.change <- struct{}{}:
	default:
	}
	return saveSettings(n.deps.Dir, n.cfg)
}

// ethernetPorts returns the Ethernet ports of the machine, and veth devices, sorted by name.
func ethernetPorts() ([]*netlink.LinkAttrs, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	var list []*netlink.LinkAttrs
	for _, l := range links {
		a := l.Attrs()
		if a.EncapType == "ether" && a.Flags&net.FlagLoopback == 0 && (l.Type() == "device" || l.Type() == "veth") && !isWireless(a.Name) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *netlink.LinkAttrs) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func hasCarrier(a *netlink.LinkAttrs) bool {
	return a.OperState == netlink.OperUp || a.RawFlags&0x10000 != 0
}
