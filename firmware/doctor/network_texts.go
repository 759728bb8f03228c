package doctor

import (
	"strings"

	"github.com/livelearn/box/services/health"
)

// networkText is what a finding about the network says. The admin page has the same sentences in its
// languages, as admin.netCheck.CODE and admin.netCheck.CODE.do, and a test compares the English ones.
type networkText struct {
	level  health.Level
	guide  string // the part of the guide about it, empty: none. ui/build has the same names
	what   string
	remedy string // empty when all is well
}

const (
	askForAddress = "ask the administrator for DHCP, or for a fixed address, and enter that: address, gateway and dns under [network] in livelearn.toml"
	askToPass     = "ask the administrator to let the box through without that page: it cannot fill it in. If the school has a web proxy, enter it: proxy under [network] in livelearn.toml. Lessons need no internet"
)

var networkTexts = map[string]networkText{
	"ports_unknown":   {health.Warn, "", "the ports are not known: {error}", "check that the program may see the network"},
	"no_cable":        {health.OK, "", "no network cable is in; a Wi-Fi of this machine is not checked", ""},
	"address_dhcp":    {health.OK, "", "{port} has the address {address} from a DHCP server", ""},
	"address_fixed":   {health.OK, "", "{port} has the address {address}, which is fixed (or a program keeps it)", ""},
	"address_made_up": {health.Warn, "no-address", "{port} has only the address {address}, which it made up: no DHCP server answered", askForAddress},
	"no_address":      {health.Warn, "no-address", "{port} has a cable and no address: no DHCP server answered", askForAddress},

	"sign_in_needs_root": {health.OK, "", "{port}: whether the switch asks for a sign-in (802.1X) is not known without root rights", ""},
	"sign_in_unknown":    {health.OK, "", "{port}: whether the switch asks for a sign-in (802.1X) is not known: {error}", ""},
	"sign_in": {
		health.Warn, "sign-in", "{port}: the switch asks for a sign-in (802.1X)",
		"ask the administrator for a name and a password for the box and enter them on the admin page under Network, " +
			"or for a socket without 802.1X, or to let the box in by its hardware address. " +
			"If the box signs in already, the list of its ports says how that goes",
	},
	"no_sign_in": {health.OK, "", "{port}: the switch asks for no sign-in (802.1X)", ""},

	"dhcp_unknown": {health.OK, "", "{port}: who gives addresses is not known: {error}", ""},
	"several_dhcp": {
		health.Warn, "two-boxes", "{port}: more than one machine gives addresses (DHCP): {servers}; devices get some from each",
		"switch off all but one of them: a box with a network of its own, a router, or a second box",
	},
	"one_dhcp": {health.OK, "", "{port}: {servers} gives addresses (DHCP), and nobody else", ""},
	"no_dhcp":  {health.OK, "", "{port}: nobody gives addresses (DHCP)", ""},

	"multicast_unknown": {health.OK, "", "whether the network carries multicast is not known: {error}", ""},
	"no_multicast":      {health.OK, "no-name", "no other device answers multicast: nobody else is there, or the network does not carry it, and then {name} does not open. Use the address", ""},
	"multicast":         {health.OK, "", "the network carries multicast; devices that answer: {count}", ""},
	"name_taken": {
		health.Warn, "two-boxes", "another machine has the name {name} too: {addresses}",
		"give one of the two another name, on its admin page; until then use the addresses",
	},

	"internet":          {health.OK, "", "the internet is reached", ""},
	"internet_by_proxy": {health.OK, "", "the internet is reached through the web proxy {proxy}", ""},
	"proxy_unreadable":  {health.Warn, "no-internet", "the address of the web proxy cannot be read", "correct proxy under [network] in livelearn.toml"},
	"proxy_sign_in": {
		health.Warn, "no-internet", "the web proxy asks for a sign-in",
		`ask the administrator to let the box through without a sign-in, or write the name and the password into proxy: "http://name:password@proxy.school:3128"`,
	},
	"proxy_fails": {health.Warn, "no-internet", "the web proxy does not lead to the internet: {error}", "check proxy under [network] in livelearn.toml; lessons need no internet"},
	"sign_in_page": {
		health.Warn, "no-internet", "{host} answers instead of the internet: a sign-in page or a filter (status {status})",
		askToPass,
	},
	"filter": {health.Warn, "no-internet", "another page answers instead of the internet: a sign-in page or a filter (status {status})", askToPass},
	"no_internet": {
		health.OK, "no-internet",
		"no internet, which lessons do not need. Updates and the cloud do: if the school has a web proxy, enter it as proxy under [network] in livelearn.toml ({error})", "",
	},

	"isolation": {health.OK, "isolation", "whether the Wi-Fi keeps devices apart (client isolation) cannot be seen from here: open {address} on a phone in the pupils' Wi-Fi; " +
		"if it does not open there, ask the administrator to allow that address, or give the box a network of its own (the guide at /guide says how)", ""},
}

// networkFinding makes the finding of a code. Its texts are filled from the pairs of a name and a value.
func networkFinding(code string, pairs ...string) Finding {
	text := networkTexts[code]
	f := Finding{Level: text.level, What: text.what, Remedy: text.remedy, Code: code, Vars: map[string]string{}, Guide: text.guide}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Vars[pairs[i]] = pairs[i+1]
		f.What = strings.ReplaceAll(f.What, "{"+pairs[i]+"}", pairs[i+1])
	}
	return f
}
