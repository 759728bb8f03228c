// Package addresses finds the URLs by which people reach a listener of this machine. Package
// firmware shows them on the display, and the command line prints them.
package addresses

import (
	"cmp"
	"net"
	"slices"
)

// ListenerURLs returns the URLs that reach a listener at hostport. A listener on all addresses has
// one URL for each of them. Private IPv4 comes first, because phones handle it best.
func ListenerURLs(scheme, hostport string) []string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil
	}
	hosts := []string{host}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		hosts = machineAddresses()
	}
	var list []string
	for _, h := range hosts {
		at := net.JoinHostPort(h, port)
		if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
			at = cmp.Or(bracketIPv6(h), h)
		}
		list = append(list, scheme+"://"+at)
	}
	return list
}

// bracketIPv6 returns an IPv6 address in brackets, as in a URL, and an empty text otherwise.
func bracketIPv6(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return ""
}

// HTTPAddresses returns the URLs that reach a listener of plain HTTP.
func HTTPAddresses(listen string) []string { return ListenerURLs("http", listen) }

// machineAddresses returns the machine's addresses, best first, or loopback if there is no network.
func machineAddresses() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		addrs = nil
	}
	var ips []net.IP
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	slices.SortStableFunc(ips, func(a, b net.IP) int { return addressRank(a) - addressRank(b) })
	var hosts []string
	for _, ip := range ips {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}

func addressRank(ip net.IP) int {
	switch {
	case ip.To4() != nil && ip.IsPrivate():
		return 0
	case ip.To4() != nil:
		return 1
	}
	return 2
}

// HasLink reports whether a network is connected: a cable is in, or a Wi-Fi is joined or made.
func HasLink() bool { return slices.ContainsFunc(netInterfaces(), isConnected) }

// HasAddress reports whether other machines can reach this one.
func HasAddress() bool { return !slices.Equal(machineAddresses(), []string{"127.0.0.1"}) }

func netInterfaces() []net.Interface {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	return list
}

// isConnected reports whether an interface is up and has a carrier.
func isConnected(i net.Interface) bool {
	return i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0 && i.Flags&net.FlagLoopback == 0
}
