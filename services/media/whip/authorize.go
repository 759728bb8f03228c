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

// allowOrigins lets a page of any site call: it must show the bearer token that only its user
// can have given it, and this package reads no cookie. So there is no
// Access-Control-Allow-Credentials, and a page cannot use credentials that only the browser
// knows.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate")
	h.Set("Cache-Control", "no-store")
}

// answerPreflight answers OPTIONS. It needs no token: browsers send none (RFC 9725 4.7.1).
func answerPreflight(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Set("Allow", methods)
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusOK)
}

func notAllowed(w http.ResponseWriter, r *http.Request, methods string) {
	w.Header().Set("Allow", methods)
	writeProblem(w, http.StatusMethodNotAllowed, errs.Body{Reason: errs.Invalid.String(), Code: "method", Message: r.Method + " has no meaning here"})
}

// statusError is an error with an HTTP status that its kind does not have.
type statusError struct {
	error
	code int
}

// Unwrap returns the cause.
func (s statusError) Unwrap() error { return s.error }

func withStatus(code int, err error) error { return statusError{err, code} }

// statusOf is the HTTP status for a client. A node that is full or away is 503 (RFC 9725 4.5).
// A member of a lesson that is too fast gets 429 for the same kind.
func statusOf(err error) int {
	if s, ok := errors.AsType[statusError](err); ok {
		return s.code
	}
	if k := errs.KindOf(err); k != errs.Busy {
		return k.HTTPStatus()
	}
	return http.StatusServiceUnavailable
}

// writeError answers with an error, as RFC 9457 has it.
func writeError(w http.ResponseWriter, err error) {
	code, body := statusOf(err), errs.BodyOf(err)
	switch code {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
		body.RetryMS = 2000
	case http.StatusUnauthorized, http.StatusForbidden:
		if c := bearerChallenge(body.Code); c != "" {
			w.Header().Set("WWW-Authenticate", c)
		}
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Post", typeSDP)
		w.Header().Set("Accept-Patch", typeFragment)
	}
	writeProblem(w, code, body)
}

// bearerChallenge follows RFC 6750 3: a request without a token gets no error code.
func bearerChallenge(code string) string {
	const challenge = `Bearer realm="livelearn"`
	switch code {
	case noToken:
		return challenge
	case badToken, badScope:
		return challenge + `, error="` + code + `"`
	}
	return ""
}

// The codes of errors with tokens, as RFC 6750 3.1 names them.
const (
	noToken  = "no_token"
	badToken = "invalid_token"
	badScope = "insufficient_scope"
)

func writeProblem(w http.ResponseWriter, code int, b errs.Body) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(struct { // the client is gone and cannot read it
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
		errs.Body
	}{http.StatusText(code), code, b.Message, b})
}

// authorizeToken returns the grant of the request's token at this path.
func (d *Handler) authorizeToken(r *http.Request, use Use) (Grant, error) {
	const op = "whip.grant"
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimLeft(token, " "); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Grant{}, withStatus(http.StatusUnauthorized, errs.NewCode(op, errs.Denied, noToken, "a bearer token is needed"))
	}
	g, err := d.grants(token)
	switch {
	case errs.KindOf(err) == errs.Denied && err != nil:
		return Grant{}, withStatus(http.StatusUnauthorized, errs.NewCode(op, errs.Denied, badToken, "the token is not valid, or no longer valid"))
	case err != nil:
		return Grant{}, err
	case g.Use != use || g.Lesson != r.PathValue("lesson"):
		return Grant{}, errs.NewCode(op, errs.Denied, badScope, "the token is for /%s/%s", g.Use, g.Lesson)
	}
	return g, nil
}

// RFC 9725 5 wants a limit on how often sessions are begun and changed. A program that tries
// again once a second is let through. A failing ICE restart in a loop is not.
const (
	requestsPerSecond = 2
	requestBurst      = 20
	maxLimiters       = 1024 // tokens, beyond, all are forgotten, which only means a new atOnce
)

// tokenLimiter is how fast each token may ask.
type tokenLimiter struct {
	now      func() time.Time
	mu       sync.Mutex
	limiters map[string]*rate.Limiter // guarded by mu
}

func newTokenLimiter(now func() time.Time) *tokenLimiter {
	return &tokenLimiter{now: now, limiters: map[string]*rate.Limiter{}}
}

// allowRequest counts one request of the token.
func (p *tokenLimiter) allowRequest(grant string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.limiters) >= maxLimiters {
		clear(p.limiters)
	}
	l := p.limiters[grant]
	if l == nil {
		l = rate.NewLimiter(requestsPerSecond, requestBurst)
		p.limiters[grant] = l
	}
	if !l.AllowN(p.now(), 1) {
		return withStatus(http.StatusTooManyRequests, errs.NewCode("whip", errs.Busy, "too_fast", "more than %d requests a second", requestsPerSecond))
	}
	return nil
}
