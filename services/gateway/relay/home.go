package relay

import (
	"net/http"
	"slices"
	"strings"

	"github.com/livelearn/box/services/gateway/httpapi"
)

// Cookie names the box of a browser's lesson. It grants nothing. As for the session's cookie, HTTPS has one
// of its own: whoever sits between a browser and plain HTTP must not send a teacher's HTTPS pages, and
// the token with them, to another box.
const (
	Cookie       = "llb"
	hostPrefix   = "__Host-" // a browser neither sends such a cookie over plain HTTP nor takes it from there
	secureCookie = hostPrefix + Cookie
)

// valueOf returns the value of a cookie. Empty: there is none.
func valueOf(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// HomeOf returns the box that has the lesson of a browser. Empty: this one. A browser with a session of
// HTTPS is where the cookie of HTTPS says.
func (s *Relay) HomeOf(r *http.Request) string {
	if s == nil || httpapi.BoxOf(r) != "" { // nothing is passed on twice
		return ""
	}
	home := valueOf(r, Cookie)
	if r.TLS != nil && (valueOf(r, secureCookie) != "" || hasSecureSession(r)) {
		home = valueOf(r, secureCookie)
	}
	if s.Boxes.NameOf(home) == "" {
		return ""
	}
	return home
}

func hasSecureSession(r *http.Request) bool {
	return slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool {
		return httpapi.IsSessionCookie(c.Name) && strings.HasPrefix(c.Name, hostPrefix)
	})
}

// sessionsFor returns the cookies with the tokens of a box: those beside a cookie that names it.
func sessionsFor(box string, r *http.Request) (list []*http.Cookie) {
	for _, c := range r.Cookies() {
		at := Cookie
		if strings.HasPrefix(c.Name, hostPrefix) {
			at = secureCookie
		}
		if httpapi.IsSessionCookie(c.Name) && valueOf(r, at) == box {
			list = append(list, c)
		}
	}
	return list
}

// SetHome returns the Set-Cookie values with which a browser is at a box from then on. Empty: at this
// one.
func SetHome(r *http.Request, box string) (lines []string) {
	//lint:ignore gosec Secure follows the request: pupils use plain HTTP
	c := http.Cookie{Name: Cookie, Value: box, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if box == "" {
		c.MaxAge = -1
		lines = append(lines, c.String()) // over HTTPS it counts where there is no other
	}
	if r.TLS != nil {
		c.Name, c.Secure = secureCookie, true
	} else if box == "" {
		return lines
	}
	return append(lines, c.String())
}
