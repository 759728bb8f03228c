package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const elsewhere = "192.168.1.77:4000" // another machine

// forStaff reports whether a row of the table is about an operation that staff alone may use, or
// that takes a PIN.
func (c apiCall) forStaff() bool {
	return c.want[0] == http.StatusUnauthorized && c.want[1] == http.StatusForbidden || strings.HasSuffix(c.route, "/api/claim") || strings.HasSuffix(c.route, "/api/login")
}

// TestStaffWorkOverTLSOnly sends every request of the table over plain HTTP from another machine. The
// box refuses those for staff to everybody. The others get the answer that they get over HTTPS.
func TestStaffWorkOverTLSOnly(t *testing.T) {
	for n, role := range roles[:2] {
		r := newRig(t).school()
		for _, c := range r.calls() {
			method, _, _ := strings.Cut(c.route, " ")
			w := r.do(r.plainRequest(role, elsewhere, method, c.path, c.in))
			if !c.forStaff() {
				if w.Code != c.want[n] {
					t.Errorf("%s by %s: %d, want %d: %s", c.route, role, w.Code, c.want[n], w.Body)
				}
				continue
			}
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"tls_needed"`) {
				t.Errorf("%s by %s: %d %s", c.route, role, w.Code, w.Body)
			}
		}
	}
}

func TestAStaffTokenThatCameOverPlainHTTPIsVoid(t *testing.T) {
	for name, send := range map[string]func(*rig, *http.Request){
		"cookie": func(*rig, *http.Request) {},
		"HTTPS's cookie": func(r *rig, req *http.Request) {
			req.Header.Set("Cookie", "__Host-ll="+r.tokens["admin"]+"; ll="+r.tokens["admin"])
		},
		"bearer": func(r *rig, req *http.Request) {
			req.Header.Del("Cookie")
			req.Header.Set("Authorization", "Bearer "+r.tokens["admin"])
		},
		"a proxy's header": func(_ *rig, req *http.Request) { req.Header.Set("X-Forwarded-Proto", "https") },
		"a loopback host":  func(_ *rig, req *http.Request) { req.Host = "localhost" },
	} {
		r := newRig(t).school()
		req := r.plainRequest("admin", elsewhere, "GET", "/api/classes", nil)
		send(r, req)
		if w := r.do(req); w.Code != http.StatusForbidden || readRefusal(t, w).Code != "tls_needed" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := r.do(r.request("admin", "GET", "/api/classes", nil)); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: the token that others could read still works: %d", name, w.Code)
		}
	}
}

func TestAPlainCookieOfStaffIsNotTakenOverTLS(t *testing.T) {
	r := newRig(t).school()
	for role, want := range map[string]string{"admin": "none", "pupil": "pupil"} {
		req := r.request("nobody", "GET", "/api/state", nil)
		req.AddCookie(&http.Cookie{Name: "ll", Value: r.tokens[role]})
		if w := r.do(req); !strings.Contains(w.Body.String(), `"role":"`+want+`"`) {
			t.Errorf("%s: %s", role, w.Body)
		}
	}
	r.ok("admin", "GET", "/api/classes", nil, nil) // the session itself stays
}

func TestALessonSocketOfStaffNeedsTLS(t *testing.T) {
	r := newRig(t).school()
	upgrade := func(req *http.Request) *httptest.ResponseRecorder {
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		return r.do(req)
	}
	const path = "/socket/websocket?vsn=2.0.0"
	for role, refused := range map[string]bool{"pupil": false, "teacher": true} {
		if w := upgrade(r.plainRequest(role, elsewhere, "GET", path, nil)); (w.Code == http.StatusForbidden) != refused {
			t.Errorf("%s over plain HTTP: %d %s", role, w.Code, w.Body)
		}
	}
	w := upgrade(r.plainRequest("nobody", elsewhere, "GET", path+"&token="+r.tokens["admin"], nil))
	if b := readRefusal(t, w); w.Code != http.StatusForbidden || b.Code != "tls_needed" {
		t.Errorf("a token in the address: %d %s", w.Code, w.Body)
	}
}

func TestStaffSignInOnTheBoxsOwnMachineOrWhereASettingAllowsIt(t *testing.T) {
	login := map[string]string{"name": admin1, "pin": pin}
	for _, c := range []struct {
		allowed bool
		from    string
		status  int
		ground  string
	}{
		{false, "127.0.0.1:4000", 200, "local"},
		{false, "[::1]:4000", 200, "local"},
		{false, "[::ffff:127.0.0.9]:4000", 200, "local"},
		{false, elsewhere, 403, "open"},
		{false, "[fe80::1]:4000", 403, "open"},
		{true, elsewhere, 200, "allowed"},
	} {
		r := newRig(t, func(conf *Config, _ *Deps) { conf.PlainStaff = c.allowed }).school()
		w := r.do(r.plainRequest("nobody", c.from, "POST", "/api/login", login))
		cookies := w.Result().Cookies()
		if w.Code != c.status || (c.status == 200) != (len(cookies) > 0 && cookies[0].Name == "ll") {
			t.Errorf("%s, allowed %v: %d %v %s", c.from, c.allowed, w.Code, cookies, w.Body)
		}
		if w := r.do(r.plainRequest("teacher", c.from, "GET", "/api/classes", nil)); w.Code != c.status {
			t.Errorf("%s, allowed %v: classes %d", c.from, c.allowed, w.Code)
		}
		if w := r.do(r.plainRequest("nobody", c.from, "GET", "/api/state", nil)); !strings.Contains(w.Body.String(), `"ground":"`+c.ground+`"`) {
			t.Errorf("%s, allowed %v: %s", c.from, c.allowed, w.Body)
		}
	}
}

func TestNoPINIsLookedAtOverPlainHTTP(t *testing.T) {
	r := newRig(t)
	claim := map[string]string{"code": r.claim, "box": "Box", "name": admin1, "pin": pin}
	if w := r.do(r.plainRequest("nobody", elsewhere, "POST", "/api/claim", claim)); w.Code != 403 || readRefusal(t, w).Code != "tls_needed" {
		t.Errorf("claim: %d %s", w.Code, w.Body)
	}
	for range 50 { // a wrong PIN over plain HTTP counts nowhere
		r.do(r.plainRequest("nobody", elsewhere, "POST", "/api/login", map[string]string{"name": admin1, "pin": "wrong"}))
	}
	r.ok("nobody", "POST", "/api/claim", claim, nil)
	r.ok("nobody", "POST", "/api/login", map[string]string{"name": admin1, "pin": pin}, nil)
}

// TestPupilsGetAnAddressOfPlainHTTP draws the code of a lesson for a teacher who is on HTTPS.
func TestPupilsGetAnAddressOfPlainHTTP(t *testing.T) {
	r := newRig(t).school()
	b, err := r.Roster.LessonIn(r.class.ID)
	checkError(t, err)
	codes := map[string]string{}
	for _, host := range []string{"192.168.1.5", "192.168.1.5:8443"} {
		req := r.request("teacher", "GET", "/api/lessons/"+b.ID+"/qr.svg", nil)
		req.Host = host
		codes[host] = r.do(req).Body.String()
	}
	if codes["192.168.1.5"] != codes["192.168.1.5:8443"] || !strings.Contains(codes["192.168.1.5"], "<svg") {
		t.Error("the code has the port of HTTPS")
	}
}
