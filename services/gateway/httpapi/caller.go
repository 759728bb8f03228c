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
	Roster     *roster.Roster
	PlainStaff bool // staff may also use plain HTTP from other machines
	fresh      freshPINs
}

// Browsers share cookies between HTTP and HTTPS of one host, and plain HTTP cannot overwrite a
// cookie that is marked Secure (RFC 6265bis section 5.7). HTTPS therefore has a cookie of its
// own, which a browser neither sends over plain HTTP nor takes from it. The plain cookie
// belongs to pupils, and to staff on the box's own machine. It is not Secure there, because
// Safari keeps no Secure cookie of http://localhost.
const (
	cookieName   = "ll"
	secureCookie = "__Host-ll"
)

// Caller is the sender of a request.
type Caller struct {
	roster.Person
	Token   string
	exposed bool  // others in the network can read the request
	relayed bool  // another box passed the request on
	err     error // why the token is refused. Nil for a known person and for a request without a token
}

// Identify finds the caller by the cookie or the bearer token of the request.
func (all *Callers) Identify(r *http.Request) Caller {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return all.ByToken(r, t)
	}
	if c, err := r.Cookie(secureCookie); err == nil && r.TLS != nil {
		return all.ByToken(r, c.Value)
	}
	token := ""
	if c, err := r.Cookie(cookieName); err == nil {
		token = c.Value
	}
	c := all.ByToken(r, token)
	if c.IsStaff() && r.TLS != nil { // any machine in the network can make a browser send this cookie
		return Caller{}
	}
	return c
}

// IsSessionCookie reports whether a cookie of this name holds a token.
func IsSessionCookie(name string) bool { return name == cookieName || name == secureCookie }

type boxKey struct{}

// WithBox notes that another box of the school passed a request on.
func WithBox(ctx context.Context, box string) context.Context {
	return context.WithValue(ctx, boxKey{}, box)
}

// BoxOf returns the id of the box that passed a request on. Empty: it came here directly.
func BoxOf(r *http.Request) string {
	box, _ := r.Context().Value(boxKey{}).(string)
	return box
}

// ByToken finds the caller of r by a token. An empty token gives an unknown caller without an
// error. A token of staff that others in the network could read is void from then on.
func (all *Callers) ByToken(r *http.Request, token string) Caller {
	exposed, relayed := !all.IsPrivate(r), BoxOf(r) != ""
	if token == "" {
		return Caller{exposed: exposed, relayed: relayed}
	}
	p, err := all.Roster.Authenticate(token)
	if !exposed || !p.IsStaff() {
		return Caller{Person: p, Token: token, exposed: exposed, relayed: relayed, err: err}
	}
	if err := all.Roster.SignOut(token); err != nil {
		return Caller{exposed: true, err: err}
	}
	return Caller{exposed: true, err: errTLSNeeded()}
}

// CheckLevel returns an error (errs.Denied) if the caller does not reach the level.
func (c Caller) CheckLevel(l Level) error {
	switch {
	case l == Anybody:
		return nil
	case l >= Staff && c.exposed:
		return errTLSNeeded()
	case c.err != nil:
		return c.err
	case c.User == "":
		return errs.NewCode("gateway", errs.Denied, "signed_out", "sign in first")
	case l == Staff && !c.IsStaff(), l == Admin && !c.Admin:
		return errs.NewCode("gateway", errs.Denied, "role", "not allowed for you")
	case l == Admin && c.relayed:
		return errs.NewCode("gateway", errs.Denied, "own_box", "an admin works at the own box: open its address")
	}
	return nil
}

// StatusFor returns the HTTP status of err. It is 401 if signing in would help.
func (c Caller) StatusFor(err error) int {
	if c.User == "" && errs.KindOf(err) == errs.Denied && errs.BodyOf(err).Code != tlsNeeded {
		return http.StatusUnauthorized
	}
	return errs.KindOf(err).HTTPStatus()
}

// CallerOf returns the caller of the operation that runs with ctx.
func CallerOf(ctx context.Context) Caller { return ctx.Value(callerKey{}).(Caller) }

// RequestOf returns the request of the operation that runs with ctx.
func RequestOf(ctx context.Context) *http.Request { return ctx.Value(requestKey{}).(*http.Request) }

// SessionCookie returns the Set-Cookie value that hands a token to the browser. It is Secure
// over TLS. Pupils use plain HTTP too.
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
