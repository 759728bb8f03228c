package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/livelearn/box/services/supervise"
)

// policy lets a page load from the box and nowhere else, and lets no text become code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"media-src 'self' blob:; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'"

// guard is everything that stands before the mux.
func (g *Gateway) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return g.crash(headers(g.hosts(cross.Handler(next))))
}

// crash turns a handler's panic into a 500 and a report.
func (g *Gateway) crash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p) // net/http's own way to end a response
			}
			g.Reports.Add(supervise.Report{
				Path: "gateway", Child: r.Method + " " + r.Pattern, Err: fmt.Errorf("panic: %v", p), Panic: p,
				Stack: debug.Stack(), At: time.Now(), Decision: supervise.Lost,
			})
			http.Error(w, `{"reason":"internal"}`, http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// hosts refuses names that are not the box's. A foreign name that resolves to the box is
// DNS rebinding: the browser would take the page of that name for the box's own. An IP
// address cannot be rebound.
func (g *Gateway) hosts(next http.Handler) http.Handler {
	known := append([]string{"localhost", "livelearn.local", "livelearn.home"}, g.cfg.Hosts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		if _, err := netip.ParseAddr(host); err != nil && !slices.Contains(known, strings.ToLower(host)) {
			http.Error(w, "this box does not answer to that name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.Trim(host, "[]")
}

// sameOrigin tells that a socket's upgrade comes from a page of the box, or from no page
// at all. Browsers send Origin with every upgrade and CrossOriginProtection lets GET pass.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host)
}

// limited bounds the connections that one address holds at once: the next is closed.
func limited(ln net.Listener, perIP int) net.Listener {
	return &limitedListener{Listener: ln, max: perIP, open: map[string]int{}}
}

type limitedListener struct {
	net.Listener
	max  int
	mu   sync.Mutex
	open map[string]int // guarded by mu
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := hostOf(c.RemoteAddr().String())
		if l.take(ip) {
			return &limitedConn{Conn: c, give: sync.OnceFunc(func() { l.give(ip) })}, nil
		}
		_ = c.Close()
	}
}

func (l *limitedListener) take(ip string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[ip] >= l.max {
		return false
	}
	l.open[ip]++
	return true
}

func (l *limitedListener) give(ip string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[ip]--; l.open[ip] == 0 {
		delete(l.open, ip)
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	give func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.give()
	return c.Conn.Close()
}

// SyscallConn implements syscall.Conn, so that sessions write to the descriptor as they
// would without this wrapper.
func (c *limitedConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite ends the sending half.
func (c *limitedConn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return errors.ErrUnsupported
}
