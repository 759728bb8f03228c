package signin

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/roster"
)

// A device gets a cookie with a random id and the signature of the box. The box can then
// separate pupils behind one address when they mistype a code, and clients cannot invent
// devices. The signature also says whether the device has its own count of wrong tries. Each
// address gives out a limited number of such counts an hour. Without that limit, a client
// would get more guesses by throwing its cookie away.
//
// When a teacher signs in, a second cookie signs the name together with the id. Neither cookie
// grants access. They only select the count for a wrong try.
const (
	DeviceCookie = "lld"
	trustCookie  = "llt"
)

// signParts signs parts with the secret of the roster. It returns an empty string if the
// secret cannot be read.
func (a *API) signParts(parts ...string) string {
	secret, err := a.Roster.Secret()
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join(parts, "\x00"))) // a hash never fails to write
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

func (a *API) verifyParts(seal string, parts ...string) bool {
	want := a.signParts(parts...)
	return want != "" && hmac.Equal([]byte(seal), []byte(want))
}

// The kinds of devices, as the signature names them.
const (
	countedSeal = "device" // has its own count
	guestSeal   = "guest"  // shares the count of its address
)

// DeviceID returns the id that the box gave to the device, and whether the device has its own
// count. The id is empty if the request has no valid cookie.
func (a *API) DeviceID(r *http.Request) (id string, counted bool) {
	c, err := r.Cookie(DeviceCookie)
	if err != nil {
		return "", false
	}
	id, seal, _ := strings.Cut(c.Value, ".")
	switch {
	case a.verifyParts(seal, countedSeal, id):
		return id, true
	case a.verifyParts(seal, guestSeal, id):
		return id, false
	}
	return "", false
}

// SetDeviceCookie gives an id to a device that opens a page. The device also gets its own
// count if its address has one left.
func (a *API) SetDeviceCookie(w http.ResponseWriter, r *http.Request) {
	id, counted := a.DeviceID(r)
	if counted {
		return
	}
	kind := countedSeal
	if !a.claimCount(r) {
		if kind = guestSeal; id != "" {
			return
		}
	}
	id = cmp.Or(id, rand.Text())
	if seal := a.signParts(kind, id); seal != "" {
		http.SetCookie(w, longLivedCookie(DeviceCookie, id+"."+seal))
	}
}

// claimCount takes one of the counts that the address of the caller may give to devices. It
// returns false if none is left.
func (a *API) claimCount(r *http.Request) bool {
	keys := []throttleKey{}
	for i, at := range connlimit.Networks(connlimit.HostOf(r.RemoteAddr)) {
		keys = append(keys, throttleKey{"new " + at, [...]int{CountedPerAddress, countedPerNetwork}[i], time.Hour})
	}
	if route, _, _ := a.throttle.choose([][]throttleKey{keys}); route == nil {
		return false
	}
	for _, k := range keys {
		a.throttle.countFailure(k)
	}
	return true
}

// isTrustedDevice reports whether a teacher of this name signed in on the device before.
func (a *API) isTrustedDevice(r *http.Request, id, name string) bool {
	c, err := r.Cookie(trustCookie)
	return err == nil && id != "" && a.verifyParts(c.Value, "trust", id, name)
}

// TrustsAny reports whether any teacher signed in on the device before.
func (a *API) TrustsAny(r *http.Request) bool {
	if _, err := r.Cookie(trustCookie); err != nil {
		return false
	}
	id, _ := a.DeviceID(r)
	staff, err := a.Roster.Staff()
	return err == nil && slices.ContainsFunc(staff, func(s roster.Staff) bool {
		return a.isTrustedDevice(r, id, roster.StaffName(s.Name))
	})
}

// newTrustCookie returns the cookie that isTrustedDevice reads. It is empty for a device
// without an id.
func (a *API) newTrustCookie(r *http.Request, name string) string {
	id, _ := a.DeviceID(r)
	if id == "" {
		return ""
	}
	//lint:ignore gosec a pupil's device is trusted over plain HTTP too
	c := longLivedCookie(trustCookie, a.signParts("trust", id, name))
	c.Secure = r.TLS != nil
	return c.String()
}

func longLivedCookie(name, value string) *http.Cookie {
	//lint:ignore gosec the id of a device is not Secure, because the device is the same over plain HTTP and over HTTPS
	return &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 365 * 24 * 3600,
	}
}
