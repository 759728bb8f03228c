package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/display"
	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/network"
)

// The page by which Debian's machines find out whether a network leads to the internet, and what it
// says. It is asked over plain HTTP, because a sign-in page can answer only there.
const (
	probeURL  = "http://network-test.debian.org/nm"
	probeText = "NetworkManager is online"
)

const (
	probeTimeout = 6 * time.Second
	askTimeout   = 2 * time.Second // for the answers of others in the network
	signInWait   = 3 * time.Second // for the question of a switch
)

// CheckNetwork says what in the network around this machine prevents lessons, updates and
// the cloud. proxy is the setting of the box. It sends packets, so Run does not call it.
func CheckNetwork(ctx context.Context, data, proxy string) []Finding {
	ports, err := network.CabledPorts()
	if err != nil {
		return []Finding{warnFinding("check that the program may see the network", "the ports are not known: %v", err)}
	}
	list := checkPorts(ctx, ports)
	box := runningStatus(ctx, data)
	list = append(list, checkMulticastOthers(ctx, box.Name)...)
	list = append(list, checkInternet(ctx, probeURL, proxy))
	return append(list, isolationFinding(box.HTTPAddresses))
}

func runningStatus(ctx context.Context, data string) (s display.Status) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	body, err := control.Get(ctx, data, "/status")
	if err != nil {
		return s // no box runs here
	}
	defer func() { _ = body.Close() }()
	_ = json.NewDecoder(body).Decode(&s) // as above
	return s
}

// checkPorts looks at the addresses of the ports, and asks at those that have none why.
func checkPorts(ctx context.Context, ports []network.CabledPort) (list []Finding) {
	if len(ports) == 0 {
		return []Finding{okFinding("no network cable is in; a Wi-Fi of this machine is not checked")}
	}
	for _, p := range ports {
		f, ok := checkAddress(p)
		list = append(list, f)
		if !ok {
			list = append(list, checkSignIn(ctx, p.Name))
			continue
		}
		list = append(list, checkServers(ctx, p.Name))
	}
	return list
}

// checkAddress says where the address of a port comes from. ok is false if no other machine can reach it.
func checkAddress(p network.CabledPort) (f Finding, ok bool) {
	for _, a := range p.Addresses {
		switch {
		case a.Prefix.Addr().IsLinkLocalUnicast():
		case a.Leased:
			return okFinding("%s has the address %s from a DHCP server", p.Name, a.Prefix), true
		default:
			return okFinding("%s has the address %s, which is fixed (or a program keeps it)", p.Name, a.Prefix), true
		}
	}
	const mend = "ask the administrator for DHCP, or for a fixed address, and enter that: address, gateway and dns under [network] in livelearn.toml"
	if len(p.Addresses) > 0 {
		return warnFinding(mend, "%s has only the address %s, which it made up: no DHCP server answered", p.Name, p.Addresses[0].Prefix), false
	}
	return warnFinding(mend, "%s has a cable and no address: no DHCP server answered", p.Name), false
}

// checkSignIn asks whether the port of the switch wants 802.1X.
func checkSignIn(ctx context.Context, port string) Finding {
	ctx, cancel := context.WithTimeout(ctx, signInWait)
	defer cancel()
	asks, err := network.AsksForSignIn(ctx, port)
	return signInFinding(port, asks, err)
}

func signInFinding(port string, asks bool, err error) Finding {
	switch {
	case errors.Is(err, os.ErrPermission):
		return okFinding("%s: whether the switch asks for a sign-in (802.1X) is not known without root rights", port)
	case err != nil:
		return okFinding("%s: whether the switch asks for a sign-in (802.1X) is not known: %v", port, err)
	case asks:
		return warnFinding("ask the administrator for a socket without 802.1X, or to let the box in by its hardware address; the box cannot sign in on a cable",
			"%s: the switch asks for a sign-in (802.1X)", port)
	}
	return okFinding("%s: the switch asks for no sign-in (802.1X)", port)
}

// checkServers looks for a second giver of addresses.
func checkServers(ctx context.Context, port string) Finding {
	servers, err := network.DHCPServers(ctx, port, askTimeout)
	return serverFinding(port, servers, err)
}

func serverFinding(port string, servers []string, err error) Finding {
	switch {
	case err != nil:
		return okFinding("%s: who gives addresses is not known: %v", port, err)
	case len(servers) > 1:
		return warnFinding("switch one of them off: a box with a network of its own, a router, or a second box",
			"%s: %d machines give addresses (DHCP): %s; devices get some from each", port, len(servers), strings.Join(servers, " and "))
	case len(servers) == 1:
		return okFinding("%s: %s gives addresses (DHCP), and nobody else", port, servers[0])
	}
	return okFinding("%s: nobody gives addresses (DHCP)", port)
}

func checkMulticastOthers(ctx context.Context, box string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	name := discover.HostName(box)
	heard, err := discover.Ask(ctx, name)
	if err != nil {
		return []Finding{okFinding("whether the network carries multicast is not known: %v", err)}
	}
	return multicastFindings(name, heard)
}

func multicastFindings(name string, heard discover.Heard) []Finding {
	if len(heard.Devices) == 0 {
		return []Finding{okFinding("no other device answers multicast: nobody else is there, or the network does not carry it, and then %s does not open. Use the address", localName(name))}
	}
	list := []Finding{okFinding("the network carries multicast: %d other devices answer", len(heard.Devices))}
	if len(heard.Name) > 0 {
		list = append(list, warnFinding("give one of the two another name, on its admin page; until then use the addresses",
			"another machine has the name %s.local too: %s", name, joinAddresses(heard.Name)))
	}
	return list
}

func localName(name string) string {
	if name == "" {
		return "a name that ends in .local"
	}
	return name + ".local"
}

func joinAddresses(list []netip.Addr) string {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

// checkInternet asks a page that is known for its answer. Another answer comes from something between.
func checkInternet(ctx context.Context, probe, proxy string) Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	way, transport := "", &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil {
			return warnFinding("correct proxy under [network] in livelearn.toml", "the address of the web proxy cannot be read: %v", err)
		}
		way, transport.Proxy = " through the web proxy "+u.Host, http.ProxyURL(u)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe, nil)
	if err != nil {
		return warnFinding("report this fault", "the internet was not looked for: %v", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return noInternetFinding(proxy, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	switch {
	case err != nil:
		return noInternetFinding(proxy, err)
	case resp.StatusCode == http.StatusOK && strings.HasPrefix(string(text), probeText):
		return okFinding("the internet is reached%s", way)
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return warnFinding("ask the administrator to let the box through without a sign-in, or write the name and the password into proxy: \"http://name:password@proxy.school:3128\"",
			"the web proxy asks for a sign-in")
	}
	return warnFinding("ask the administrator to let the box through without that page: it cannot fill it in. If the school has a web proxy, enter it: proxy under [network] in livelearn.toml. Lessons need no internet",
		"%s answers instead of the internet%s: a sign-in page or a filter (status %d)", answererOf(resp), way, resp.StatusCode)
}

// answererOf names the page to which an answer leads.
func answererOf(resp *http.Response) string {
	if at, err := resp.Location(); err == nil {
		return at.Host
	}
	return "another page"
}

func noInternetFinding(proxy string, err error) Finding {
	var fault *url.Error
	if errors.As(err, &fault) {
		err = fault.Err
	}
	if proxy != "" {
		return warnFinding("check proxy under [network] in livelearn.toml; lessons need no internet", "the web proxy does not lead to the internet: %v", err)
	}
	return okFinding("no internet, which lessons do not need. Updates and the cloud do: if the school has a web proxy, enter it as proxy under [network] in livelearn.toml (%v)", err)
}

// isolationFinding says what no box can see: whether the Wi-Fi keeps devices apart.
func isolationFinding(addresses []string) Finding {
	at := "the address of the box"
	for _, a := range addresses {
		if !strings.Contains(a, "//127.") && !strings.Contains(a, "//[::1]") {
			at = a
			break
		}
	}
	return okFinding("whether the Wi-Fi keeps devices apart (client isolation) cannot be seen from here: open %s on a phone in the pupils' Wi-Fi; "+
		"if it does not open there, ask the administrator to allow that address, or give the box a network of its own (%s)", at, guideOf(at))
}

func guideOf(at string) string {
	if strings.HasPrefix(at, "http") {
		return fmt.Sprintf("%s/guide", at)
	}
	return "/guide on the box"
}
