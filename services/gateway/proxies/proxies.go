// Package proxies finds the address of a client whose connection comes from a load balancer
// or a proxy.
//
// Without it all people behind a balancer have one address, so that a limit for one of them is a
// limit for all. Only the peers on the list are believed, because anybody can write a header:
//
//   - The PROXY protocol, versions 1 and 2, names the client of a connection (HAProxy's
//     proxy-protocol.txt, section 2).
//   - X-Forwarded-For names the client of a request. Each proxy appends the address of its peer,
//     so the client is the last address of the header that is not a trusted proxy.
//   - X-Forwarded-Proto says whether the client reached the proxy over HTTPS.
package proxies

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/livelearn/box/services/errs"
)

const (
	op            = "gateway.proxies"
	maxHops       = 32               // addresses of X-Forwarded-For that are read
	headerTimeout = 10 * time.Second // for the PROXY header, as for the header of a request
)

// List holds the networks of the proxies whose headers are believed.
type List []netip.Prefix

// Parse reads addresses and networks: "10.0.0.5", "10.0.0.0/8", "fd00::/8". The error is
// errs.Invalid and quotes the text that is neither.
func Parse(texts []string) (List, error) {
	var l List
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				return nil, errs.Newf(op, errs.Invalid, "%q is no address and no network like 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		if p.Bits() == 0 {
			return nil, errs.Newf(op, errs.Invalid, "%q trusts every address, so anybody could name any address", text)
		}
		l = append(l, p.Masked())
	}
	return l, nil
}

// Contains reports whether a host, without port, is a trusted proxy.
func (l List) Contains(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && l.contains(addr)
}

func (l List) contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(l, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Listen reads the PROXY header of connections from trusted proxies. One without the header is a
// connection of the proxy itself. A malformed header closes the connection. Other peers' bytes are
// not looked at.
func (l List) Listen(ln net.Listener) net.Listener {
	if len(l) == 0 {
		return ln
	}
	policy := func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		if addr, err := netip.ParseAddrPort(o.Upstream.String()); err == nil && l.contains(addr.Addr()) {
			return proxyproto.USE, nil
		}
		return proxyproto.SKIP, nil
	}
	return &proxyproto.Listener{Listener: ln, ConnPolicy: policy, ReadHeaderTimeout: headerTimeout}
}

// Handler sets http.Request.RemoteAddr to the client that trusted proxies name in
// X-Forwarded-For, and http.Request.TLS where they say that the client came over HTTPS. A name that
// is no address is a 400 bad_forwarded_for.
func (l List) Handler(next http.Handler, refuse func(http.ResponseWriter, error)) http.Handler {
	if len(l) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !l.contains(peer.Addr()) {
			next.ServeHTTP(w, r)
			return
		}
		client, err := l.findClient(r.Header.Values("X-Forwarded-For"))
		if err != nil {
			refuse(w, err)
			return
		}
		r = r.Clone(r.Context())
		if client.IsValid() {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		}
		if strings.EqualFold(lastOf(r.Header.Values("X-Forwarded-Proto")), "https") && r.TLS == nil {
			r.TLS = &tls.ConnectionState{} // the proxy ends TLS, and this connection is the proxy's own
		}
		next.ServeHTTP(w, r)
	})
}

// findClient returns the last address that is no trusted proxy, or else the first address. It is
// not valid when there is none.
func (l List) findClient(headers []string) (client netip.Addr, err error) {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for i, hop := range slices.Backward(hops[max(0, len(hops)-maxHops):]) {
		hop = strings.TrimSpace(hop)
		if hop == "" && len(hops) == 1 {
			return client, nil
		}
		if client, err = parseHop(hop); err != nil {
			return client, errs.NewField(op, "X-Forwarded-For", "bad_forwarded_for", 0, "hop %d is no address", i+1)
		}
		if !l.contains(client) {
			return client, nil
		}
	}
	return client, nil
}

// lastOf returns the last value of a header that is a list: the one of the nearest proxy.
func lastOf(headers []string) string {
	list := strings.Split(strings.Join(headers, ","), ",")
	return strings.TrimSpace(list[len(list)-1])
}

// parseHop reads an address. Some proxies append the port, and some write brackets.
func parseHop(hop string) (netip.Addr, error) {
	if p, err := netip.ParseAddrPort(hop); err == nil {
		return p.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	return addr.Unmap().WithZone(""), err
}
