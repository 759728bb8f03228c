package boxtest

import (
	"net"
	"testing"
)

// LANAddress returns an address of this machine under which a box sees it as another machine. A
// test without one is skipped.
func LANAddress(t testing.TB) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback: connect it to a network")
	return ""
}
