package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
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

// Surroundings is what a look at the network needs to know of the box.
type Surroundings struct {
	Name      string   // of the box, empty: no box runs here
	Addresses []string // that the box shows
	Proxy     string   // the setting of the box
}

// CheckNetwork says what in the network around this machine prevents lessons, updates and
// the cloud. proxy is the setting of the box. It sends packets, so Run does not call it.
func CheckNetwork(ctx context.Context, data, proxy string) []Finding {
	box := runningStatus(ctx, data)
	return LookAround(ctx, Surroundings{box.Name, box.HTTPAddresses, proxy}, func(int, int) {})
}

// LookAround does the checks of CheckNetwork one after the other, for some seconds each. progress
// hears how many of them are done.
func LookAround(ctx context.Context, box Surroundings, progress func(done, total int)) (list []Finding) {
	ports, err := network.CabledPorts()
	steps := []func() []Finding{
		func() []Finding { return checkMulticastOthers(ctx, box.Name) },
		func() []Finding { return []Finding{checkInternet(ctx, probeURL, box.Proxy)} },
	}
	switch {
	case err != nil:
		list = []Finding{networkFinding("ports_unknown", "error", err.Error())}
	case len(ports) == 0:
		list = []Finding{networkFinding("no_cable")}
	default:
		for _, p := range ports {
			steps = slices.Insert(steps, len(steps)-2, func() []Finding { return checkCabledPort(ctx, p) })
		}
	}
	for i, step := range steps {
		progress(i, len(steps))
		list = append(list, step()...)
	}
	progress(len(steps), len(steps))
	return append(list, isolationFinding(box.Addresses))
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

// checkCabledPort looks at the addresses of a port, and asks why if it has none.
func checkCabledPort(ctx context.Context, p network.CabledPort) []Finding {
	f, ok := checkAddress(p)
	if !ok {
		return []Finding{f, checkSignIn(ctx, p.Name)}
	}
	return []Finding{f, checkServers(ctx, p.Name)}
}

// checkAddress says where the address of a port comes from. ok is false if no other machine can reach it.
func checkAddress(p network.CabledPort) (f Finding, ok bool) {
	for _, a := range p.Addresses {
		switch {
		case a.Prefix.Addr().IsLinkLocalUnicast():
		case a.Leased:
			return networkFinding("address_dhcp", "port", p.Name, "address", a.Prefix.String()), true
		default:
			return networkFinding("address_fixed", "port", p.Name, "address", a.Prefix.String()), true
		}
	}
	if len(p.Addresses) > 0 {
		return networkFinding("address_made_up", "port", p.Name, "address", p.Addresses[0].Prefix.String()), false
	}
	return networkFinding("no_address", "port", p.Name), false
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
		return networkFinding("sign_in_needs_root", "port", port)
	case err != nil:
		return networkFinding("sign_in_unknown", "port", port, "error", err.Error())
	case asks:
		return networkFinding("sign_in", "port", port)
	}
	return networkFinding("no_sign_in", "port", port)
}

// checkServers looks for a second giver of addresses.
func checkServers(ctx context.Context, port string) Finding {
	servers, err := network.DHCPServers(ctx, port, askTimeout)
	return serverFinding(port, servers, err)
}

func serverFinding(port string, servers []string, err error) Finding {
	switch {
	case err != nil:
		return networkFinding("dhcp_unknown", "port", port, "error", err.Error())
	case len(servers) > 1:
		return networkFinding("several_dhcp", "port", port, "servers", strings.Join(servers, ", "))
	case len(servers) == 1:
		return networkFinding("one_dhcp", "port", port, "servers", servers[0])
	}
	return networkFinding("no_dhcp", "port", port)
}

func checkMulticastOthers(ctx context.Context, box string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	name := discover.HostName(box)
	heard, err := discover.Ask(ctx, name)
	if err != nil {
		return []Finding{networkFinding("multicast_unknown", "error", err.Error())}
	}
	return multicastFindings(name, heard)
}

func multicastFindings(name string, heard discover.Heard) []Finding {
	if len(heard.Devices) == 0 {
		return []Finding{networkFinding("no_multicast", "name", localName(name))}
	}
	list := []Finding{networkFinding("multicast", "count", strconv.Itoa(len(heard.Devices)))}
	if len(heard.Name) > 0 {
		list = append(list, networkFinding("name_taken", "name", localName(name), "addresses", joinAddresses(heard.Name)))
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
	reached, transport := networkFinding("internet"), &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil {
			return networkFinding("proxy_unreadable") // without err, which has the password
		}
		reached, transport.Proxy = networkFinding("internet_by_proxy", "proxy", u.Host), http.ProxyURL(u)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe, nil)
	if err != nil {
		return noInternetFinding(proxy, err)
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
		return reached
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return networkFinding("proxy_sign_in")
	}
	status := strconv.Itoa(resp.StatusCode)
	if at, err := resp.Location(); err == nil {
		return networkFinding("sign_in_page", "host", at.Host, "status", status)
	}
	return networkFinding("filter", "status", status)
}

func noInternetFinding(proxy string, err error) Finding {
	var fault *url.Error
	if errors.As(err, &fault) {
		err = fault.Err
	}
	if proxy != "" {
		return networkFinding("proxy_fails", "error", err.Error())
	}
	return networkFinding("no_internet", "error", err.Error())
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
	return networkFinding("isolation", "address", at)
}
