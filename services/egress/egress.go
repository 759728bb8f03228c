// Package egress opens the connections that the box makes to addresses which a person or a channel
// named: updates and the cloud. Packages update, https and pg dial with it.
//
// Promises:
//   - It looks at the address that a connection is about to use, after the name is resolved. So a
//     name that changes between two look-ups, or a redirect, gains nothing.
//   - Addresses of this machine and of local networks are refused unless Reach allows them.
//     Multicast, unspecified and reserved addresses are always refused.
//   - An IPv4 address within an IPv6 address (mapped, NAT64, 6to4) counts as what it is.
//   - No error holds a byte that the other side sent, if it went through Cause.
package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/livelearn/box/services/errs"
)

// Reach says how far inside the local network a dialer goes. Its zero value is the internet only.
type Reach uint8

const (
	Internet  Reach = iota // addresses of the internet
	Neighbour              // also private, shared and link-local ones, for boxes that were found in the network
	Local                  // also this machine
)

// CodeLocal is the code of a refused address.
const CodeLocal = "local_address"

const dialTimeout = 30 * time.Second

// Dialer opens connections. Its methods may be called from any goroutine.
type Dialer struct {
	Reach   Reach
	Setting string // that allows local addresses, for the error: "update.allow_private"
	Field   string // of the input that named the address, for the error: "url"

	proxies sync.Map // "host:port" of each proxy that ProxyWith chose -> true
}

// DialContext connects to an address, as net.Dialer does.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	if _, proxy := d.proxies.Load(addr); !proxy {
		dialer.Control = func(network, at string, _ syscall.RawConn) error { return d.check(network, at) }
	}
	return dialer.DialContext(ctx, network, addr)
}

// ProxyWith returns choose, and lets the dialer connect to the proxies that it chooses. A proxy
// comes from the settings of the machine, and is mostly in the local network. It resolves names
// itself, so only a host that is an address can be looked at here.
func (d *Dialer) ProxyWith(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := choose(r)
		if u == nil || err != nil {
			return u, err
		}
		if err := d.checkHost(r.URL.Hostname()); err != nil {
			return nil, err
		}
		d.proxies.Store(addrOf(u), true)
		return u, nil
	}
}

// checkHost refuses a host that a proxy would resolve to a local address for sure.
func (d *Dialer) checkHost(host string) error {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return d.checkAddr(a)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case last == "localhost":
		return d.refuse(host, "is "+Loopback.String(), Loopback.within(d.Reach))
	case strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == "": // "127.1" is an address to some
		return d.refuse(host, "is not an IP address", false)
	}
	return nil
}

// addrOf returns the address that net/http dials for a proxy.
func addrOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// check refuses the address of a connection before the first packet.
func (d *Dialer) check(network, at string) error {
	if !strings.HasPrefix(network, "tcp") {
		return d.refuse(at, "is a socket of this machine", d.Reach == Local)
	}
	to, err := netip.ParseAddrPort(at)
	if err != nil {
		return d.refuse(at, "is not an IP address", false)
	}
	return d.checkAddr(to.Addr())
}

func (d *Dialer) checkAddr(a netip.Addr) error {
	class := ClassOf(a)
	return d.refuse(a.String(), "is "+class.String(), class.within(d.Reach))
}

func (d *Dialer) refuse(at, what string, allowed bool) error {
	if allowed {
		return nil
	}
	return errs.NewField("egress", d.Field, CodeLocal, 0,
		"%s %s; the box connects to addresses of the internet, and to those of the local network if %s is true", at, what, d.Setting)
}

// NewClient returns a client for the dialer. proxy may be nil.
func (d *Dialer) NewClient(proxy func(*http.Request) (*url.URL, error)) *http.Client {
	t := &http.Transport{
		DialContext: d.DialContext, ResponseHeaderTimeout: 30 * time.Second, TLSHandshakeTimeout: 15 * time.Second, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
	}
	if proxy != nil {
		t.Proxy = d.ProxyWith(proxy)
	}
	return &http.Client{Transport: t}
}

// IsRefusal returns the refusal of a dialer in err's chain, or nil.
func IsRefusal(err error) *errs.Error {
	for err != nil {
		e, ok := errors.AsType[*errs.Error](err)
		if !ok {
			return nil
		}
		if e.Code == CodeLocal {
			return e
		}
		err = e.Err
	}
	return nil
}
