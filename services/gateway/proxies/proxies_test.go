package proxies

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"github.com/livelearn/box/services/errs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAListNamesAddressesAndNetworks(t *testing.T) {
	l, err := Parse([]string{"10.1.2.3/8", "192.168.1.5", "fd00::/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"10.200.0.1": true, "192.168.1.5": true, "192.168.1.6": false, "fd12::7": true, "fe80::1": false, "::1": true,
		"::ffff:10.0.0.9": true, "127.0.0.1": false, "box.local": false, "": false,
	} {
		if got := l.Contains(host); got != want {
			t.Errorf("%q: trusted %v, want %v", host, got, want)
		}
	}
	for _, bad := range []string{"", "10.0.0", "balancer", "10.0.0.0/40", "0.0.0.0/0", "::/0", "fe80::1%eth0"} {
		if _, err := Parse([]string{"10.0.0.0/8", bad}); errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), `"`+bad+`"`) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTheClientIsTheLastThatIsNoProxy(t *testing.T) {
	l, err := Parse([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		headers []string
		want    string // "": the proxy itself; "bad": refused
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"203.0.113.7"}, "203.0.113.7"},
		{[]string{"203.0.113.7:4711"}, "203.0.113.7"},
		{[]string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{[]string{"[2001:db8::7]"}, "2001:db8::7"},
		{[]string{"127.0.0.1, 203.0.113.7"}, "203.0.113.7"}, // the client wrote the first one
		{[]string{"nonsense, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{[]string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"}, // two lines are one list
		{[]string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{[]string{"203.0.113.7, unknown"}, "bad"},
		{[]string{"203.0.113.7,"}, "bad"},
		{[]string{strings.Repeat("10.0.0.2,", 1000) + "10.0.0.2"}, "10.0.0.2"},
	} {
		got, err := l.findClient(c.headers)
		text := ""
		if got.IsValid() {
			text = got.String()
		}
		if c.want == "bad" {
			if err == nil || !strings.Contains(err.Error(), "hop") {
				t.Errorf("%q: %v, %v", c.headers, got, err)
			}
		} else if err != nil || text != c.want {
			t.Errorf("%q: %q, %v, want %q", c.headers, text, err, c.want)
		}
	}
}

func FuzzFindClient(f *testing.F) {
	f.Add("203.0.113.7, 10.0.0.2")
	l := List{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		client, err := l.findClient([]string{header})
		if err == nil && client.IsValid() && client.Zone() != "" {
			t.Errorf("%q: %v has a zone", header, client)
		}
	})
}

// serve answers each request with the client's address.
func serve(t *testing.T, trusted ...string) net.Addr {
	t.Helper()
	l, err := Parse(trusted)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		if r.TLS != nil {
			host = "https " + host
		}
		_, _ = io.WriteString(w, host)
	})
	refuse := func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusBadRequest) }
	srv := &http.Server{Handler: l.Handler(h, refuse)}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l.Listen(ln)) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return ln.Addr()
}

// ask sends first and then a request with the headers, and returns the answer's body. It is empty
// when the connection was closed.
func ask(t *testing.T, at net.Addr, first []byte, headers string) string {
	t.Helper()
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(append(first, "GET / HTTP/1.1\r\nHost: box\r\nConnection: close\r\n"+headers+"\r\n"...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// proxyHeader is the PROXY header of a client at 203.0.113.7.
func proxyHeader(t *testing.T, version byte) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 80})
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOnlyTrustedPeersNameTheClient(t *testing.T) {
	trusted, other := serve(t, "127.0.0.1"), serve(t, "10.0.0.0/8")
	for _, c := range []struct {
		name    string
		at      net.Addr
		first   []byte
		headers string
		want    string
	}{
		{"no header", trusted, nil, "", "127.0.0.1"},
		{"PROXY 1", trusted, proxyHeader(t, 1), "", "203.0.113.7"},
		{"PROXY 2", trusted, proxyHeader(t, 2), "", "203.0.113.7"},
		{"X-Forwarded-For", trusted, nil, "X-Forwarded-For: 198.51.100.4\r\n", "198.51.100.4"},
		{"a client behind a balancer that writes a header", trusted, proxyHeader(t, 2), "X-Forwarded-For: 198.51.100.4\r\n", "203.0.113.7"},
		{"HTTPS to the proxy", trusted, nil, "X-Forwarded-For: 198.51.100.4\r\nX-Forwarded-Proto: https\r\n", "https 198.51.100.4"},
		{"HTTPS to the first of two proxies", trusted, nil, "X-Forwarded-Proto: https, http\r\n", "127.0.0.1"},
		{"a stranger that says HTTPS", other, nil, "X-Forwarded-Proto: https\r\n", "127.0.0.1"},
		{"a header from a stranger", other, nil, "X-Forwarded-For: 198.51.100.4\r\n", "127.0.0.1"},
		{"half a PROXY header", trusted, []byte("PROXY TCP4 203.0.113.7\r\n"), "", ""},
	} {
		if got := ask(t, c.at, c.first, c.headers); got != c.want {
			t.Errorf("%s: the client is %q, want %q", c.name, got, c.want)
		}
	}
	if got := ask(t, other, proxyHeader(t, 1), ""); strings.Contains(got, "203.0.113.7") {
		t.Errorf("a stranger's PROXY header was believed: %q", got)
	}
	if got := ask(t, trusted, nil, "X-Forwarded-For: nobody\r\n"); !strings.Contains(got, "X-Forwarded-For") {
		t.Errorf("a name that is no address: %q", got)
	}
}
