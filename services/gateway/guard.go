package gateway

import (
	"bufio"
	"encoding/json"
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

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// policy lets a page load from the box and nowhere else, and lets no text become code.
// The socket's address is spelled out: older Safari does not count it as 'self'.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"media-src 'self' blob:; connect-src 'self' ws://HOST wss://HOST; manifest-src 'self'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'"

// guard is everything that stands before the mux.
func (g *Gateway) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.AddInsecureBypassPattern("/whip/") // no cookie counts there, so another site has nothing
	cross.AddInsecureBypassPattern("/whep/") // to abuse: it needs a token that a teacher gave it
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		deny(w, http.StatusForbidden, errs.Code("gateway", errs.Denied, "other_origin", "another site may not do this"))
	}))
	inner := g.hosts(headers(cross.Handler(next)))
	if g.Captive != nil {
		inner = g.Captive(inner)
	}
	return g.crash(inner)
}

// crash turns a handler's panic into a 500 and a report.
func (g *Gateway) crash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &begun{ResponseWriter: w}
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
			if b.yes {
				panic(http.ErrAbortHandler) // half an answer must not look whole
			}
			deny(w, http.StatusInternalServerError, errs.Newf("gateway", errs.Internal, "panic"))
		}()
		next.ServeHTTP(b, r)
	})
}

// begun knows whether the answer is on its way.
type begun struct {
	http.ResponseWriter
	yes bool
}

// WriteHeader implements http.ResponseWriter.
func (b *begun) WriteHeader(status int) {
	b.yes = true
	b.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Hijack gives the connection to the lesson socket.
func (b *begun) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(b.ResponseWriter).Hijack()
	b.yes = b.yes || err == nil
	return conn, buf, err
}

// Unwrap lets http.ResponseController reach the connection.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// deny answers outside of the API, in the API's form.
func deny(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, errs.BodyOf(err))) // the client is gone: nobody to tell
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", strings.ReplaceAll(policy, "HOST", strings.ToLower(r.Host)))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil { // browsers complain where the page is not secure
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store") // names of people
		}
		next.ServeHTTP(w, r)
	})
}

// hosts refuses names that are not the box's. A foreign name that resolves to the box is
// DNS rebinding: the browser would take the page of that name for the box's own. An IP
// address cannot be rebound.
func (g *Gateway) hosts(next http.Handler) http.Handler {
	known := append([]string{"localhost", "livelearn.local", "livelearn.home"}, g.cfg.Hosts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(hostOf(r.Host))
		_, err := netip.ParseAddr(host)
		if err != nil && !slices.Contains(known, host) && host != g.localName() || !plainPort(r.Host) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			deny(w, http.StatusMisdirectedRequest, errs.Field("gateway", "host", "other_host", 0,
				"this box does not answer to that name; use its address, or add the name to gateway.hosts"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localName is what multicast DNS calls the box; empty when the roster cannot tell.
func (g *Gateway) localName() string {
	b, err := g.Roster.Box()
	if err != nil {
		return ""
	}
	return discover.Instance(b.ID) + ".local"
}

// plainPort tells that a host has no port or one of digits: it goes into a header.
func plainPort(hostport string) bool {
	_, port, err := net.SplitHostPort(hostport)
	return err != nil || strings.Trim(port, "0123456789") == ""
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
