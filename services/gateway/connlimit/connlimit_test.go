package connlimit

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/pires/go-proxyproto"
)

// far is a connection from an address without traffic.
type far struct {
	net.Conn
	addr   string
	closed bool
}

// RemoteAddr implements net.Conn.
func (f *far) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr)) }

// Close implements net.Conn.
func (f *far) Close() error {
	f.closed = true
	return nil
}

// TestAFloodFromSomeAddressesLeavesOthersTheirShare opens as many connections as the box allows.
func TestAFloodFromSomeAddressesLeavesOthersTheirShare(t *testing.T) {
	p := New(60)
	p.all = 100
	admit := func(addr string) *limitedConn { return p.admit(&far{addr: addr}) }
	count := func(addr string, n int) (late int) {
		for range n {
			if admit(addr).excess {
				late++
			}
		}
		return late
	}
	if n := count("10.0.0.1:1", 70); n != 10 {
		t.Errorf("%d connections over the limit of one address, want 10", n)
	}
	if n := count("10.0.0.2:1", 60); n != 20 { // 60 + 40 fill the box
		t.Errorf("%d late at a full box, want 20", n)
	}
	if n := count("10.0.0.3:1", guaranteedShare+5); n != 5 {
		t.Errorf("another address at a full box: %d late, want 5", n)
	}
	late := 0
	for i := range guaranteedShare + 5 { // one machine, each time with another address of its network
		late += count(fmt.Sprintf("[fd00::%x]:1", i+1), 1)
	}
	if late != 5 {
		t.Errorf("one IPv6 network at a full box: %d late, want 5", late)
	}
	first := admit("10.0.0.1:1")
	for range maxExcess {
		admit("10.0.0.1:1")
	}
	if !first.Conn.(*far).closed || len(p.excess) != maxExcess {
		t.Errorf("%d excess connections are open, want %d", len(p.excess), maxExcess)
	}
	if a := Networks("::ffff:10.0.0.1"); len(a) != 1 || a[0] != "10.0.0.1" {
		t.Errorf("an IPv4 address in the other form is %v", a)
	}
}

// All people behind a load balancer have one address.
func TestTheConnectionsOfAProxyAreThoseOfManyPeople(t *testing.T) {
	p := New(2)
	p.all = 50
	p.Shared = func(host string) bool { return host == "10.0.0.1" }
	late := 0
	for range 55 {
		if p.admit(&far{addr: "10.0.0.1:1"}).excess {
			late++
		}
	}
	if late != 5 {
		t.Errorf("%d connections of a proxy are late, want the 5 beyond those of the box", late)
	}
	if p.admit(&far{addr: "10.0.0.2:1"}).excess {
		t.Error("another address has no share at a full box")
	}
}

// A connection that became a lesson socket no longer counts, although it began with the header of a
// proxy.
func TestALessonSocketBehindAProxyIsReleased(t *testing.T) {
	p := New(1)
	inner := p.admit(&far{addr: "10.0.0.1:1"})
	ReleaseHijacked(tls.Server(proxyproto.NewConn(inner), &tls.Config{}), http.StateHijacked)
	if p.taken != 0 {
		t.Error("the connection still counts")
	}
}
