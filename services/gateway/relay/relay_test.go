package relay

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box is a member's key and list, without a connection for messages.
type box struct {
	list   *members.List
	linked []string
}

func newBox(t *testing.T) *box {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	own, err := members.OpenIdentity(filepath.Join(dir, "key"), log)
	if err != nil {
		t.Fatal(err)
	}
	list, err := members.Open(filepath.Join(dir, "members"), own, log)
	if err != nil {
		t.Fatal(err)
	}
	return &box{list: list}
}

// knows puts another box on the list.
func (b *box) knows(t *testing.T, other *box, removed int64) {
	t.Helper()
	own := other.list.Own()
	m := members.Member{ID: own.ID, Key: own.Key, Name: "Box of " + own.ID[:4], Revision: 1, Term: 1, Added: 1, Removed: removed}
	if err := b.list.Learn([]members.Member{m}); err != nil {
		t.Fatal(err)
	}
	b.linked = append(b.linked, own.ID)
}

func (b *box) has(is func(members.Member) bool) bool {
	return slices.ContainsFunc(b.list.Others(), is)
}

func (b *box) NameOf(id string) string {
	for _, o := range b.list.Others() {
		if o.ID == id {
			return o.Name
		}
	}
	return ""
}
func (b *box) Linked() []string { return b.linked }
func (b *box) Name() string     { return "this box" }
func (b *box) TLSForMembers() *tls.Config {
	return b.list.Own().TLS(func(key string) bool { return b.has(func(m members.Member) bool { return m.Key == key }) })
}

func (b *box) TLSTo(id string) *tls.Config {
	conf := b.list.Own().TLS(func(key string) bool { return b.has(func(m members.Member) bool { return m.Key == key && m.ID == id }) })
	conf.ServerName = members.ServerName
	return conf
}

// serve has a box answer over HTTPS by Accept, and returns its address.
func (b *box) serve(t *testing.T, relayed http.HandlerFunc) string {
	t.Helper()
	s := New(Deps{Boxes: b, Log: slog.New(slog.DiscardHandler)})
	direct := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") })
	srv := httptest.NewUnstartedServer(s.Accept(direct, relayed))
	srv.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if h.ServerName == members.ServerName {
			return b.TLSForMembers(), nil
		}
		return nil, nil
	}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func (b *box) relay(t *testing.T, doors ...string) *Relay {
	t.Helper()
	s := New(Deps{Boxes: b, Log: slog.New(slog.DiscardHandler), Doors: func(context.Context, string) ([]string, error) { return doors, nil }})
	t.Cleanup(s.Close)
	return s
}

// ask has a browser with the lesson at a box ask this one.
func ask(s *Relay, home, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://192.0.2.1"+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.77:4000"
	r.AddCookie(&http.Cookie{Name: Cookie, Value: home})
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })).ServeHTTP(w, r)
	return w
}

// show writes what the box of the lesson is told of the person.
func show(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "of the other box")
	w.Header().Add("Set-Cookie", "ll=token; Path=/")
	w.Header().Add("Set-Cookie", "llt=trust; Path=/")
	cookies := []string{}
	for _, c := range r.Cookies() {
		cookies = append(cookies, c.Name)
	}
	data, err := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s from %s at %s over TLS %v by a box %v with %v, body %d %v", r.Method, r.URL, r.RemoteAddr, r.Host, r.TLS != nil, httpapi.BoxOf(r) != "", cookies, len(data), err)
}

func TestARequestIsPassedOnAsThePersonSentIt(t *testing.T) {
	a, b := newBox(t), newBox(t)
	a.knows(t, b, 0)
	b.knows(t, a, 0)
	s, home := b.relay(t, "127.0.0.1:1", a.serve(t, show)), a.list.Own().ID
	w := ask(s, home, "POST", "/api/join?x=1", "hello", func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "ll", Value: "token"})
		r.AddCookie(&http.Cookie{Name: "lld", Value: "device of this box"})
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		r.Header.Set(callerHeader, "198.51.100.1") // whatever the browser says
	})
	want := `POST /api/join?x=1 from 192.0.2.77:0 at 192.0.2.1 over TLS false by a box true with [ll], body 5 <nil>`
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s\nwant %s", w.Code, w.Body, want)
	}
	if h := w.Header(); h.Get("Content-Security-Policy") != "" || !slices.Equal(h.Values("Set-Cookie"), []string{"ll=token; Path=/"}) {
		t.Errorf("the browser gets %v", h)
	}
	w = ask(s, home, "GET", "/images/x.png", "", func(r *http.Request) { r.TLS, r.RemoteAddr = &tls.ConnectionState{}, "127.0.0.1:4000" })
	if got := w.Body.String(); !strings.Contains(got, "over TLS true") || strings.Contains(got, "127.0.0.1:4000") || strings.Contains(got, "from 127.0.0.1:0 ") {
		t.Errorf("a person on the other box's machine over HTTPS: %s", got)
	}
	for _, path := range []string{DoorPath, "/api/join/look", "/api/claim", "/api/update/head", CallerPath, "/", "/assets/x.js"} {
		if w := ask(s, home, "GET", path, ""); w.Body.String() != "here" {
			t.Errorf("%s is passed on: %s", path, w.Body)
		}
	}
	for _, other := range []string{"", "0123456789abcdef"} {
		if w := ask(s, other, "GET", "/api/lesson", ""); w.Body.String() != "here" {
			t.Errorf("with the lesson at %q: %s", other, w.Body)
		}
	}
	twice := ask(s, home, "GET", "/api/lesson", "", func(r *http.Request) { *r = *r.WithContext(httpapi.WithBox(r.Context(), "x")) })
	if twice.Body.String() != "here" {
		t.Errorf("a request is passed on twice: %s", twice.Body)
	}
	long := ask(s, home, "POST", "/api/quizzes", strings.Repeat("x", maxBody+1))
	if long.Code != http.StatusRequestEntityTooLarge || !strings.Contains(long.Body.String(), `"field":"body"`) {
		t.Errorf("a long body: %d %s", long.Code, long.Body)
	}
}

// Whoever sits between a browser and plain HTTP can set a cookie there. It moves no session of HTTPS, and no
// box gets the token of another one.
func TestAPlainCookieMovesNoSessionOfHTTPS(t *testing.T) {
	a, b := newBox(t), newBox(t)
	a.knows(t, b, 0)
	b.knows(t, a, 0)
	s, home := b.relay(t, a.serve(t, show)), a.list.Own().ID
	with := func(secure bool, cookies ...string) func(*http.Request) {
		return func(r *http.Request) {
			if secure {
				r.TLS = &tls.ConnectionState{}
			}
			r.Header.Set("Cookie", strings.Join(cookies, "; "))
		}
	}
	plain, safe := Cookie+"="+home, secureCookie+"="+home
	for _, c := range []struct {
		what, want string
		change     func(*http.Request)
	}{
		{"a teacher of this box", "here", with(true, plain, "__Host-ll=of this box")},
		{"a teacher who is at that box", "with [__Host-ll]", with(true, safe, "__Host-ll=of that box", "ll=of this box")},
		{"a pupil who opens HTTPS", "with [ll]", with(true, plain, "ll=of that box")},
		{"a pupil who joined over HTTPS too", "with [ll __Host-ll]", with(true, plain, safe, "ll=1", "__Host-ll=2")},
		{"plain HTTP", "with [ll]", with(false, plain, "ll=of that box", "__Host-ll=of this box")},
		{"no cookie of a box", "here", with(true, "ll=of this box")},
	} {
		if got := ask(s, "", "GET", "/api/lesson", "", c.change).Body.String(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	if lines := SetHome(r, ""); len(lines) != 1 || !strings.HasPrefix(lines[0], Cookie+"=;") {
		t.Errorf("home over HTTP: %v", lines)
	}
	r.TLS = &tls.ConnectionState{}
	if lines := SetHome(r, home); len(lines) != 1 || !strings.HasPrefix(lines[0], safe+";") || !strings.Contains(lines[0], "Secure") {
		t.Errorf("at a box over HTTPS: %v", lines)
	}
	if lines := SetHome(r, ""); len(lines) != 2 || !strings.HasPrefix(lines[1], secureCookie+"=;") {
		t.Errorf("home over HTTPS: %v", lines)
	}
}

func TestABoxThatDoesNotAnswerIsNamed(t *testing.T) {
	a, b := newBox(t), newBox(t)
	b.knows(t, a, 0)
	home := a.list.Own().ID
	check := func(what string, s *Relay) {
		t.Helper()
		w := ask(s, home, "GET", "/api/lesson", "")
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"box_away"`) || !strings.Contains(w.Body.String(), b.NameOf(home)) {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	check("a box where nothing listens", b.relay(t, "127.0.0.1:1"))
	check("a box that does not know this one", b.relay(t, a.serve(t, show)))
	b.linked = nil
	s := b.relay(t, "127.0.0.1:1")
	check("a box without a connection", s)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: Cookie, Value: home})
	if s.ForgetAway(w, r); !strings.Contains(w.Header().Get("Set-Cookie"), Cookie+"=;") {
		t.Errorf("a person cannot join another lesson: %v", w.Header())
	}
}

// One that knows no key of the list gets nothing, and headers that a browser sends count as a browser's.
func TestOnlyAMemberSpeaksForOthers(t *testing.T) {
	a, b, rogue := newBox(t), newBox(t), newBox(t)
	a.knows(t, b, 0)
	a.knows(t, rogue, 2) // it was removed
	rogue.knows(t, a, 0)
	b.knows(t, a, 0)
	door, home := a.serve(t, show), a.list.Own().ID
	if w := ask(rogue.relay(t, door), home, "GET", "/api/lesson", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a removed box: %d %s", w.Code, w.Body)
	}
	get := func(conf *tls.Config, path, caller, ground string) string {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: conf}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+door+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(callerHeader, caller)
		r.Header.Set(groundHeader, ground)
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return "refused"
		}
		defer func() { _ = resp.Body.Close() }()
		data, _ := io.ReadAll(resp.Body) // what came is compared
		return string(data)
	}
	browser := &tls.Config{InsecureSkipVerify: true}
	if got := get(browser, "/api/lesson", "192.0.2.77", "secure"); got != "direct" {
		t.Errorf("a browser that sends the headers of a box: %s", got)
	}
	if got := get(&tls.Config{InsecureSkipVerify: true, ServerName: members.ServerName}, "/api/lesson", "192.0.2.77", "secure"); got != "refused" {
		t.Errorf("somebody without a key: %s", got)
	}
	member := func() *tls.Config { return b.TLSTo(home) }
	for want, in := range map[string][3]string{
		"by a box true":      {"/api/lesson", "192.0.2.77", "secure"},
		`"own_box"`:          {"/api/claim", "192.0.2.77", "secure"},
		callerHeader:         {"/api/lesson", "nobody", "secure"},
		"must be secure or ": {"/api/lesson", "192.0.2.77", "local"},
	} {
		if got := get(member(), in[0], in[1], in[2]); !strings.Contains(got, want) {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

// A class opens its pages at once: what is too much waits. One network cannot keep the others out.
func TestAtMostSoManyRequestsAreUnderWay(t *testing.T) {
	from := func(host string) *http.Request {
		r := httptest.NewRequest("GET", "/api/lesson", nil)
		r.RemoteAddr = host + ":4000"
		return r
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSlots()
		var release func()
		for i := range maxRunning / 2 {
			done, err := s.take(from("192.0.2.77"))
			if release = done; err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		began := time.Now()
		if _, err := s.take(from("192.0.2.77")); errs.KindOf(err) != errs.Busy || errs.BodyOf(err).Code != "room_busy" || time.Since(began) != answerTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		for range maxRunning / 2 {
			if _, err := s.take(from("192.0.2.78")); err != nil {
				t.Fatalf("another network: %v", err)
			}
		}
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := s.take(from("192.0.2.79")); err != nil {
				t.Errorf("one that waits: %v", err)
			}
		})
		time.Sleep(answerTimeout / 2)
		release()
		waiting.Wait()
		if len(s.byNetwork) != 3 || s.taken != maxRunning {
			t.Errorf("%d requests of %d networks", s.taken, len(s.byNetwork))
		}
	})
}

// FuzzAnswer reads what another box answers.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"user":"p1"}`))
	f.Add(403, []byte(`{"title":"Forbidden","status":403,"reason":"denied","code":"signed_out"}`))
	f.Add(429, []byte(`{"reason":"busy","retry_ms":-1}`))
	f.Add(500, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, data []byte) {
		var out struct{ User string }
		resp := &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(string(data)))}
		err := readAnswer(resp, &out)
		if (status < 200 || status > 299) && err == nil {
			t.Errorf("the refusal %d %q is no error", status, data)
		}
		if err != nil && errs.KindOf(err).HTTPStatus() < 400 {
			t.Errorf("%v is no refusal", err)
		}
	})
}

// FuzzCaller reads what another box says of a person.
func FuzzCaller(f *testing.F) {
	f.Add("192.0.2.77", "secure")
	f.Add("fd00::1%eth0", "open")
	f.Add("127.0.0.1", "local")
	f.Fuzz(func(t *testing.T, caller, ground string) {
		r := httptest.NewRequest("GET", "/api/lesson", nil)
		r.Header.Set(callerHeader, caller)
		r.Header.Set(groundHeader, ground)
		out, err := asCaller(r, "b")
		if err != nil {
			if errs.BodyOf(err).Field == "" {
				t.Errorf("%v names no field", err)
			}
			return
		}
		if httpapi.BoxOf(out) != "b" || httpapi.IsLoopback(out) || out.Header.Get(callerHeader) != "" {
			t.Errorf("%q %q: %v", caller, ground, out)
		}
	})
}
