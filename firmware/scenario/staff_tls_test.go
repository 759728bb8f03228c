package scenario

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// lanBox is a box that other machines reach, and this machine as one of them.
type lanBox struct {
	*boxtest.Box
	plain, secure string // host and port in the network
	roots         *x509.CertPool
}

// startOnLAN starts a box on all addresses of this machine. The box is Home to boxtest, and its own
// address in the network is another machine to the box.
func startOnLAN(t *testing.T) *lanBox {
	t.Helper()
	host := boxtest.LANAddress(t)
	box := boxtest.Start(t, t.TempDir(), "--http", "0.0.0.0:0", "--https", "0.0.0.0:0")
	at := func(addr string) string {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	l := &lanBox{Box: box, plain: net.JoinHostPort(host, at(box.HTTP)), secure: net.JoinHostPort(host, at(box.HTTPS)), roots: x509.NewCertPool()}
	box.HTTP = "127.0.0.1:" + at(box.HTTP)
	ca, err := os.ReadFile(filepath.Join(box.Dir, "tls", "ca.crt"))
	if err != nil || !l.roots.AppendCertsFromPEM(ca) {
		t.Fatalf("the box's authority: %v", err)
	}
	return l
}

// call sends a request from another machine, over plain HTTP or over TLS that the caller trusts.
func (l *lanBox) call(base, method, path, cookie string, in any) (int, string, []*http.Cookie) {
	l.T.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		l.T.Fatal(err)
	}
	req, err := http.NewRequestWithContext(l.T.Context(), method, base+path, bytes.NewReader(data))
	if err != nil {
		l.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Cookie", cookie)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: l.roots, ServerName: "livelearn.local"}}
	resp, err := (&http.Client{Timeout: timetest.Patience, Transport: transport}).Do(req)
	if err != nil {
		l.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.T.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Cookies()
}

// join opens the lesson socket in a room from another machine over plain HTTP.
func (l *lanBox) join(cookie, room string) error {
	m := &wiretest.Member{
		Dial: func() (net.Conn, error) { return net.DialTimeout("tcp", l.plain, timetest.Patience) },
		URL:  "ws://" + l.plain + "/socket/websocket?vsn=2.0.0", Cookie: cookie, Room: room,
	}
	_, err := m.Connect()
	if err == nil {
		m.Drop()
	}
	return err
}

// TestOnlyPupilsUsePlainHTTPInTheNetwork goes through the front door from another machine.
func TestOnlyPupilsUsePlainHTTPInTheNetwork(t *testing.T) {
	l := startOnLAN(t)
	plain, secure := "http://"+l.plain, "https://"+l.secure
	claim := map[string]string{"code": l.Code, "box": "B", "name": "Ada", "pin": boxtest.PIN, "lang": "en"}
	refused := func(what string, code int, text string, cookies []*http.Cookie) {
		t.Helper()
		if code != http.StatusForbidden || !strings.Contains(text, `"tls_needed"`) || len(cookies) > 0 {
			t.Errorf("%s: %d %s %v", what, code, text, cookies)
		}
	}
	code, text, cookies := l.call(plain, "POST", "/api/claim", "", claim)
	refused("claim", code, text, cookies)
	if code, text, _ = l.call(secure, "POST", "/api/claim", "", claim); code != http.StatusOK {
		t.Fatalf("claim over TLS: %d %s", code, text)
	}
	login := map[string]string{"name": "Ada", "pin": boxtest.PIN}
	code, text, cookies = l.call(plain, "POST", "/api/login", "", login)
	refused("login", code, text, cookies)
	_, _, cookies = l.call(secure, "POST", "/api/login", "", login)
	if len(cookies) == 0 || cookies[0].Name != "__Host-ll" || !cookies[0].Secure {
		t.Fatalf("login over TLS: %v", cookies)
	}
	token := cookies[0].Value

	here := &boxtest.Person{Box: l.Box} // on the box's own machine
	if _, err := here.CallAPI("POST", "/api/login", login, nil); err != nil {
		t.Fatal("on the box's own machine:", err)
	}
	lesson := here.OpenLesson(here.AddClass("7B", 1), "Planets")
	_, _, cookies = l.call(plain, "POST", "/api/join", "", map[string]string{"key": lesson.Key, "pupil": lesson.Names[0].ID})
	if len(cookies) == 0 || cookies[0].Name != "ll" {
		t.Fatalf("a pupil joins: %v", cookies)
	}
	if err := l.join("ll="+cookies[0].Value, lesson.Room); err != nil {
		t.Errorf("a pupil's socket: %v", err)
	}
	if l.join("ll="+token, lesson.Room) == nil {
		t.Error("a teacher's socket opens over plain HTTP")
	}
	if code, text, _ = l.call(secure, "GET", "/api/classes", "__Host-ll="+token, nil); code != http.StatusUnauthorized {
		t.Errorf("the token that crossed the network still works: %d %s", code, text)
	}
}
