package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// cspPolicy allows the pages' own style sheet and forms only: no script, nothing from other hosts.
const cspPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const typeJSON = "application/json"

// withGuards wraps the mux. It turns a panic into a 500 and counts every answer. It refuses what a
// page of another site sends (Sec-Fetch-Site, Origin): a browser adds the password of a person who
// is signed in by itself. Boxes and programs send neither header.
func (s *Server) withGuards(mux http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.writeError(w, r, errs.NewCode(op, errs.Denied, "other_origin", "another site may not do this"))
	}))
	next := cross.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &trackedWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			//lint:ignore errorlint net/http compares the value of a panic in the same way
			if p != nil && p != http.ErrAbortHandler {
				s.log.Error("a request crashed", "kind", r.Pattern, "err", fmt.Errorf("panic: %v", p), "stack", string(debug.Stack()))
				if seen.status == 0 {
					s.writeError(seen, r, errs.Newf(op, errs.Internal, "panic"))
					p = nil
				} else {
					p = http.ErrAbortHandler // a partial answer must not look complete
				}
			}
			s.metrics.requests.WithLabelValues(strconv.Itoa(max(seen.status, 200)/100) + "xx").Inc()
			if p != nil {
				panic(p) // net/http's own way to end a response
			}
		}()
		h := seen.Header()
		h.Set("Content-Security-Policy", cspPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // without any, browsers hide where a form comes from
		h.Set("Cache-Control", "no-store")      // answers contain names of people
		if !isLegibleQuery(r.URL.Query()) {
			s.writeError(seen, r, errs.NewField(op, "query", "unreadable", 0, "must be UTF-8 without U+0000"))
			return
		}
		next.ServeHTTP(seen, r)
	})
}

// isLegibleQuery reports whether a query is text that the database can hold.
func isLegibleQuery(q url.Values) bool {
	for _, list := range q {
		for _, v := range list {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return false
			}
		}
	}
	return true
}

// trackedWriter records the status of an answer.
type trackedWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *trackedWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *trackedWriter) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *trackedWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// writeJSON writes v. It ignores a lost connection.
func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", typeJSON)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // escapes make a text up to six times as long
	_ = e.Encode(v)
}

// writeError answers with an error as JSON.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	body := s.reportError(w, r, err)
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(errorStatus(err))
	_ = json.NewEncoder(w).Encode(body)
}

// errorStatus returns the HTTP status of an error.
func errorStatus(err error) int {
	switch errs.BodyOf(err).Code {
	case https.CodeSession, pg.CodeBadToken, pg.CodeSignIn:
		return https.StatusOver
	}
	return errs.KindOf(err).HTTPStatus()
}

// reportError returns what a client learns of an error, and sets the headers for it. It logs
// faults of the node and of the database.
func (s *Server) reportError(w http.ResponseWriter, r *http.Request, err error) errs.Body {
	kind := errs.KindOf(err)
	body := errs.BodyOf(err)
	switch kind {
	case errs.Internal, errs.Corrupt:
		s.log.Error("a request failed", "kind", r.Pattern, "err", err)
	case errs.Down:
		s.log.Warn("a request has to wait", "kind", r.Pattern, "err", err)
		if body.Code == "" { // the text may name the database
			body.Message = "something of the cloud is away"
		}
	}
	if kind == errs.Down || kind == errs.Busy {
		body.RetryMS = 5000
		w.Header().Set("Retry-After", "5")
	}
	return body
}

// refuseBox is writeError for a box's request. It logs and counts errs.Denied.
func (s *Server) refuseBox(w http.ResponseWriter, r *http.Request, box string, err error) {
	code := errs.BodyOf(err).Code
	switch code {
	case cloud.CodeRevoked, cloud.CodeStranger, https.CodeBadCode, https.CodeOtherSchool:
		s.metrics.refusals.WithLabelValues(code).Inc()
		s.log.Info("a box was refused", "box", loggableID(box), "code", code, "kind", r.Pattern)
	}
	s.writeError(w, r, err)
}

// loggableID shortens an id for the log and replaces bad UTF-8. Any client can choose its id.
func loggableID(id string) string {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return strings.ToValidUTF8(id, "\ufffd")
}

// decodeBody decodes the body of a request: one JSON value of at most most bytes.
func decodeBody(w http.ResponseWriter, r *http.Request, most int64, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	if err := d.Decode(into); err != nil {
		return bodyError(err, most)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errs.NewField(op, "body", "unreadable", 0, "holds more than one value")
	}
	return nil
}

// bodyError returns the error of a body that could not be read.
func bodyError(err error, most int64) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return errs.NewField(op, "body", "too_large", most, "at most %d bytes", most)
	}
	if _, ours := errors.AsType[*errs.Error](err); ours {
		return err
	}
	return errs.NewField(op, "body", "unreadable", 0, "does not match the request's type: %w", err)
}

// clientAddress returns the client's address. With a proxy it is the last one in the header.
func (s *Server) clientAddress(r *http.Request) string {
	if s.cfg.Plain {
		list := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		if addr, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
			return addressPrefix(addr)
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	return addressPrefix(addr)
}

// addressPrefix returns an address, or the /64 network of an IPv6 address, because one client may
// have 2^64 of them.
func addressPrefix(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

const maxRates = 10_000 // keys, a new key replaces the oldest

// rateLimits limits the requests per minute of a key.
type rateLimits struct {
	mu   sync.Mutex
	keys map[string]*limitEntry // guarded by mu
}

type limitEntry struct {
	rate *rate.Limiter
	last time.Time
}

func newRateLimits() rateLimits { return rateLimits{keys: map[string]*limitEntry{}} }

// checkRate counts a request of key and fails above perMinute.
func (l *rateLimits) checkRate(key string, perMinute int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a := l.keys[key]
	if a == nil {
		l.dropIdle(now)
		a = &limitEntry{rate: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)}
		l.keys[key] = a
	}
	a.last = now
	if !a.rate.Allow() {
		return errs.NewCode(op, errs.Busy, "too_many_tries", "at most %d a minute", perMinute)
	}
	return nil
}

// dropIdle removes idle keys, and the oldest one if there are too many. The caller holds mu.
func (l *rateLimits) dropIdle(now time.Time) {
	if len(l.keys) < maxRates {
		return
	}
	oldest, at := "", now
	for key, a := range l.keys {
		if now.Sub(a.last) > 2*time.Minute {
			delete(l.keys, key)
		} else if a.last.Before(at) {
			oldest, at = key, a.last
		}
	}
	if len(l.keys) >= maxRates {
		delete(l.keys, oldest)
	}
}
