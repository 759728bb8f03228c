package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/network"
)

// TestTheDoctorTellsWhatIsBetweenTheBoxAndTheInternet asks servers on loopback: the page itself, a
// sign-in page in front of it, and web proxies.
func TestTheDoctorTellsWhatIsBetweenTheBoxAndTheInternet(t *testing.T) {
	serve := func(f http.HandlerFunc) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	page := serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, probeText+"\n") })
	portal := serve(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://login.school.example/welcome", http.StatusFound)
	})
	filter := serve(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<h1>This page is blocked</h1>")
	})
	proxy := serve(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "page.example" {
			t.Errorf("the proxy was asked for %s", r.URL)
		}
		_, _ = io.WriteString(w, probeText+"\n")
	})
	strict := serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, at := range []struct {
		name, probe, proxy string
		level              health.Level
		what, remedy       string
	}{
		{"open", page, "", health.OK, "the internet is reached", ""},
		{"a sign-in page", portal, "", health.Warn, "login.school.example answers instead of the internet", "let the box through"},
		{"a filter", filter, "", health.Warn, "another page answers instead of the internet", "proxy under [network]"},
		{"closed", gone.URL, "", health.OK, "if the school has a web proxy, enter it as proxy", ""},
		{"through a proxy", "http://page.example/nm", proxy, health.OK, "through the web proxy", ""},
		{"a proxy with a password", "http://page.example/nm", strict, health.Warn, "asks for a sign-in", "name:password@"},
		{"no such proxy", "http://page.example/nm", gone.URL, health.Warn, "does not lead to the internet", "check proxy"},
	} {
		f := checkInternet(t.Context(), at.probe, at.proxy)
		if f.Level != at.level || !strings.Contains(f.What, at.what) || !strings.Contains(f.Remedy, at.remedy) || (f.Level == health.OK) != (f.Remedy == "") {
			t.Errorf("%s: %+v", at.name, f)
		}
	}
}

func TestTheDoctorNamesTheFaultsOfASchoolNetwork(t *testing.T) {
	port := func(text string, leased bool) Finding {
		p := network.CabledPort{Name: "eth0"}
		if text != "" {
			p.Addresses = []network.CabledAddress{{Prefix: netip.MustParsePrefix(text), Leased: leased}}
		}
		f, _ := checkAddress(p)
		return f
	}
	other := []netip.Addr{netip.MustParseAddr("192.0.2.8")}
	last := func(list []Finding) Finding { return list[len(list)-1] }
	for _, at := range []struct {
		f            Finding
		level        health.Level
		what, remedy string
	}{
		{port("192.0.2.7/24", true), health.OK, "from a DHCP server", ""},
		{port("192.0.2.7/24", false), health.OK, "is fixed", ""},
		{port("169.254.3.4/16", false), health.Warn, "which it made up", "address, gateway and dns under [network]"},
		{port("", false), health.Warn, "a cable and no address", "ask the administrator for DHCP"},
		{signInFinding("eth0", true, nil), health.Warn, "asks for a sign-in (802.1X)", "hardware address"},
		{signInFinding("eth0", false, nil), health.OK, "no sign-in", ""},
		{signInFinding("eth0", false, syscall.EPERM), health.OK, "not known without root rights", ""},
		{serverFinding("eth0", []string{"192.0.2.1"}, nil), health.OK, "192.0.2.1 gives addresses", ""},
		{serverFinding("eth0", []string{"192.0.2.1", "10.10.0.1"}, nil), health.Warn, "more than one machine gives addresses (DHCP): 192.0.2.1, 10.10.0.1", "switch off all but one"},
		{serverFinding("eth0", nil, errors.New("no right")), health.OK, "is not known", ""},
		{last(multicastFindings("room-12", discover.Heard{})), health.OK, "room-12.local does not open. Use the address", ""},
		{last(multicastFindings("room-12", discover.Heard{Devices: other})), health.OK, "carries multicast", ""},
		{last(multicastFindings("room-12", discover.Heard{Devices: other, Name: other})), health.Warn, "has the name room-12.local too: 192.0.2.8", "another name"},
		{isolationFinding([]string{"http://127.0.0.1:8080", "http://192.0.2.7"}), health.OK, "open http://192.0.2.7 on a phone in the pupils' Wi-Fi", ""},
	} {
		if f := at.f; f.Level != at.level || !strings.Contains(f.What, at.what) || !strings.Contains(f.Remedy, at.remedy) || (f.Level == health.OK) != (f.Remedy == "") {
			t.Errorf("%+v, want %v, %q, %q", f, at.level, at.what, at.remedy)
		}
	}
}

func TestTheDoctorEndsWhenItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := checkInternet(ctx, probeURL, ""); !strings.Contains(f.What, "no internet") {
		t.Errorf("%+v", f)
	}
}
