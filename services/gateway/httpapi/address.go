package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ReachableURLs returns the URLs under which others reach a listener at addr. Private
// addresses come first, because a QR code shows the first one. Loopback comes last.
func ReachableURLs(scheme, addr string) []string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return []string{}
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return []string{scheme + "://" + addr}
	}
	var out, rest []string
	for _, ip := range OwnAddresses() {
		switch {
		case ip.To4() == nil:
		case ip.IsLoopback():
			rest = append(rest, scheme+"://"+net.JoinHostPort(ip.String(), port))
		default:
			out = append(out, scheme+"://"+net.JoinHostPort(ip.String(), port))
		}
	}
	return append(out, rest...)
}

// OwnAddresses returns the addresses of the box that its certificate may name, loopback first.
func OwnAddresses() []net.IP {
	out := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return out
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && (n.IP.IsPrivate() || n.IP.IsLinkLocalUnicast()) {
			out = append(out, n.IP)
		}
	}
	return out
}

// IsLoopback reports whether a request comes from the box itself.
func IsLoopback(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// IsSameOrigin reports whether a socket upgrade comes from a page of the box or from a program
// without a page. Browsers send Origin with every upgrade, and CrossOriginProtection lets GET
// pass.
func IsSameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host)
}
