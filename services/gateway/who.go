package gateway

import (
	"context"
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
)

// Browsers share cookies between HTTP and HTTPS of one host, and let plain HTTP overwrite
// none that is marked Secure (RFC 6265bis section 5.7). So HTTPS has one of its own:
// whoever signed in there once could never sign in over HTTP again.
const (
	cookieName   = "ll"
	secureCookie = "__Host-ll"
)

// caller is who sent a request.
type caller struct {
	roster.Person
	token string
	err   error // why nobody is known; nil for a known person and for one without a token
}

// who finds the caller by the cookie or the bearer token.
func (g *Gateway) who(r *http.Request) caller {
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
	return g.holder(token)
}

func (g *Gateway) holder(token string) caller {
	if token == "" {
		return caller{}
	}
	p, err := g.Roster.Who(token)
	return caller{Person: p, token: token, err: err}
}

// may tells whether the caller reaches the level.
func (c caller) may(l level) error {
	switch {
	case l == anybody:
		return nil
	case c.err != nil:
		return c.err
	case c.User == "":
		return errs.Code("gateway", errs.Denied, "signed_out", "sign in first")
	case l == staff && !c.Staff(), l == admin && !c.Admin:
		return errs.Code("gateway", errs.Denied, "role", "not allowed for you")
	}
	return nil
}

// status is 401 for whom signing in would help.
func (c caller) status(err error) int {
	if c.User == "" && errs.KindOf(err) == errs.Denied {
		return http.StatusUnauthorized
	}
	return errs.KindOf(err).Status()
}

func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

func requestOf(ctx context.Context) *http.Request { return ctx.Value(requestKey{}).(*http.Request) }

// cookie hands a token to the browser. Secure only over TLS: on the plain LAN the cookie
// must work too.
func cookie(r *http.Request, token string) string {
	c := http.Cookie{
		Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
		MaxAge: 180 * 24 * 3600, // the box decides how long a token counts
	}
	if c.Secure {
		c.Name = secureCookie
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c.String()
}

// socket lets a known person onto the lesson socket.
func (g *Gateway) socket(w http.ResponseWriter, r *http.Request) {
	if !sameOrigin(r) {
		http.Error(w, "this page is not the box's", http.StatusForbidden)
		return
	}
	c := g.who(r)
	if token := r.URL.Query().Get("token"); token != "" {
		c = g.holder(token)
	}
	if err := c.may(member); err != nil {
		http.Error(w, "sign in first", c.status(err))
		return
	}
	id := session.Identity{User: c.User, Name: c.Name, Role: event.Pupil, Room: c.Room, Device: deviceOf(c.token)}
	if c.Staff() {
		id.Role, id.Room = event.Teacher, ""
	}
	g.Sessions.Accept(w, r, id)
	// The token may have been made void after the look above and before the session was
	// there to be closed.
	if _, err := g.Roster.Who(c.token); err != nil && errs.KindOf(err) == errs.Denied {
		g.Sessions.Kick(c.User, id.Device, "signed out")
	}
}

// deviceOf tells devices of one person apart without keeping their tokens.
func deviceOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return deviceOfHash(string(sum[:]))
}

// deviceOfHash is deviceOf the token with this SHA-256.
func deviceOfHash(hash string) string { return hash[:8] }

// caFile is the certificate of the box's authority, for a device that is to trust it.
func (g *Gateway) caFile(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(filepath.Join(g.Data, "ca.crt"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	_, _ = w.Write(data) // the client is gone: nobody to tell
}
