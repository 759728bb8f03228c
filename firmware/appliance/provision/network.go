package provision

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// The modes of the network.
const (
	Guest = "guest" // in the school's network, by DHCP
	Own   = "own"   // its own network on Ethernet: it gives the addresses and the names
	AP    = "ap"    // its own network by Wi-Fi
)

// Network is which network the box is in. What an admin sets on the page wins.
type Network struct {
	Mode    string   // "guest", "own" or "ap"; default "guest"
	Address string   // of the box: as a guest "192.168.1.20/24" or empty for DHCP; in its own network default "10.10.0.1/20"
	Gateway string   // as a guest with an address: the way out; empty: none
	DNS     []string // as a guest with an address: who knows names
	Time    []string // servers of time; empty: DHCP's and everybody's
	Domain  string   // the plain name that the box answers to; default "livelearn.home"
}

// Name of a machine or a domain (RFC 1123 2.1).
var domain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// WithDefaults fills in what is empty.
func (n Network) WithDefaults() Network {
	if n.Mode == "" {
		n.Mode = Guest
	}
	if n.Address == "" && n.Mode != Guest {
		n.Address = "10.10.0.1/20"
	}
	if n.Domain == "" {
		n.Domain = "livelearn.home"
	}
	return n
}

// maxServers bounds a list of servers.
const maxServers = 4

// Validate refuses what cannot be a network.
func (n Network) Validate() error {
	n = n.WithDefaults()
	switch {
	case !slices.Contains([]string{Guest, Own, AP}, n.Mode):
		return errs.Field("", "network.mode", "unknown", 0, `must be "guest", "own" or "ap"`)
	case len(n.Domain) > 253 || !domain.MatchString(n.Domain):
		return errs.Field("", "network.domain", "bad_name", 253, `must be a name such as "livelearn.home"`)
	case len(n.DNS) > maxServers:
		return errs.Field("", "network.dns", "too_many", maxServers, "at most %d", maxServers)
	case len(n.Time) > maxServers:
		return errs.Field("", "network.time", "too_many", maxServers, "at most %d", maxServers)
	}
	for _, s := range n.DNS {
		if _, err := netip.ParseAddr(s); err != nil {
			return errs.Field("", "network.dns", "bad_address", 0, `must be addresses such as "192.168.1.1"`)
		}
	}
	for _, s := range n.Time {
		if _, err := netip.ParseAddr(s); err != nil && (len(s) > 253 || !domain.MatchString(strings.ToLower(s))) {
			return errs.Field("", "network.time", "bad_name", 0, `must be names or addresses of servers`)
		}
	}
	return n.addresses()
}

// addresses checks the box's own address and the way out.
func (n Network) addresses() error {
	if n.Address == "" {
		if n.Gateway != "" || len(n.DNS) > 0 {
			return errs.Field("", "network.address", "missing", 0, "gateway and dns need an address; without one DHCP tells all three")
		}
		return nil
	}
	own, err := netip.ParsePrefix(n.Address)
	ip := own.Addr()
	if err != nil || !ip.IsGlobalUnicast() || ip.Is4In6() || own.IsSingleIP() {
		return errs.Field("", "network.address", "bad_address", 0, `must be an address with its prefix, such as "192.168.1.20/24"`)
	}
	if n.Mode != Guest {
		// Others' addresses in the internet must not be ours.
		switch {
		case !ip.Is4() || !ip.IsPrivate() || own.Bits() < 16 || own.Bits() > 26:
			return errs.Field("", "network.address", "bad_address", 0, "a network of its own is a private IPv4 one of /16 to /26")
		case own.Masked().Addr() == ip:
			return errs.Field("", "network.address", "bad_address", 0, "%s is the network and no machine in it", ip)
		case n.Gateway != "":
			return errs.Field("", "network.gateway", "not_here", 0, "a network of its own has no way out")
		}
		return nil
	}
	if n.Gateway == "" {
		return nil
	}
	if g, err := netip.ParseAddr(n.Gateway); err != nil || !own.Contains(g) || g == ip {
		return errs.Field("", "network.gateway", "bad_address", 0, "must be another address within %s", own.Masked())
	}
	return nil
}

// Wifi is the network that the box makes by Wi-Fi.
type Wifi struct {
	SSID       string // a pattern as Box.Name; empty: the box's name
	Passphrase Secret // 8 to 63 characters; empty: the box makes its own
	Country    string // whose rules the radio follows, ISO 3166: "FR"; empty: what is allowed everywhere
	Channel    int    // 0: the box chooses
}

var (
	country  = regexp.MustCompile(`^[A-Z]{2}$`)
	channels = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 36, 40, 44, 48, 149, 153, 157, 161, 165}
)

// Validate refuses what no radio takes. The passphrase is in no error.
func (w Wifi) Validate() error {
	if err := (Box{Name: w.SSID}).pattern(); err != nil || len(w.SSID) > 32 && !strings.Contains(w.SSID, "{") {
		return errs.Field("", "wifi.ssid", "bad_name", 32, "a network's name has 1 to 32 bytes; {name}, {digits} and {serial} are the box's own")
	}
	p := w.Passphrase.Reveal()
	// WPA2 and WPA3 with a text (IEEE 802.11, annex J.4): printable ASCII.
	odd := strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case p != "" && (len(p) < 8 || len(p) > 63 || odd):
		return errs.Field("", "wifi.passphrase", "bad_passphrase", 63, "must have 8 to 63 letters, digits and signs without accents")
	case w.Country != "" && !country.MatchString(w.Country):
		return errs.Field("", "wifi.country", "bad_country", 0, `must be two capital letters: "FR"`)
	case !slices.Contains(channels, w.Channel):
		return errs.Field("", "wifi.channel", "unknown", 0, "must be 1 to 13, 36 to 48, 149 to 165, or 0 for the box to choose")
	case w.Channel > 11 && w.Country == "":
		return errs.Field("", "wifi.channel", "needs_country", 11, "a channel above 11 needs the country")
	}
	return nil
}

// Called is the name of the network of the box with a serial number, at most 32 bytes.
func (w Wifi) Called(serial, made, box string) string {
	name := box
	if w.SSID != "" {
		name = Box{Name: w.SSID}.Called(serial, made)
	}
	for len(name) > 32 { // IEEE 802.11 9.4.2.2
		r := []rune(name)
		name = string(r[:len(r)-1])
	}
	return name
}
