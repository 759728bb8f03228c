package httpapi

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

// Callers finds the person who sent a request.
type Callers struct {
	Roster *roster.Roster
	fresh  freshPINs
}

// Browsers share cookies between HTTP and HTTPS of one host, and plain HTTP cannot overwrite a
// cookie that is marked Secure (RFC 6265bis section 5.7). HTTPS therefore has a cookie of its
// own. With one cookie, a person who signed in over HTTPS could never sign in over HTTP again.
const (
	cookieName   = "ll"
	secureCookie = "__Host-ll"
)

// Caller is the sender of a request.
type Caller struct {
	roster.Person
	Token string
	err   error // why the token is refused. Nil for a known person and for a request without a token
}

// Identify finds the caller by the cookie or the bearer token of the request.
func (all *Callers) Identify(r *http.Request) Caller {
	token := ""
	if c, err := r.Cookie(cookieName); err == nil {
		token = c.Value
	}
	if c, err := r.Cookie(secureCookie); err == nil && r.TLS != nil {
		token = c.Value
	}
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = t
	}
	return all.ByToken(token)
}

// ByToken finds the caller by a token. An empty token gives an unknown caller without an
// error.
func (all *Callers) ByToken(token string) Caller {
	if token == "" {
		return Caller{}
	}
	p, err := all.Roster.Authenticate(token)
	return Caller{Person: p, Token: token, err: err}
}

// CheckLevel returns an error (errs.Denied) if the caller does not reach the level.
func (c Caller) CheckLevel(l Level) error {
	switch {
	case l == Anybody:
		return nil
	case c.err != nil:
		return c.err
	case c.User == "":
		return errs.NewCode("gateway", errs.Denied, "signed_out", "sign in first")
	case l == Staff && !c.IsStaff(), l == Admin && !c.Admin:
		return errs.NewCode("gateway", errs.Denied, "role", "not allowed for you")
	}
	return nil
}

// StatusFor returns the HTTP status of err. It is 401 if signing in would help.
func (c Caller) StatusFor(err error) int {
	if c.User == "" && errs.KindOf(err) == errs.Denied {
		return http.StatusUnauthorized
	}
	return errs.KindOf(err).HTTPStatus()
}

// CallerOf returns the caller of the operation that runs with ctx.
func CallerOf(ctx context.Context) Caller { return ctx.Value(callerKey{}).(Caller) }

// RequestOf returns the request of the operation that runs with ctx.
func RequestOf(ctx context.Context) *http.Request { return ctx.Value(requestKey{}).(*http.Request) }

// SessionCookie returns the Set-Cookie value that hands a token to the browser. It is Secure
// only over TLS, because the cookie must also work over plain HTTP on the LAN.
func SessionCookie(r *http.Request, token string) string {
	//lint:ignore gosec Secure follows the request
	c := http.Cookie{
		Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
		MaxAge: 180 * 24 * 3600, // the roster decides how long a token is valid
	}
	if c.Secure {
		c.Name = secureCookie
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c.String()
}

// DeviceOf returns an id that separates the devices of one person. It keeps no token.
func DeviceOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return DeviceOfHash(string(sum[:]))
}

// DeviceOfHash is DeviceOf for the SHA-256 of a token.
func DeviceOfHash(hash string) string { return hash[:8] }
