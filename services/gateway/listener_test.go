package gateway

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/discover"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/wire/wiretest"
)

func TestOnlyNamesOfTheBoxAreAnswered(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Hosts = []string{"box.school.example"} })
	_, err := r.Roster.ChangeSettings(roster.SettingsChange{Name: new("Room 12")})
	checkError(t, err)
	b, err := r.Roster.Box()
	checkError(t, err)
	for host, want := range map[string]int{
		"192.168.1.5:8080": 200, "192.168.1.5": 200, "[fd00::1]:8080": 200, "[::1]": 200, "localhost:8080": 200,
		"livelearn.local": 200, "LiveLearn.LOCAL:8080": 200, "box.school.example": 200,
		discover.InstanceName(b.ID) + ".local:8080": 200, "room-12.local": 200, "Room-12.local:8080": 200, "room-13.local": 421,
		"evil.example": 421, "evil.example:8080": 421, "livelearn.local.evil.example": 421, "192.168.1.5.evil.example": 421,
		"other.local": 421, "localhost.evil.example": 421, "": 421, "evil.example#192.168.1.5": 421,
	} {
		req := r.request("nobody", "GET", "/api/state", nil)
		if req.Host = host; r.do(req).Code != want {
			t.Errorf("Host %q: %d, want %d", host, r.do(req).Code, want)
		}
	}
}

func TestAPageOfAnotherSiteCannotWrite(t *testing.T) {
	r := newRig(t).school()
	for name, header := range map[string]http.Header{
		"cross site":       {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://evil.example"}},
		"same site":        {"Sec-Fetch-Site": {"same-site"}},
		"another origin":   {"Origin": {"http://evil.example"}},
		"another port":     {"Origin": {"http://192.168.1.5:9999"}},
		"a sandboxed page": {"Origin": {"null"}},
	} {
		req := r.request("admin", "POST", "/api/classes", map[string]string{"name": "Forged"})
		maps.Copy(req.Header, header)
		if w := r.do(req); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for kind, body := range map[string]string{
		"text/plain": `{"name":"Forged"}`, "application/x-www-form-urlencoded": "name=Forged", "multipart/form-data; boundary=x": "--x--",
	} {
		req := r.request("admin", "POST", "/api/classes", body)
		req.Header.Set("Content-Type", kind)
		if w := r.do(req); w.Code/100 != 4 {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
	}
	classes, err := r.Roster.Classes()
	checkError(t, err)
	for _, c := range classes {
		if c.Name == "Forged" {
			t.Error("a forged request made a class")
		}
	}
	req := r.request("admin", "POST", "/api/classes", map[string]string{"name": "Own page"})
	req.Header.Set("Origin", "http://192.168.1.5:8080")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if w := r.do(req); w.Code != 200 {
		t.Errorf("the box's own page: %d %s", w.Code, w.Body)
	}
}

func TestTheSocketTakesOnlyPagesOfTheBox(t *testing.T) {
	r := newRig(t).school()
	upgrade := func(role, origin, query string) *httptest.ResponseRecorder {
		req := r.request(role, "GET", "/socket/websocket?vsn=2.0.0"+query, nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		return r.do(req)
	}
	for _, origin := range []string{
		"http://evil.example", "null", "http://192.168.1.5:9999", "http://192.168.1.5", "192.168.1.5:8080", "ftp://x@192.168.1.5:8080",
		"http://192.168.1.5:8080.evil.example",
	} {
		if w := upgrade("pupil", origin, ""); w.Code != http.StatusForbidden {
			t.Errorf("Origin %q: %d", origin, w.Code)
		}
	}
	if w := upgrade("nobody", "http://192.168.1.5:8080", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", w.Code)
	}
	if w := upgrade("nobody", "", "&token="+strings.Repeat("x", 43)); w.Code != http.StatusUnauthorized {
		t.Errorf("a token that was never given: %d", w.Code)
	}
	// A recorder has no connection to hijack, so an allowed caller gets a 500.
	for _, w := range []*httptest.ResponseRecorder{
		upgrade("pupil", "http://192.168.1.5:8080", ""), upgrade("nobody", "", "&token="+r.tokens["pupil"]),
	} {
		if w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
			t.Errorf("the box's own: %d", w.Code)
		}
	}
}

func TestEveryAnswerIsSealed(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", "/api/state", "/api/none", "/nowhere", "/healthz", "/assets/main-X.js"} {
		h := r.do(r.request("nobody", "GET", path, nil)).Header()
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{
			"script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'", "require-trusted-types-for 'script'",
		} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: CSP lacks %s: %q", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") && !strings.Contains(csp, "object-src 'none'") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestAPanicIsA500AndACrashReport(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) {
		d.Tree = func() supervise.Status { panic("nobody expects this") }
		d.Backup = func(w io.Writer, _ string) error {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
			panic("in the middle")
		}
	}).school()
	w := r.do(r.request("admin", "GET", "/api/admin/tree", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "expects") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	reports := r.Reports.List()
	if len(reports) != 1 || reports[0].Path != "gateway" || len(reports[0].Stack) == 0 {
		t.Fatalf("%+v", reports)
	}
	cut := func() (cut bool) {
		defer func() { cut = recover() == http.ErrAbortHandler }()
		r.do(r.request("admin", "GET", "/api/admin/backup", nil))
		return false
	}
	if !cut() {
		t.Error("half a backup looks like a whole one")
	}
	if w := r.do(r.request("admin", "GET", "/api/state", nil)); w.Code != 200 {
		t.Errorf("the next request: %d", w.Code)
	}
}

func TestABackupThatFailsIsCutOff(t *testing.T) {
	r := newRig(t, func(_ *Config, d *Deps) {
		d.Backup = func(w io.Writer, _ string) error {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
			return io.ErrUnexpectedEOF
		}
	}).school()
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("half a backup looks like a whole one")
		}
	}()
	r.do(r.request("admin", "GET", "/api/admin/backup", nil))
}

// dialServer opens a connection to the gateway.
func dialServer(t *testing.T, n *wiretest.Net) net.Conn {
	t.Helper()
	c, err := n.Dial()
	checkError(t, err)
	return c
}

// withServer runs the gateway on a network in memory inside a synctest bubble.
func withServer(t *testing.T, change func(*Config), f func(t *testing.T, r *rig, net *wiretest.Net)) {
	synctest.Test(t, func(t *testing.T) {
		p := wiretest.NewNet()
		r := newRig(t, func(c *Config, d *Deps) {
			d.Listen = func(string) (net.Listener, error) { return p, nil }
			if change != nil {
				change(c)
			}
		})
		stop := r.start(t)
		f(t, r, p)
		stop()
	})
}

// start starts the gateway and waits until it listens. stop ends it.
func (r *rig) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done, ready := make(chan error, 1), make(chan struct{})
	go func() { done <- r.Child().Start(ctx, func() { close(ready) }) }()
	<-ready
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the door ended with %v", err)
		}
	}
}

// writeSlowly writes a beginning and then one byte each second until the reader is gone.
func writeSlowly(c net.Conn, beginning string) {
	for _, err := io.WriteString(c, beginning); err == nil; _, err = c.Write([]byte(" ")) {
		time.Sleep(time.Second)
	}
}

func TestASlowHeaderIsNotWaitedFor(t *testing.T) {
	withServer(t, nil, func(t *testing.T, _ *rig, p *wiretest.Net) {
		start := time.Now()
		slow := dialServer(t, p)
		var writing sync.WaitGroup
		writing.Go(func() { writeSlowly(slow, "GET / HTTP/1.1\r\nX: ") })
		defer writing.Wait()
		other := dialServer(t, p)
		go func() {
			_, _ = io.WriteString(other, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		}()
		answer, err := io.ReadAll(other)
		if err != nil || !bytes.Contains(answer, []byte("200 OK")) || time.Since(start) > time.Second {
			t.Errorf("the others wait: %q %v after %v", answer, err, time.Since(start))
		}
		_, _ = io.Copy(io.Discard, slow) // until the gateway closes it
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("a slow header held its connection for %v", d)
		}
	})
}

func TestASlowBodyIsNotWaitedFor(t *testing.T) {
	withServer(t, nil, func(t *testing.T, _ *rig, p *wiretest.Net) {
		start := time.Now()
		slow := dialServer(t, p)
		var writing sync.WaitGroup
		writing.Go(func() {
			writeSlowly(slow, "POST /api/join/look HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{")
		})
		defer writing.Wait()
		_, _ = io.Copy(io.Discard, slow)
		if d := time.Since(start); d > 90*time.Second {
			t.Errorf("a slow body held its connection for %v", d)
		}
	})
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	withServer(t, nil, func(t *testing.T, _ *rig, p *wiretest.Net) {
		start := time.Now()
		c := dialServer(t, p)
		go func() { _, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") }()
		_, _ = io.Copy(io.Discard, c)
		if d := time.Since(start); d < 10*time.Second || d > 5*time.Minute {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestMetricsAreForTheAdminAndTheMachine(t *testing.T) {
	r := newRig(t)
	req := r.request("nobody", "GET", "/metrics", nil)
	req.RemoteAddr = "127.0.0.1:9"
	if w := r.do(req); w.Code != 200 || !strings.Contains(w.Body.String(), "livelearn_") {
		t.Errorf("from the machine: %d", w.Code)
	}
	req.Host = "evil.example" // DNS rebinding in a browser on the same machine
	if w := r.do(req); w.Code != 421 {
		t.Errorf("by another name: %d", w.Code)
	}
}

func TestPagesAndAssets(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", "/j/abc", "/teach", "/teach/c_1", "/screen/c_1", "/lesson", "/claim", "/admin"} {
		w := r.do(r.request("nobody", "GET", path, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<title>") || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	req := r.request("nobody", "GET", "/assets/main-X.js", nil)
	plain := r.do(req)
	req.Header.Set("Accept-Encoding", "br, gzip")
	packed := r.do(req)
	if !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") || packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= plain.Body.Len() {
		t.Errorf("%v %v", plain.Header(), packed.Header())
	}
	for _, path := range []string{"/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "/assets/", "/teach/a/b"} {
		if w := r.do(r.request("nobody", "GET", path, nil)); w.Code == 200 {
			t.Errorf("%s: 200 %s", path, w.Body)
		}
	}
}
