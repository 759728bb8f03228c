package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
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
	return rankURLs(scheme, port, append(OwnAddresses(), globalIPv6()...))
}

// OriginAt returns the origin of a listener of the box, under the host name that the sender of r
// used. The scheme's own port is left out.
func OriginAt(r *http.Request, scheme, listener string) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return HostOrigin(strings.Trim(host, "[]"), scheme, listener)
}

// HostOrigin returns the origin of a listener of the box under a host name.
func HostOrigin(host, scheme, listener string) string {
	_, port, _ := net.SplitHostPort(listener)
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		port = ""
	}
	return scheme + "://" + strings.TrimSuffix(net.JoinHostPort(host, port), ":")
}

// rankURLs returns the URLs of the addresses: IPv4, or IPv6 in a network that has nothing else,
// and then loopback. Browsers cannot open an address that is valid on one link only.
func rankURLs(scheme, port string, ips []net.IP) []string {
	var v4, v6, rest []string
	for _, ip := range ips {
		at := scheme + "://" + net.JoinHostPort(ip.String(), port)
		switch {
		case ip.To4() == nil:
			if ip.IsGlobalUnicast() && !slices.Contains(v6, at) {
				v6 = append(v6, at)
			}
		case ip.IsLoopback():
			rest = append(rest, at)
		default:
			v4 = append(v4, at)
		}
	}
	if len(v4) == 0 {
		v4 = v6
	}
	return append(v4, rest...)
}

// globalIPv6 returns the IPv6 addresses of the machine that are no private ones.
func globalIPv6() (out []net.IP) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsGlobalUnicast() && !n.IP.IsPrivate() {
			out = append(out, n.IP)
		}
	}
	return out
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
