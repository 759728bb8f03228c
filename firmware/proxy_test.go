package firmware

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestUpdatesUseTheProxyOfTheSchool(t *testing.T) {
	proxied := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied = r.URL.String()
		_, _ = io.WriteString(w, "from the proxy") // the test reads it
	}))
	defer proxy.Close()
	neighbour := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "from the neighbour") // as above
	}))
	defer neighbour.Close()
	transport := &http.Transport{Proxy: proxyFunc(proxy.URL)}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, c := range []struct{ url, want, proxied string }{
		{"http://updates.example/channel", "from the proxy", "http://updates.example/channel"},
		{neighbour.URL, "from the neighbour", ""},
	} {
		proxied = ""
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != c.want || proxied != c.proxied {
			t.Errorf("%s: got %q by the proxy %q, %v", c.url, body, proxied, err)
		}
	}
}

func TestLocalHostsNeedNoProxy(t *testing.T) {
	for host, want := range map[string]bool{
		"192.168.1.5": true, "10.10.0.1": true, "fe80::1": true, "room-1.local": true, "localhost": true,
		"8.8.8.8": false, "cloud.example": false, "local.example": false, "": false,
	} {
		if got := isLocalHost(host); got != want {
			t.Errorf("%q: got %v", host, got)
		}
	}
}
