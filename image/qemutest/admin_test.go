//go:build qemu

package qemutest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"
)

// Times are those of this machine, which may have other work than the emulator's. They are
// bounds: what is waited for ends the waiting.
const (
	starts   = 6 * time.Minute  // from power to the page
	patience = 3 * time.Minute  // for an answer to a question that may be asked again
	sends    = 10 * time.Minute // to send a bundle, or have one fetched
	// answers is for one request. A machine that was reset never answers what the emulator's
	// network had taken in for it: the next request finds the new one.
	answers = 15 * time.Second
)

// admin is who claimed the box in a machine.
type admin struct {
	t      testing.TB
	m      *Machine
	cookie string
}

var claimCode = regexp.MustCompile(`Claim +([A-Z2-9]{8})`)

// code reads the claim code off the screen.
func (m *Machine) code(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), starts)
	defer cancel()
	code, err := m.Serial.WaitFor(ctx, 0, claimCode)
	if err != nil {
		t.Fatal(err)
	}
	return code[1]
}

// claim reads the code off the screen and claims the box.
func claim(t testing.TB, m *Machine) *admin {
	t.Helper()
	a := &admin{t: t, m: m}
	a.must("POST", "/api/claim", map[string]string{"code": m.code(t), "box": "School 7", "name": "Ada", "pin": "246810", "lang": "en"}, nil)
	return a
}

// in is the same person in another test.
func (a *admin) in(t testing.TB) *admin { return &admin{t: t, m: a.m, cookie: a.cookie} }

// call sends a request once and reads the answer. A code of 0: none came, and the text is why.
func (a *admin) call(limit time.Duration, method, path string, in, out any) (int, string) {
	a.t.Helper()
	var body io.Reader
	switch v := in.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(v)
	default:
		data, err := json.Marshal(v)
		if err != nil {
			a.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://"+a.m.Addr(80)+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Cookie", a.cookie)
	resp, err := (&http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		a.cookie = c.Name + "=" + c.Value
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error() // the machine went down in the middle
	}
	if out != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(text, out); err != nil {
			a.t.Fatalf("%s: %v: %s", path, err, text)
		}
	}
	return resp.StatusCode, string(text)
}

// must sends what is done once.
func (a *admin) must(method, path string, in, out any) {
	a.t.Helper()
	if code, text := a.call(patience, method, path, in, out); code < 200 || code > 299 {
		a.t.Fatalf("%s %s: %d %s\n%s", method, path, code, text, a.m.Serial.Tail())
	}
}

// get asks until there is an answer.
func (a *admin) get(path string, out any) {
	a.t.Helper()
	code, text := 0, ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if code, text = a.call(answers, "GET", path, nil, out); code == http.StatusOK {
			return
		}
	}
	a.t.Fatalf("GET %s: %d %s\n%s", path, code, text, a.m.Serial.Tail())
}

// status is what the update page shows.
type status struct {
	Version, State, Slot string
	Trying               bool
	Reused, Total        int64
	Last                 *struct{ Version, From, Result, Reason, Code string }
}

func (a *admin) status() (s status) {
	a.t.Helper()
	a.get("/api/admin/update", &s)
	return s
}

// until waits for a state of the update page, over restarts of the machine.
func (a *admin) until(what string, ok func(status) bool) status {
	a.t.Helper()
	var s status
	for end := time.Now().Add(2 * starts); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		var now status
		if code, _ := a.call(answers, "GET", "/api/admin/update", nil, &now); code != http.StatusOK {
			continue
		}
		if s = now; ok(s) {
			return s
		}
	}
	a.t.Fatalf("not seen: %s; the page shows %+v, last %+v\n%s", what, s, s.Last, a.m.Serial.Tail())
	return s
}

// fetch has the box get a bundle, to its end. The answer to the request may be lost on a slow
// machine: the page tells.
func (a *admin) fetch(url string) status {
	a.t.Helper()
	if code, text := a.call(sends, "POST", "/api/admin/update/fetch", map[string]string{"url": url}, nil); code >= 300 {
		a.t.Fatalf("fetch %s: %d %s", url, code, text)
	}
	return a.until("the update is received", func(s status) bool { return s.State == "received" })
}

// restart asks for what ends in a restart, which may take the answer with it.
func (a *admin) restart(path string, in any) {
	a.t.Helper()
	if code, text := a.call(answers, "POST", path, in, nil); code >= 300 {
		a.t.Fatalf("%s: %d %s", path, code, text)
	}
}

// install has what was received tried.
func (a *admin) install() { a.t.Helper(); a.restart("/api/admin/update/install", now) }

var now = map[string]string{"when": "now"}

// class makes something to be kept, and kept tells that it is.
func (a *admin) class(name string) {
	a.must("POST", "/api/classes", map[string]string{"name": name}, nil)
}

func (a *admin) kept(name string) bool {
	a.t.Helper()
	var list []struct{ Name string }
	a.get("/api/classes", &list)
	return slices.ContainsFunc(list, func(c struct{ Name string }) bool { return c.Name == name })
}

// boot is what the first process tells of a start.
type boot struct {
	State struct {
		ID            string // of the kernel's start
		Ports, Before []string
		Phases        []struct{ Name, Note, Err string }
		Clock         string
	}
}

func (a *admin) boot() (b boot) {
	a.t.Helper()
	a.get("/api/admin/boot", &b)
	return b
}

// note is what a phase said of itself.
func (b boot) note(phase string) string {
	for _, p := range b.State.Phases {
		if p.Name == phase {
			return p.Note
		}
	}
	return ""
}

// began is when the program that runs opened its journal.
func (a *admin) began() string {
	a.t.Helper()
	var ready struct {
		Checks []struct{ Name, Since string }
	}
	a.get("/readyz", &ready)
	for _, c := range ready.Checks {
		if c.Name == "journal" {
			return c.Since
		}
	}
	return ""
}
