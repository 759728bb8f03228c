package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/quick"

	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
)

func TestEachRangeHasItsClass(t *testing.T) {
	for text, want := range map[string]egress.Class{
		"8.8.8.8": egress.Public, "172.15.0.1": egress.Public, "172.32.0.1": egress.Public, "100.63.255.255": egress.Public, "2606:4700::1": egress.Public,
		"127.0.0.1": egress.Loopback, "127.255.255.254": egress.Loopback, "::1": egress.Loopback,
		"10.0.0.1": egress.Private, "172.16.0.1": egress.Private, "172.31.255.255": egress.Private, "192.168.1.5": egress.Private, "fd00::1": egress.Private,
		"fec0::1": egress.Private, "64:ff9b:1::808:808": egress.Private,
		"100.64.0.1":  egress.Shared,
		"169.254.1.1": egress.LinkLocal, "169.254.169.254": egress.LinkLocal, "fe80::1%eth0": egress.LinkLocal,
		"224.0.0.251": egress.Multicast, "239.1.1.1": egress.Multicast, "ff02::fb": egress.Multicast,
		"0.0.0.0": egress.Unspecified, "0.1.2.3": egress.Unspecified, "::": egress.Unspecified,
		"255.255.255.255": egress.Reserved, "240.0.0.1": egress.Reserved, "198.18.0.1": egress.Reserved, "192.0.2.1": egress.Reserved, "2001:db8::1": egress.Reserved,
		"2001::7f00:1": egress.Reserved, "4000::1": egress.Reserved, "100::1": egress.Reserved,
		// IPv4 within IPv6: mapped, compatible, NAT64, 6to4
		"::ffff:127.0.0.1": egress.Loopback, "::ffff:8.8.8.8": egress.Public, "::127.0.0.1": egress.Loopback, "::10.0.0.1": egress.Private,
		"64:ff9b::192.168.1.5": egress.Private, "64:ff9b::8.8.8.8": egress.Public, "64:ff9b::169.254.169.254": egress.LinkLocal,
		"2002:0a00:0001::1": egress.Private, "2002:7f00:0001::1": egress.Loopback, "2002:0808:0808::1": egress.Public,
	} {
		if got := egress.ClassOf(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := egress.ClassOf(netip.Addr{}); got != egress.Unspecified {
		t.Errorf("no address: got %s", got)
	}
}

// Whatever an IPv4 address is, it is the same in each form that IPv6 has for it; and a public address
// is never one that the standard library knows as local.
func TestAnIPv4AddressIsTheSameInEachForm(t *testing.T) {
	same := func(b [4]byte) bool {
		want := egress.ClassOf(netip.AddrFrom4(b))
		mapped := netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 14: b[2], 15: b[3]})
		nat64 := netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: b[0], 13: b[1], 14: b[2], 15: b[3]})
		sixToFour := netip.AddrFrom16([16]byte{0x20, 0x02, b[0], b[1], b[2], b[3], 15: 1})
		return egress.ClassOf(mapped) == want && egress.ClassOf(nat64) == want && egress.ClassOf(sixToFour) == want
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
	isLocal := func(a netip.Addr) bool {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || !a.IsGlobalUnicast()
	}
	public := func(four [4]byte, sixteen [16]byte, high uint8) bool {
		sixteen[0] |= high & 0xe0 // half of all in ranges that are not given out
		for _, a := range []netip.Addr{netip.AddrFrom4(four), netip.AddrFrom16(sixteen)} {
			if egress.ClassOf(a) == egress.Public && isLocal(a) {
				t.Log(a)
				return false
			}
		}
		return true
	}
	if err := quick.Check(public, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, client *http.Client, at string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// checkRefused compares a refusal with the class and the setting that it must name.
func checkRefused(t *testing.T, err error, class string) {
	t.Helper()
	e := egress.IsRefusal(err)
	if e == nil || e.Kind != errs.Invalid || e.Field != "url" || !strings.Contains(e.Error(), class) || !strings.Contains(e.Error(), "update.allow_private") {
		t.Errorf("got %v, want a refusal of %s", err, class)
	}
}

func newDialer(reach egress.Reach) *egress.Dialer {
	return &egress.Dialer{Reach: reach, Setting: "update.allow_private", Field: "url"}
}

func TestANameIsRefusedByWhatItResolvesTo(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a refused address was asked") }))
	defer srv.Close()
	port := srv.URL[strings.LastIndexByte(srv.URL, ':'):]
	for host, class := range map[string]string{
		"127.0.0.1": "a loopback address", "localhost": "a loopback address", "[::ffff:127.0.0.1]": "a loopback address",
		"10.255.255.1": "a private address", "169.254.169.254": "a link-local address", "0.0.0.0": "an unspecified address",
		"[64:ff9b::10.0.0.1]": "a private address", "224.0.0.1": "a multicast address",
	} {
		client := newDialer(egress.Internet).NewClient(nil)
		_, err := get(t, client, "http://"+host+port)
		checkRefused(t, err, class)
	}
	_, err := get(t, newDialer(egress.Neighbour).NewClient(nil), srv.URL)
	checkRefused(t, err, "a loopback address")
	_, err = newDialer(egress.Internet).DialContext(t.Context(), "unix", "/run/postgresql/.s.PGSQL.5432")
	checkRefused(t, err, "a socket of this machine")
	for _, at := range []string{"224.0.0.1:80", "255.255.255.255:80"} { // no setting allows these
		_, err = newDialer(egress.Local).DialContext(t.Context(), "tcp", at)
		if egress.IsRefusal(err) == nil {
			t.Errorf("%s: got %v", at, err)
		}
	}
}

// A redirect opens a connection of its own, so it leads nowhere that its address may not.
func TestARedirectIsRefusedByWhereItLeads(t *testing.T) {
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("the redirect was followed to a local address")
		_, _ = io.WriteString(w, "secret")
	}))
	defer secret.Close()
	dialer := newDialer(egress.Internet)
	// A server of the internet, which this machine has not: the connection to it is a pipe.
	door := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !strings.HasPrefix(addr, "198.41.0.4:") {
			return dialer.DialContext(ctx, network, addr)
		}
		here, there := net.Pipe()
		go func() {
			_, _ = there.Read(make([]byte, 4096))
			_, _ = io.WriteString(there, "HTTP/1.1 302 Found\r\nLocation: "+secret.URL+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = there.Close()
		}()
		return here, nil
	}
	client := &http.Client{Transport: &http.Transport{DialContext: door}}
	_, err := get(t, client, "http://198.41.0.4/bundle")
	checkRefused(t, err, "a loopback address")
}

func TestAProxyIsReachedAndLocalAddressesNotThroughIt(t *testing.T) {
	proxied := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proxied = r.URL.String() }))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := newDialer(egress.Internet).NewClient(http.ProxyURL(at))
	defer client.CloseIdleConnections()
	if _, err := get(t, client, "http://updates.example/channel"); err != nil || proxied != "http://updates.example/channel" {
		t.Errorf("through the proxy: got %q, %v", proxied, err)
	}
	proxied = ""
	for _, host := range []string{"10.0.0.1", "localhost", "a.localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "[::ffff:10.0.0.1]"} {
		if _, err := get(t, client, "http://"+host+"/"); egress.IsRefusal(err) == nil || proxied != "" {
			t.Errorf("%s: the proxy was asked for %q, %v", host, proxied, err)
		}
	}
}

// net/http quotes the greeting of a server that speaks no HTTP.
func TestACauseHoldsNothingOfTheAnswer(t *testing.T) {
	for name, greeting := range map[string]string{
		"greeting": "SSH-2.0-secret\r\n", "status": "HTTP/1.1 secret\r\n\r\n", "header": "HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "version": "HTTP/secret 200 OK\r\n\r\n",
		"length": "HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n", "coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: secret\r\n\r\n",
		"location": "HTTP/1.1 302 Found\r\nLocation: http://%zzsecret/\r\n\r\n", "scheme": "HTTP/1.1 302 Found\r\nLocation: secret://host/\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, greeting)
			_ = c.Close()
		}()
		_, err = get(t, newDialer(egress.Local).NewClient(nil), "http://"+l.Addr().String())
		_ = l.Close()
		<-done
		if err == nil || strings.Contains(egress.Cause(err).Error(), "secret") {
			t.Errorf("%s: got %v", name, egress.Cause(err))
		}
	}
	if err := egress.Cause(errors.Join(context.Canceled, errors.New("x"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
