package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"
)

// A device gets a cookie with a random id that the box has sealed, so that pupils behind
// one address are told apart when they mistype a code and nobody makes up devices. When
// a teacher has signed in, the name is sealed with the id as well. Neither opens
// anything: they only say whose count of wrong tries it is.
const (
	deviceCookie = "lld"
	trustCookie  = "llt"
)

// seal signs parts with the roster's secret. Empty: it cannot be read.
func (g *Gateway) seal(parts ...string) string {
	secret, err := g.Roster.Secret()
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join(parts, "\x00"))) // a hash never fails to write
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

func (g *Gateway) sealed(seal string, parts ...string) bool {
	want := g.seal(parts...)
	return want != "" && hmac.Equal([]byte(seal), []byte(want))
}

// device is the id that the box has given the caller's device, or empty.
func (g *Gateway) device(r *http.Request) string {
	c, err := r.Cookie(deviceCookie)
	if err != nil {
		return ""
	}
	id, seal, _ := strings.Cut(c.Value, ".")
	if !g.sealed(seal, "device", id) {
		return ""
	}
	return id
}

// greet gives a device that opens a page its id.
func (g *Gateway) greet(w http.ResponseWriter, r *http.Request) {
	if g.device(r) != "" {
		return
	}
	id := rand.Text()
	if seal := g.seal("device", id); seal != "" {
		http.SetCookie(w, lasting(deviceCookie, id+"."+seal))
	}
}

// trusts tells that a teacher of this name has signed in on the device before.
func (g *Gateway) trusts(r *http.Request, id, name string) bool {
	c, err := r.Cookie(trustCookie)
	return err == nil && id != "" && g.sealed(c.Value, "trust", id, name)
}

// trust is the cookie that says so; empty for a device without an id.
func (g *Gateway) trust(r *http.Request, name string) string {
	id := g.device(r)
	if id == "" {
		return ""
	}
	return lasting(trustCookie, g.seal("trust", id, name)).String()
}

func lasting(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 365 * 24 * 3600,
	}
}

// keys are the counts of whoever calls. An address has more tries than a device, since a
// class may sit behind one; whoever throws the cookie away shares the few of all who do.
func (g *Gateway) keys(ctx context.Context) []key {
	r := requestOf(ctx)
	at := address(r)
	own := key{name: "bare " + at, limit: perDevice}
	if id := g.device(r); id != "" {
		own.name = "device " + id
	}
	return []key{own, {"address " + at, perAddress, true}, {"box", perBox, true}}
}

// address is what limits count by. One machine has all addresses of an IPv6 /64.
func address(r *http.Request) string {
	host := hostOf(r.RemoteAddr)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return host
}
