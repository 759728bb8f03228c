package whip

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/livelearn/box/services/errs"
)

// allowOrigins lets a page of any site call: it must show the bearer token that only its
// user can have given it, and no cookie is read here. So there is no
// Access-Control-Allow-Credentials, and nothing can be done with what the browser itself
// knows.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate")
	h.Set("Cache-Control", "no-store")
}

// preflight answers OPTIONS. It needs no token: browsers send none (RFC 9725 4.7.1).
func preflight(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Set("Allow", methods)
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusOK)
}

func notAllowed(w http.ResponseWriter, r *http.Request, methods string) {
	w.Header().Set("Allow", methods)
	problem(w, http.StatusMethodNotAllowed, errs.Body{Reason: errs.Invalid.String(), Code: "method", Message: r.Method + " has no meaning here"})
}

// status is an error with an HTTP status that its kind does not have.
type status struct {
	error
	code int
}

// Unwrap gives the cause.
func (s status) Unwrap() error { return s.error }

func with(code int, err error) error { return status{err, code} }

// statusOf is the status that a client gets. A node that is full or away is 503 (RFC 9725
// 4.5), though a member of a lesson who is too fast gets 429 for the same kind.
func statusOf(err error) int {
	if s, ok := errors.AsType[status](err); ok {
		return s.code
	}
	if k := errs.KindOf(err); k != errs.Busy {
		return k.Status()
	}
	return http.StatusServiceUnavailable
}

// refuse answers with an error, as RFC 9457 has it.
func refuse(w http.ResponseWriter, err error) {
	code, body := statusOf(err), errs.BodyOf(err)
	switch code {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
		body.RetryMS = 2000
	case http.StatusUnauthorized, http.StatusForbidden:
		if c := challenge(body.Code); c != "" {
			w.Header().Set("WWW-Authenticate", c)
		}
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Post", typeSDP)
		w.Header().Set("Accept-Patch", typeFragment)
	}
	problem(w, code, body)
}

// challenge is what RFC 6750 3 wants: no word of an error for who has shown no token.
func challenge(code string) string {
	const bearer = `Bearer realm="livelearn"`
	switch code {
	case noToken:
		return bearer
	case badToken, badScope:
		return bearer + `, error="` + code + `"`
	}
	return ""
}

// The codes of errors with tokens, as RFC 6750 3.1 names them.
const (
	noToken  = "no_token"
	badToken = "invalid_token"
	badScope = "insufficient_scope"
)

func problem(w http.ResponseWriter, code int, b errs.Body) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(struct { // the client is gone: nobody to tell
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
		errs.Body
	}{http.StatusText(code), code, b.Message, b})
}

// grant is what the request's token is good for at this path.
func (d *Door) grant(r *http.Request, use Use) (Grant, error) {
	const op = "whip.grant"
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimLeft(token, " "); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Grant{}, with(http.StatusUnauthorized, errs.Code(op, errs.Denied, noToken, "a bearer token is needed"))
	}
	g, err := d.grants(token)
	switch {
	case errs.KindOf(err) == errs.Denied && err != nil:
		return Grant{}, with(http.StatusUnauthorized, errs.Code(op, errs.Denied, badToken, "the token is not good, or not any more"))
	case err != nil:
		return Grant{}, err
	case g.Use != use || g.Lesson != r.PathValue("lesson"):
		return Grant{}, errs.Code(op, errs.Denied, badScope, "the token is for /%s/%s", g.Use, g.Lesson)
	}
	return g, nil
}

// RFC 9725 5 wants a limit on how often sessions are begun and changed. A program that
// tries again once a second is let through; a failing ICE restart in a loop is not.
const (
	perSecond = 2
	atOnce    = 20
	maxPaced  = 1024 // tokens; beyond, all are forgotten, which only means a new atOnce
)

// pace is how fast each token may ask.
type pace struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]*rate.Limiter // guarded by mu
}

func newPace(now func() time.Time) *pace { return &pace{now: now, by: map[string]*rate.Limiter{}} }

// allow counts one request of the token.
func (p *pace) allow(grant string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.by) >= maxPaced {
		clear(p.by)
	}
	l := p.by[grant]
	if l == nil {
		l = rate.NewLimiter(perSecond, atOnce)
		p.by[grant] = l
	}
	if !l.AllowN(p.now(), 1) {
		return with(http.StatusTooManyRequests, errs.Code("whip", errs.Busy, "too_fast", "more than %d requests a second", perSecond))
	}
	return nil
}
