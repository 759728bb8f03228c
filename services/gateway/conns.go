package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// connections limits how many one address has open. A connection that became a lesson
// socket is not counted any more: the sessions bound those, by person.
type connections struct {
	limit int
	gauge prometheus.Gauge

	mu   sync.Mutex     // guards open
	open map[string]int // by address
}

func (c *connections) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.open)
	c.gauge.Set(0)
}

// state is the server's ConnState. A connection over the limit is closed before a byte
// of it is read.
func (c *connections) state(conn net.Conn, s http.ConnState) {
	key := addressOf(conn.RemoteAddr().String())
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s {
	case http.StateNew:
		c.open[key]++
		c.gauge.Inc()
		if c.open[key] > c.limit {
			_ = conn.Close() // the server notices and says StateClosed
		}
	case http.StateHijacked, http.StateClosed:
		if c.open[key]--; c.open[key] <= 0 {
			delete(c.open, key)
		}
		c.gauge.Dec()
	}
}

// addressOf is what limits count by: an IPv4 address, or the /64 of an IPv6 address,
// since one machine has all of those.
func addressOf(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote // a pipe of a test
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // cannot fail for an IPv6 address
		return p.String()
	}
	return ip.String()
}

// isLoopback tells that the request comes from this machine.
func isLoopback(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
