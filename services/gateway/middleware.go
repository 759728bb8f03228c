package gateway

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/staff"
	"github.com/livelearn/box/services/supervise"
)

// cspTemplate lets a page load from the box and nowhere else, and never runs text as code. It
// spells out the address of the socket, because older Safari does not count it as 'self'.
const cspTemplate = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +

	"media-src 'self' blob:; connect-src 'self' ws://HOST wss://HOST; manifest-src 'self'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'"

// withGuards wraps the mux in the checks that run before every handler.
func (g *Gateway) withGuards(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.AddInsecureBypassPattern("/whip/") // these ignore cookies, so another site
	cross.AddInsecureBypassPattern("/whep/") // can abuse nothing: it needs a token from a teacher
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		httpapi.WriteError(w, http.StatusForbidden, errs.NewCode("gateway", errs.Denied, "other_origin", "another site may not do this"))
	}))
	known := withSecurityHeaders(g.refuseExcess(cross.Handler(next)))
	inner := g.checkHost(known)
	if g.Captive != nil {
		inner = g.Captive(inner)
	}
	inner = g.proxies.Handler(inner, func(w http.ResponseWriter, err error) { httpapi.WriteError(w, http.StatusBadRequest, err) })
	return g.recoverPanics(g.relay.Accept(inner, known)) // the other box has checked the host
}

// recoverPanics turns the panic of a handler into a 500 and a crash report.
func (g *Gateway) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &trackedWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			//lint:ignore errorlint net/http compares the value of a panic in the same way
			if p == http.ErrAbortHandler {
				panic(p) // net/http ends the response with it
			}
			g.Reports.Add(supervise.Report{
				Path: "gateway", Child: r.Method + " " + r.Pattern, Err: fmt.Errorf("panic: %v", p), Panic: p,
				Stack: debug.Stack(), At: time.Now(), Decision: supervise.Lost,
			})
			if b.started {
				panic(http.ErrAbortHandler) // half a response must not look complete
			}
			httpapi.WriteError(w, http.StatusInternalServerError, errs.Newf("gateway", errs.Internal, "panic"))
		}()
		next.ServeHTTP(b, r)
	})
}

// trackedWriter records whether the response has started.
type trackedWriter struct {
	http.ResponseWriter
	started bool
}

// WriteHeader implements http.ResponseWriter.
func (b *trackedWriter) WriteHeader(status int) {
	b.started = true
	b.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (b *trackedWriter) Write(p []byte) (int, error) {
	b.started = true
	return b.ResponseWriter.Write(p)
}

// Hijack gives the connection to the lesson socket.
func (b *trackedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(b.ResponseWriter).Hijack()
	b.started = b.started || err == nil
	return conn, buf, err
}

// Unwrap lets http.ResponseController reach the connection.
func (b *trackedWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", strings.ReplaceAll(cspTemplate, "HOST", strings.ToLower(r.Host)))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil { // browsers log an error on an insecure page
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store") // responses contain names of people
		}
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses host names that do not belong to the box. A foreign name that resolves to
// the box is DNS rebinding: the browser would treat pages of that name as pages of the box. An
// IP address cannot be rebound.
func (g *Gateway) checkHost(next http.Handler) http.Handler {
	known := append([]string{"localhost", "livelearn.local", "livelearn.home"}, g.cfg.Hosts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(connlimit.HostOf(r.Host))
		_, err := netip.ParseAddr(host)
		own := err == nil || host != "" && (slices.Contains(known, host) || slices.Contains(g.localNames(), host) || host == g.schoolName())
		if !own || !plainPort(r.Host) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			httpapi.WriteError(w, http.StatusMisdirectedRequest, errs.NewField("gateway", "host", "other_host", 0,
				"this box does not answer to that name; use its address, or add the name to gateway.hosts"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localNames returns the multicast DNS names of the box that services/discover answers for: the
// one that lasts, and one after the name that people gave the box. It is empty if the roster cannot
// be read.
func (g *Gateway) localNames() []string {
	b, err := g.Roster.Box()
	if err != nil {
		return nil
	}
	names := []string{discover.InstanceName(b.ID) + ".local"}
	if host := discover.HostName(b.Name); host != "" {
		names = append(names, host+".local")
	}
	return names
}

// plainPort reports whether the port is absent or made of digits, because it goes into a
// header.
func plainPort(hostport string) bool {
	_, port, err := net.SplitHostPort(hostport)
	return err != nil || strings.Trim(port, "0123456789") == ""
}

// uploadTimeout is enough for 64 MB over a bad wireless link.
const uploadTimeout = 20 * time.Minute

// withUploadDeadlines gives uploads of staff more time than other requests.
func (g *Gateway) withUploadDeadlines(next http.Handler) http.Handler {
	slow := []string{staff.DecksPath, staff.ClassListPath, staff.ImagesPath, staff.QuizFilePath, adminapi.CloudReplyPath, adminapi.RestoreFilePath, adminapi.RestoreCheckPath}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && slices.Contains(slow, r.URL.Path) && g.callers.Identify(r).IsStaff() {
			c, end := http.NewResponseController(w), time.Now().Add(uploadTimeout)
			_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end) // fails only with the recorder of a test
		}
		next.ServeHTTP(w, r)
	})
}
