package gateway

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// layers puts the checks around the mux. The package comment has the drawing.
func (g *Gateway) layers() http.Handler {
	h := http.Handler(http.HandlerFunc(g.dispatch))
	for _, layer := range []func(http.Handler) http.Handler{
		g.called, g.bounded, g.sameOrigin, g.hostGuard, headers, g.counted, g.guarded,
	} {
		h = layer(h)
	}
	return h
}

// dispatch is the mux with its plain-text refusals replaced by ours.
func (g *Gateway) dispatch(w http.ResponseWriter, r *http.Request) {
	h, pattern := g.mux.Handler(r)
	if pattern != "" {
		g.mux.ServeHTTP(w, r)
		return
	}
	probe := &answer{ResponseWriter: w, header: http.Header{}, mute: true}
	h.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		e := errs.Code("gateway", errs.Invalid, "method", "%s is not allowed here", r.Method)
		g.refuseWith(w, r, http.StatusMethodNotAllowed, e)
		return
	}
	g.refuse(w, r, errs.Code("gateway", errs.Missing, "no_route", "there is nothing here"))
}

// answer notes what was answered. A muted one keeps the answer to itself.
type answer struct {
	http.ResponseWriter
	header http.Header // of a muted one
	status int
	mute   bool
}

func (a *answer) Header() http.Header {
	if a.mute {
		return a.header
	}
	return a.ResponseWriter.Header()
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	if !a.mute {
		a.ResponseWriter.WriteHeader(status)
	}
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.mute {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// guarded turns a panic into a 500 and a crash report. When the answer has begun, the
// connection is cut: half an answer must not look whole.
func (g *Gateway) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			g.d.Reports.Add(supervise.Report{
				Path: "gateway", Child: routeOf(r), Err: fmt.Errorf("panic: %v", v), Panic: v,
				Stack: debug.Stack(), At: time.Now(), Decision: supervise.Lost,
			})
			if a.status != 0 {
				panic(http.ErrAbortHandler)
			}
			writeProblem(a, problemOf(errs.Newf("gateway", errs.Internal, "panic")))
		}()
		next.ServeHTTP(a, r)
	})
}

// routeOf is the pattern that r matched: a small fixed set, without ids and keys.
func routeOf(r *http.Request) string {
	if c := callerOf(r.Context()); c != nil && c.route != "" {
		return c.route
	}
	if r.Pattern != "" {
		return r.Pattern
	}
	return "none"
}

// counted measures and writes one debug line. It gives the request its caller's place,
// so that the layers outside the mux learn the route.
func (g *Gateway) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &caller{}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		start := time.Now()
		a := &answer{ResponseWriter: w}
		_, c.route = g.mux.Handler(r)
		defer func() {
			route, d := routeOf(r), time.Since(start)
			g.metrics.requests.WithLabelValues(route, strconv.Itoa(max(a.status, 101)/100)+"xx").Inc()
			g.metrics.duration.Observe(d.Seconds())
			g.log.Debug("request", "kind", route, "status", a.status, "dur", d)
		}()
		next.ServeHTTP(a, r)
	})
}

// headers are what every answer carries. 'self' does not cover WebSockets in older
// Safari, so the socket's own address is spelled out; the host was not checked yet, but
// what is not a host name or address is left out.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		connect := "connect-src 'self'"
		if host := strings.ToLower(r.Host); isHost(host) {
			connect += " ws://" + host + " wss://" + host
		}
		h.Set("Content-Security-Policy", "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			connect+"; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), geolocation=()")
		next.ServeHTTP(w, r)
	})
}

// hostGuard answers only to names that are the box's. A page of another site that has
// its name resolve to the box (DNS rebinding) comes with that name and ends here.
func (g *Gateway) hostGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.isOurs(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		g.metrics.refused.WithLabelValues("host").Inc()
		e := errs.Field("gateway", "host", "other_host", 0, "this name is not the box's; use its address, or add the name to gateway.names")
		g.refuseWith(w, r, http.StatusMisdirectedRequest, e)
	})
}

func (g *Gateway) isOurs(hostport string) bool {
	host := hostOf(hostport)
	if _, err := netip.ParseAddr(host); err == nil || g.fixed[host] {
		return true
	}
	b, err := g.d.Roster.Box()
	return err == nil && host == discover.Instance(b.ID)+".local"
}

// names are the host names that the box goes by.
func (g *Gateway) names() []string {
	var list []string
	for name := range g.fixed {
		list = append(list, name)
	}
	if b, err := g.d.Roster.Box(); err == nil {
		list = append(list, discover.Instance(b.ID)+".local")
	}
	return list
}

// hostOf is the host of a Host header in small letters, without port, brackets and the
// root's dot.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// isHost tells a host with or without a port that may stand in a header.
func isHost(hostport string) bool {
	if _, port, err := net.SplitHostPort(hostport); err == nil && strings.Trim(port, "0123456789") != "" {
		return false
	}
	host := hostOf(hostport)
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" || isHostName(host)
}

// isHostName tells a DNS name in small letters.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// sameOrigin refuses writes that a page of another site started.
func (g *Gateway) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.metrics.refused.WithLabelValues("origin").Inc()
		g.refuse(w, r, errs.Code("gateway", errs.Denied, "other_origin", "another site may not do this"))
	}))
	return guard.Handler(next)
}

// bounded takes JSON only, and not too much of it. A form, which any site may post, is
// refused by its type.
func (g *Gateway) bounded(next http.Handler) http.Handler {
	limit := int64(g.cfg.Body)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			e := errs.Field("gateway", "Content-Type", "not_json", 0, "must be application/json")
			g.refuseWith(w, r, http.StatusUnsupportedMediaType, e)
			return
		}
		if r.ContentLength > limit {
			g.refuseWith(w, r, http.StatusRequestEntityTooLarge, tooLarge(limit))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

func tooLarge(limit int64) error {
	return errs.Field("gateway", "body", "too_long", limit, "at most %d bytes", limit)
}
