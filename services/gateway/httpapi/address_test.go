package httpapi

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnIPv6NetworkHasAddressesToo(t *testing.T) {
	list := func(texts ...string) (ips []net.IP) {
		for _, s := range texts {
			ips = append(ips, net.ParseIP(s))
		}
		return ips
	}
	for _, c := range []struct {
		ips  []net.IP
		want []string
	}{
		{list("127.0.0.1", "::1", "192.168.1.5", "fd00::5"), []string{"http://192.168.1.5:80", "http://127.0.0.1:80"}},
		{list("127.0.0.1", "::1", "fe80::1", "fd00::5", "2001:db8::5", "fd00::5"), []string{"http://[fd00::5]:80", "http://[2001:db8::5]:80", "http://127.0.0.1:80"}},
		{list("127.0.0.1", "::1"), []string{"http://127.0.0.1:80"}},
	} {
		if d := cmp.Diff(c.want, rankURLs("http", "80", c.ips)); d != "" {
			t.Errorf("%v (-want +got)\n%s", c.ips, d)
		}
	}
}
