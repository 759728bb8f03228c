package discover

import (
	"net"
	"strings"
	"testing"

	"github.com/grandcat/zeroconf"
)

func TestNeighboursAreReadFromTheirRecords(t *testing.T) {
	good := func() *zeroconf.ServiceEntry {
		e := zeroconf.NewServiceEntry("livelearn-x", serviceType, mdnsDomain)
		e.Text, e.Port, e.AddrIPv4 = []string{"txtvers=1", "id=x", "version=1.2.3"}, 80, []net.IP{net.IPv4(192, 0, 2, 7)}
		return e
	}
	if n, ok := parseEntry(good()); !ok || n != (Neighbour{"x", "1.2.3", "192.0.2.7:80"}) {
		t.Errorf("%+v %v", n, ok)
	}
	for what, change := range map[string]func(*zeroconf.ServiceEntry){
		"no id":      func(e *zeroconf.ServiceEntry) { e.Text = []string{"version=1"} },
		"no version": func(e *zeroconf.ServiceEntry) { e.Text = []string{"id=x"} },
		"too long":   func(e *zeroconf.ServiceEntry) { e.Text = append(e.Text, "id="+strings.Repeat("x", 65)) },
		"no address": func(e *zeroconf.ServiceEntry) { e.AddrIPv4 = nil },
		"no port":    func(e *zeroconf.ServiceEntry) { e.Port = 0 },
	} {
		e := good()
		if change(e); func() bool { _, ok := parseEntry(e); return ok }() {
			t.Errorf("%s: it was taken", what)
		}
	}
}
