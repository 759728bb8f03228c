package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// A device gets a cookie with a random id that the box has signed, so that pupils behind
// one address are told apart when they mistype a code, and nobody can make up devices.
// Signing in puts the teacher's name under the device's seal as well. Neither opens
// anything: they only say which count of wrong tries is whose.
const (
	deviceCookie = "lld"
	trustCookie  = "llt"
	deviceAge    = 365 * 24 * time.Hour
)

type devices struct {
	secret func() ([]byte, error)
}

// seal signs parts. Empty: the box's secret cannot be read.
func (d *devices) seal(parts ...string) string {
	secret, err := d.secret()
	if err != nil || len(secret) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	for _, p := range parts {
		mac.Write([]byte(p))
		mac.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// known is the device's id, or empty when the box has not given one.
func (d *devices) known(r *http.Request) string {
	c, err := r.Cookie(deviceCookie)
	if err != nil {
		return ""
	}
	id, seal, ok := strings.Cut(c.Value, ".")
	want := d.seal("device", id)
	if !ok || want == "" || !hmac.Equal([]byte(seal), []byte(want)) {
		return ""
	}
	return id
}

// trusts tells that a teacher of this name has signed in on the device before.
func (d *devices) trusts(r *http.Request, id, name string) bool {
	c, err := r.Cookie(trustCookie)
	want := d.seal("trust", id, name)
	return err == nil && id != "" && want != "" && hmac.Equal([]byte(c.Value), []byte(want))
}

// greet gives the device an id if it has none, and gives it back.
func (d *devices) greet(w http.ResponseWriter, r *http.Request) string {
	if id := d.known(r); id != "" {
		return id
	}
	id := rand.Text()[:20]
	if seal := d.seal("device", id); seal != "" {
		setDeviceCookie(w, deviceCookie, id+"."+seal)
	}
	return id
}

// trust notes that a teacher of this name has signed in on the device.
func (d *devices) trust(w http.ResponseWriter, r *http.Request, name string) {
	if seal := d.seal("trust", d.greet(w, r), name); seal != "" {
		setDeviceCookie(w, trustCookie, seal)
	}
}

func setDeviceCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(deviceAge.Seconds()),
	})
}
