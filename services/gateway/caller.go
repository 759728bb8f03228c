package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

// The cookie that says who somebody is. Browsers share cookies between HTTP and HTTPS of
// one host and let HTTP overwrite nothing that HTTPS marked Secure, so HTTPS has a cookie
// of its own.
const (
	plainCookie  = "ll"
	secureCookie = "__Host-ll"
)

// caller is who asks, and how to answer beside the body.
type caller struct {
	g      *Gateway
	w      http.ResponseWriter
	r      *http.Request
	route  string
	token  string
	person roster.Person // zero: nobody
	fault  error         // the roster could not tell
}

type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// called finds out who asks.
func (g *Gateway) called(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		c.g, c.w, c.r, c.token = g, w, r, tokenOf(r)
		if c.token != "" && !strings.HasPrefix(r.URL.Path, "/assets/") {
			p, err := g.d.Roster.Who(c.token)
			switch {
			case err == nil:
				c.person = p
			case errs.KindOf(err) != errs.Denied:
				c.fault = err
			}
		}
		next.ServeHTTP(w, r)
	})
}

// tokenOf is the token that the request carries. Only the socket, where browsers cannot
// set a header, takes it from the query.
func tokenOf(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	if r.URL.Path == socketPath {
		if token := r.URL.Query().Get("token"); token != "" {
			return token
		}
	}
	names := []string{plainCookie}
	if r.TLS != nil {
		names = []string{secureCookie, plainCookie}
	}
	for _, name := range names {
		if c, err := r.Cookie(name); err == nil {
			return c.Value
		}
	}
	return ""
}

// signIn gives the device the token of the person it now speaks for. The cookie lasts as
// long as the browser runs; the server decides when it is void.
func (c *caller) signIn(token string) {
	http.SetCookie(c.w, c.cookie(token, 0))
}

func (c *caller) signOut() {
	http.SetCookie(c.w, c.cookie("", -1))
}

func (c *caller) cookie(token string, age int) *http.Cookie {
	name, secure := plainCookie, c.r.TLS != nil
	if secure {
		name = secureCookie
	}
	return &http.Cookie{
		Name: name, Value: token, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode, MaxAge: age,
	}
}

// browser tells one browser of a person from another without being its token.
func browser(token string) string {
	sum := sha256.Sum256([]byte("browser " + token))
	return hex.EncodeToString(sum[:8])
}

func (c *caller) address() string { return addressOf(c.r.RemoteAddr) }

// device is what wrong tries are counted by: the device's id, or the address when the
// box does not know the device.
func (c *caller) device() string {
	if id := c.g.devices.known(c.r); id != "" {
		return id
	}
	return "at " + c.address()
}

func (c *caller) trusted(name string) bool {
	return c.g.devices.trusts(c.r, c.g.devices.known(c.r), name)
}
