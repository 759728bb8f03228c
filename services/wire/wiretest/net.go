package wiretest

import (
	"net"
	"sync"
)

// Net is a network in memory: what is dialled is accepted. It is the listener of a
// server and, with Dial, the way of its clients. Deadlines run in fake time.
type Net struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewNet makes a network.
func NewNet() *Net { return &Net{conns: make(chan net.Conn), done: make(chan struct{})} }

// Accept implements net.Listener.
func (n *Net) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (n *Net) Close() error { n.once.Do(func() { close(n.done) }); return nil }

// Addr implements net.Listener: port 80 of loopback.
func (n *Net) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// Dial is a connection to whoever accepts next.
func (n *Net) Dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n.conns <- local{there}:
		return here, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// local is a connection that comes from the server's own machine.
type local struct{ net.Conn }

// RemoteAddr implements net.Conn.
func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
