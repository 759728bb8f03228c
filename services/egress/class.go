package egress

import (
	"net/netip"
)

// Class says where an address leads.
type Class uint8

const (
	Public      Class = iota // an address of the internet
	Loopback                 // this machine
	Private                  // RFC 1918, and unique local addresses of RFC 4193
	Shared                   // RFC 6598: between a provider's NAT and its customers
	LinkLocal                // RFC 3927 and RFC 4291 2.5.6
	Multicast                // RFC 5771, RFC 4291 2.7
	Unspecified              // 0.0.0.0/8 and ::
	Reserved                 // anything else that is no unicast address of the internet
)

var classNames = [...]string{
	Public: "a public address", Loopback: "a loopback address", Private: "a private address", Shared: "a shared address of a provider",
	LinkLocal: "a link-local address", Multicast: "a multicast address", Unspecified: "an unspecified address", Reserved: "a reserved address",
}

// String is the class as part of a sentence: "a private address".
func (c Class) String() string { return classNames[c] }

func (c Class) within(r Reach) bool {
	switch c {
	case Public:
		return true
	case Private, Shared, LinkLocal:
		return r >= Neighbour
	case Loopback:
		return r == Local
	default:
		return false
	}
}

// prefixClass are ranges of the registries of IANA for special purposes, the narrower ones first.
var prefixClass = []struct {
	prefix netip.Prefix
	class  Class
}{
	{netip.MustParsePrefix("0.0.0.0/8"), Unspecified},
	{netip.MustParsePrefix("100.64.0.0/10"), Shared},
	{netip.MustParsePrefix("192.0.0.0/24"), Reserved},    // RFC 6890
	{netip.MustParsePrefix("192.0.2.0/24"), Reserved},    // documentation, RFC 5737
	{netip.MustParsePrefix("198.18.0.0/15"), Reserved},   // benchmarks, RFC 2544
	{netip.MustParsePrefix("198.51.100.0/24"), Reserved}, // documentation
	{netip.MustParsePrefix("203.0.113.0/24"), Reserved},  // documentation
	{netip.MustParsePrefix("240.0.0.0/4"), Reserved},     // with the broadcast address

	{netip.MustParsePrefix("64:ff9b:1::/48"), Private}, // NAT64 of a local network, RFC 8215: its lengths differ
	{netip.MustParsePrefix("fec0::/10"), Private},      // site-local, RFC 3879
	{netip.MustParsePrefix("2001::/32"), Reserved},     // Teredo: tunnels to any IPv4 address
	{netip.MustParsePrefix("2001:db8::/32"), Reserved}, // documentation
	{netip.MustParsePrefix("3fff::/20"), Reserved},     // documentation, RFC 9637
	{netip.MustParsePrefix("2001::/23"), Reserved},     // protocols of the IETF
	{netip.MustParsePrefix("2000::/3"), Public},        // all that is given out, RFC 4291
	{netip.MustParsePrefix("::/0"), Reserved},
}

// embedded are IPv6 ranges that carry an IPv4 address, and the byte at which it begins.
var embedded = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible, RFC 4291 2.5.5.1
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4, RFC 3056
}

// ClassOf returns the class of an address. The zero Addr is Unspecified.
func ClassOf(a netip.Addr) Class {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid(), a.IsUnspecified():
		return Unspecified
	case a.IsLoopback():
		return Loopback
	case a.IsMulticast():
		return Multicast
	case a.IsLinkLocalUnicast():
		return LinkLocal
	case a.IsPrivate():
		return Private
	}
	for _, e := range embedded {
		if e.prefix.Contains(a) {
			b := a.As16()
			return ClassOf(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	for _, p := range prefixClass {
		if p.prefix.Contains(a) {
			return p.class
		}
	}
	return Public // the rest of IPv4
}
