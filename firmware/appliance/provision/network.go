package provision

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supplicant"
)

// Modes of the network.
const (
	ModeGuest = "guest" // in the network of the school, by DHCP
	ModeOwn   = "own"   // a network of its own on Ethernet, with DHCP and DNS
	ModeAP    = "ap"    // a network of its own by Wi-Fi
	ModeWifi  = "wifi"  // in the Wi-Fi of the school, which SchoolWifi has
)

// Network configures the network of the box. The settings on the admin page override it.
type Network struct {
	Mode    string   // "guest", "own", "ap" or "wifi"; default "guest"
	Address string   // of the box; guest: "192.168.1.20/24", or empty for DHCP; otherwise default "10.10.0.1/20"
	Gateway string   // guest with a fixed address: the default gateway; empty: none
	DNS     []string // guest with a fixed address: the name servers
	Time    []string // time servers; empty: those of DHCP and public ones
	Proxy   string   // web proxy for updates and the cloud: "http://proxy.example:3128"; empty: none
	Domain  string   // host name of the box; default "livelearn.home"
}

// domainPattern matches the name of a machine or a domain (RFC 1123 2.1).
var domainPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// WithDefaults fills in empty fields.
func (n Network) WithDefaults() Network {
	if n.Mode == "" {
		n.Mode = ModeGuest
	}
	if n.Address == "" && n.Mode != ModeGuest {
		n.Address = "10.10.0.1/20"
	}
	if n.Domain == "" {
		n.Domain = "livelearn.home"
	}
	return n
}

// maxServers bounds a list of servers.
const maxServers = 4

// Validate checks all fields.
func (n Network) Validate() error {
	n = n.WithDefaults()
	switch {
	case !slices.Contains([]string{ModeGuest, ModeOwn, ModeAP, ModeWifi}, n.Mode):
		return errs.NewField("", "network.mode", "unknown", 0, `must be "guest", "own", "ap" or "wifi"`)
	case len(n.Domain) > 253 || !domainPattern.MatchString(n.Domain):
		return errs.NewField("", "network.domain", "bad_name", 253, `must be a name such as "livelearn.home"`)
	case n.Proxy != "" && !isProxy(n.Proxy):
		return errs.NewField("", "network.proxy", "bad_url", 0, `must be an address such as "http://proxy.example:3128"`)
	case len(n.DNS) > maxServers:
		return errs.NewField("", "network.dns", "too_many", maxServers, "at most %d", maxServers)
	case len(n.Time) > maxServers:
		return errs.NewField("", "network.time", "too_many", maxServers, "at most %d", maxServers)
	}
	for _, s := range n.DNS {
		if _, err := netip.ParseAddr(s); err != nil {
			return errs.NewField("", "network.dns", "bad_address", 0, `must be addresses such as "192.168.1.1"`)
		}
	}
	for _, s := range n.Time {
		if _, err := netip.ParseAddr(s); err != nil && (len(s) > 253 || !domainPattern.MatchString(strings.ToLower(s))) {
			return errs.NewField("", "network.time", "bad_name", 0, `must be names or addresses of servers`)
		}
	}
	return n.checkAddresses()
}

// isProxy reports whether a text is the address of a web proxy.
func isProxy(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http" && u.Hostname() != "" && u.Path == "" && u.RawQuery == ""
}

// checkAddresses checks the address of the box and its gateway.
func (n Network) checkAddresses() error {
	if n.Address == "" {
		if n.Gateway != "" || len(n.DNS) > 0 {
			return errs.NewField("", "network.address", "missing", 0, "gateway and dns need an address; without one DHCP provides all three")
		}
		return nil
	}
	own, err := netip.ParsePrefix(n.Address)
	ip := own.Addr()
	if err != nil || !ip.IsGlobalUnicast() || ip.Is4In6() || own.IsSingleIP() {
		return errs.NewField("", "network.address", "bad_address", 0, `must be an address with its prefix, such as "192.168.1.20/24"`)
	}
	if n.Mode != ModeGuest {
		// A public address would hide a host of the internet.
		switch {
		case !ip.Is4() || !ip.IsPrivate() || own.Bits() < 16 || own.Bits() > 26:
			return errs.NewField("", "network.address", "bad_address", 0, "a network of its own is a private IPv4 one of /16 to /26")
		case own.Masked().Addr() == ip:
			return errs.NewField("", "network.address", "bad_address", 0, "%s is the network and no machine in it", ip)
		case n.Gateway != "":
			return errs.NewField("", "network.gateway", "not_here", 0, "a network of its own has no way out")
		}
		return nil
	}
	if n.Gateway == "" {
		return nil
	}
	if g, err := netip.ParseAddr(n.Gateway); err != nil || !own.Contains(g) || g == ip {
		return errs.NewField("", "network.gateway", "bad_address", 0, "must be another address within %s", own.Masked())
	}
	return nil
}

// SchoolWifi is the Wi-Fi that the box joins in the mode "wifi". While it cannot, it opens the access
// point of Wifi.
type SchoolWifi struct {
	SSID     string // name of the Wi-Fi
	Security string // "psk", "peap" or "ttls"; empty: "psk"
	Identity string // peap and ttls: the name of the box at the school's server
	Password Secret // psk: the passphrase
	CA       string // peap and ttls: who signed the certificate of that server, as PEM; peap without it: not checked
	Server   string // peap and ttls: the name in that certificate, or the end of it; empty: any
}

// Network returns the settings for wpa_supplicant.
func (w SchoolWifi) Network() supplicant.Network {
	return supplicant.Network{SSID: w.SSID, Security: w.Security, Identity: w.Identity, Password: w.Password.Reveal(), CA: w.CA, Server: w.Server}
}

// ValidateFor checks all fields for a mode of the network and the box's own access point. Errors do
// not contain the password.
func (w SchoolWifi) ValidateFor(mode string, own Wifi) error {
	if mode != ModeWifi && w == (SchoolWifi{}) {
		return nil
	}
	err := w.Network().Validate()
	switch {
	case err == nil && mode == ModeWifi && own.Country == "":
		return errs.NewField("", "network.mode", "no_country", 0, `"wifi" needs wifi.country, such as "FR"`)
	case err == nil:
		return nil
	}
	b := errs.BodyOf(err)
	field := "school_wifi." + b.Field
	isMissing := map[string]bool{"identity": w.Identity == "", "password": w.Password == "", "ca": w.CA == ""}
	switch {
	case b.Field == "ssid" && w.SSID == "": // the file has no line of a field that is missing
		return errs.NewField("", "network.mode", b.Code, b.Limit, "needs %s: %s", field, b.Message)
	case isMissing[b.Field]:
		return errs.NewField("", "school_wifi.ssid", b.Code, b.Limit, "needs %s: %s", field, b.Message)
	}
	return errs.NewField("", field, b.Code, b.Limit, "%s", b.Message)
}

// SchoolWired is the sign-in to a switch of the school that asks for one (802.1X).
type SchoolWired struct {
	Security string // "peap" or "ttls"; empty: "peap"
	Identity string // the name of the box at the school's server
	Password Secret
	CA       string // who signed the certificate of that server, as PEM; peap without it: not checked
	Server   string // the name in that certificate, or the end of it; empty: any
}

// SignIn returns the settings for wpa_supplicant.
func (w SchoolWired) SignIn() supplicant.SignIn {
	return supplicant.SignIn{Security: w.Security, Identity: w.Identity, Password: w.Password.Reveal(), CA: w.CA, Server: w.Server}
}

// Validate checks all fields. Errors do not contain the password.
func (w SchoolWired) Validate() error {
	err := w.SignIn().Validate()
	if err == nil {
		return nil
	}
	b := errs.BodyOf(err)
	for _, f := range []struct{ name, value string }{{"identity", w.Identity}, {"security", w.Security}, {"password", w.Password.Reveal()}, {"server", w.Server}} {
		isMissing := b.Field == "identity" && w.Identity == "" || b.Field == "password" && w.Password.Reveal() == "" || b.Field == "ca" && w.CA == ""
		if isMissing && f.value != "" { // the file has no line of a field that is missing
			return errs.NewField("", "school_wired."+f.name, b.Code, b.Limit, "needs school_wired.%s: %s", b.Field, b.Message)
		}
	}
	return errs.NewField("", "school_wired."+b.Field, b.Code, b.Limit, "%s", b.Message)
}

// Wifi is the access point that the box opens.
type Wifi struct {
	SSID       string // a pattern like Box.Name; empty: the name of the box
	Passphrase Secret // 8 to 63 characters; empty: the box makes one
	Country    string // ISO 3166, for the radio rules: "FR"; empty: rules that hold everywhere
	Channel    int    // 0: the box chooses
}

var (
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	wifiChannels   = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 36, 40, 44, 48, 149, 153, 157, 161, 165}
)

// Validate checks all fields. Errors do not contain the passphrase.
func (w Wifi) Validate() error {
	if err := (Box{Name: w.SSID}).checkName(); err != nil || len(w.SSID) > 32 && !strings.Contains(w.SSID, "{") {
		return errs.NewField("", "wifi.ssid", "bad_name", 32, "a network's name has 1 to 32 bytes; {name}, {digits} and {serial} are the box's own")
	}
	p := w.Passphrase.Reveal()
	// A WPA2 or WPA3 passphrase is printable ASCII (IEEE 802.11, annex J.4).
	odd := strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case p != "" && (len(p) < 8 || len(p) > 63 || odd):
		return errs.NewField("", "wifi.passphrase", "bad_passphrase", 63, "must have 8 to 63 letters, digits and signs without accents")
	case w.Country != "" && !countryPattern.MatchString(w.Country):
		return errs.NewField("", "wifi.country", "bad_country", 0, `must be two capital letters: "FR"`)
	case !slices.Contains(wifiChannels, w.Channel):
		return errs.NewField("", "wifi.channel", "unknown", 0, "must be 1 to 13, 36 to 48, 149 to 165, or 0 for the box to choose")
	case w.Channel > 11 && w.Country == "":
		return errs.NewField("", "wifi.channel", "needs_country", 11, "a channel above 11 needs the country")
	}
	return nil
}

// SSIDFor returns the SSID of the box with a serial number, at most 32 bytes.
func (w Wifi) SSIDFor(serial, made, box string) string {
	name := box
	if w.SSID != "" {
		name = Box{Name: w.SSID}.NameFor(serial, made)
	}
	for len(name) > 32 { // IEEE 802.11 9.4.2.2
		r := []rune(name)
		name = string(r[:len(r)-1])
	}
	return name
}
