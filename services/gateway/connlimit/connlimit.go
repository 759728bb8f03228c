// Package connlimit bounds the connections that browsers hold, for one address and for the
// whole box.
//
// A connection beyond the limits stays open as an excess connection. The gateway serves
// known people there and answers everybody else with a page that says why.
package connlimit

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
)

const (
	maxConns        = 4096 // connections at once, without lesson sockets. Lower where the file limit is low
	guaranteedShare = 32   // connections of one address or IPv6 network that maxConns does not refuse
	maxExcess       = 256  // open connections beyond the limits
)

// Limiter bounds the connections that browsers hold, over all listeners. 200 pupils behind one
// router open up to six each, so the limit of one address is far above that. Lesson sockets do
// not count, because each belongs to a person and the session package bounds those.
//
// Limiter does not close a connection beyond the limits at once, because the browser would
// show its own error page. It marks the connection as excess. The gateway serves a known
// person there, since a teacher must get in during a flood. Everybody else gets a page that
// says why.
type Limiter struct {
	perIP, all int
	// Exhausted is told that a connection could not be taken, because the program has no more
	// descriptors. It is set before the first Listen. Nil is ignored.
	Exhausted func()
	// Shared reports whether a host is a proxy, whose connections are those of many people: they
	// count for the whole box only. It is set before the first Listen. Nil: no host is one.
	Shared func(host string) bool

	mu     sync.Mutex
	open   map[string]int // by key of Networks, guarded by mu
	taken  int            // guarded by mu
	excess []*limitedConn // oldest first, guarded by mu
}

// New leaves half of the files that the program may open to lesson sockets and data.
func New(perIP int) *Limiter {
	m := &Limiter{perIP: perIP, all: maxConns, open: map[string]int{}}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur/2 < maxConns {
		m.all = int(files.Cur / 2)
	}
	return m
}

// limitedConn is a connection that the limiter counts until it is released.
type limitedConn struct {
	net.Conn
	of      *Limiter
	keys    []string
	excess  bool
	release func() // stops counting it. Runs once
}

// admit counts a connection. When too many excess connections are open, it closes the oldest
// one. A flood holds its connections, while a person sends a request at once.
func (m *Limiter) admit(c net.Conn) *limitedConn {
	l := &limitedConn{Conn: c, of: m}
	if host := HostOf(c.RemoteAddr().String()); m.Shared == nil || !m.Shared(host) {
		l.keys = Networks(host)
	}
	l.release = sync.OnceFunc(func() { m.release(l) })
	m.mu.Lock()
	l.excess = m.exceeds(l.keys)
	var oldest *limitedConn
	if !l.excess {
		m.taken++
		for _, k := range l.keys {
			m.open[k]++
		}
	} else if m.excess = append(m.excess, l); len(m.excess) > maxExcess {
		oldest = m.excess[0]
	}
	m.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close()
	}
	return l
}

// exceeds reports whether one more connection is beyond the limits. The lock is held.
func (m *Limiter) exceeds(keys []string) bool {
	if len(keys) == 0 {
		return m.taken >= m.all
	}
	return m.open[keys[0]] >= m.perIP || m.taken >= m.all && m.open[keys[len(keys)-1]] >= guaranteedShare
}

// release stops counting a connection.
func (m *Limiter) release(l *limitedConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.excess {
		m.excess = slices.DeleteFunc(m.excess, func(o *limitedConn) bool { return o == l })
		return
	}
	m.taken--
	for _, k := range l.keys {
		if m.open[k]--; m.open[k] == 0 {
			delete(m.open, k)
		}
	}
}

// Networks returns the keys under which an address counts. These are the address itself and,
// for IPv6, its /64, because one machine can have all addresses of a /64.
func Networks(host string) []string {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return []string{host}
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		return []string{ip.String(), netip.PrefixFrom(ip, 64).Masked().String()}
	}
	return []string{ip.String()}
}

// Listen wraps ln so that the limiter counts its connections.
func (m *Limiter) Listen(ln net.Listener) net.Listener { return limitedListener{ln, m} }

type limitedListener struct {
	net.Listener
	limiter *Limiter
}

// Accept implements net.Listener.
func (l limitedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		if l.limiter.Exhausted != nil && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
			l.limiter.Exhausted()
		}
		return nil, err // the server tries again
	}
	return l.limiter.admit(c), nil
}

// Close implements net.Conn.
func (l *limitedConn) Close() error {
	l.release()
	return l.Conn.Close()
}

// SyscallConn implements syscall.Conn. Sessions write to the file descriptor as they would
// without this wrapper.
func (l *limitedConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := l.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite closes the sending half.
func (l *limitedConn) CloseWrite() error {
	if cw, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return errors.ErrUnsupported
}

// connOf returns the limited connection under a connection of a server, or nil.
func connOf(c net.Conn) *limitedConn {
	for {
		switch t := c.(type) {
		case *limitedConn:
			return t
		case *tls.Conn:
			c = t.NetConn()
		case interface{ Raw() net.Conn }: // it read the header of a proxy
			c = t.Raw()
		default:
			return nil
		}
	}
}

// ReleaseHijacked stops counting a connection that became a lesson socket. It is a
// http.Server.ConnState.
func ReleaseHijacked(c net.Conn, s http.ConnState) {
	if l := connOf(c); l != nil && s == http.StateHijacked {
		l.release()
	}
}

type excessKey struct{}

// MarkExcess puts the mark of an excess connection into the context of its requests. It is a
// http.Server.ConnContext.
func MarkExcess(ctx context.Context, c net.Conn) context.Context {
	if l := connOf(c); l != nil && l.excess {
		return context.WithValue(ctx, excessKey{}, true)
	}
	return ctx
}

// IsExcess reports whether a request came on a connection beyond the limits.
func IsExcess(ctx context.Context) bool { return ctx.Value(excessKey{}) != nil }

// HostOf returns the host of an address that may have a port, without brackets.
func HostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.Trim(host, "[]")
}
