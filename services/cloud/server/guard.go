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

// policy lets a page be what it is: no script, nothing from elsewhere.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const typeJSON = "application/json"

// guard stands before the mux: a panic is a 500, and every answer is counted.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &seen{ResponseWriter: w}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				s.log.Error("a request crashed", "kind", r.Pattern, "err", fmt.Errorf("panic: %v", p), "stack", string(debug.Stack()))
				if seen.status == 0 {
					s.fail(seen, r, errs.Newf(op, errs.Internal, "panic"))
					p = nil
				} else {
					p = http.ErrAbortHandler // half an answer must not look whole
				}
			}
			s.metrics.requests.WithLabelValues(strconv.Itoa(max(seen.status, 200)/100) + "xx").Inc()
			if p != nil {
				panic(p) // net/http's own way to end a response
			}
		}()
		h := seen.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // names of people
		if !legible(r.URL.Query()) {
			s.fail(seen, r, errs.Field(op, "query", "unreadable", 0, "must be UTF-8 without U+0000"))
			return
		}
		next.ServeHTTP(seen, r)
	})
}

// legible tells that a query is text as the database takes it.
func legible(q url.Values) bool {
	for _, list := range q {
		for _, v := range list {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return false
			}
		}
	}
	return true
}

// seen knows the status of an answer.
type seen struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *seen) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *seen) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// answer writes v. Who asked may be gone: then there is nobody to tell.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", typeJSON)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // what is six times as long may be too long
	_ = e.Encode(v)
}

// fail answers with an error, and logs it by who acts next.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
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
	status := kind.Status()
	if body.Code == https.CodeSession || body.Code == pg.CodeBadToken {
		status = https.StatusOver
	}
	if kind == errs.Down || kind == errs.Busy {
		body.RetryMS = 5000
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refuse is fail for a request of a box. Who may not is logged and counted.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, box string, err error) {
	code := errs.BodyOf(err).Code
	switch code {
	case cloud.CodeRevoked, cloud.CodeStranger, https.CodeBadCode, https.CodeOtherSchool:
		s.metrics.refusals.WithLabelValues(code).Inc()
		s.log.Info("a box was refused", "box", shown(box), "code", code, "kind", r.Pattern)
	}
	s.fail(w, r, err)
}

// shown is an id fit for the log, whatever a stranger calls itself.
func shown(id string) string {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return strings.ToValidUTF8(id, "\ufffd")
}

// take reads a request's body, which is one JSON value of at most so many bytes.
func take(w http.ResponseWriter, r *http.Request, most int64, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	if err := d.Decode(into); err != nil {
		return unread(err, most)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errs.Field(op, "body", "unreadable", 0, "holds more than one value")
	}
	return nil
}

// unread is why a body could not be taken in.
func unread(err error, most int64) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return errs.Field(op, "body", "too_large", most, "at most %d bytes", most)
	}
	if _, ours := errors.AsType[*errs.Error](err); ours {
		return err
	}
	return errs.Field(op, "body", "unreadable", 0, "is not what is taken here: %w", err)
}

// from is the address of who asks. Behind a proxy it is the last one that this names.
func (s *Server) from(r *http.Request) string {
	if s.cfg.Plain {
		list := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		if addr, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
			return prefix(addr)
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
	return prefix(addr)
}

// prefix is an address, or the network of an IPv6 one: whoever has one has 2^64.
func prefix(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

const maxRates = 10_000 // keys; the next one makes room by the oldest

// rates bounds how often somebody asks.
type rates struct {
	mu   sync.Mutex
	keys map[string]*asker // guarded by mu
}

type asker struct {
	rate *rate.Limiter
	last time.Time
}

func newRates() rates { return rates{keys: map[string]*asker{}} }

// allow counts a request of key, of which a minute has so many.
func (l *rates) allow(key string, perMinute int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a := l.keys[key]
	if a == nil {
		l.sweep(now)
		a = &asker{rate: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)}
		l.keys[key] = a
	}
	a.last = now
	if !a.rate.Allow() {
		return errs.Code(op, errs.Busy, "too_many_tries", "at most %d a minute", perMinute)
	}
	return nil
}

// sweep drops who has not asked for a while, and the one who did longest ago where there are
// too many. Runs with mu held.
func (l *rates) sweep(now time.Time) {
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
