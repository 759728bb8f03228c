//go:build qemu

package qemutest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Limits in the time of this machine, which may be busy with other work. A test continues as soon
// as its condition holds.
const (
	starts   = 15 * time.Minute // from power-on to the page
	patience = 5 * time.Minute  // for the answer to a question that can be repeated
	sends    = 15 * time.Minute // to send a bundle, or to have one downloaded
	// answers is the limit for one request. After a reset a machine never answers a request that
	// the network of the emulator had accepted for it. The next request reaches the new system.
	answers = 15 * time.Second
)

// admin is the person who claimed the box in a machine.
type admin struct {
	t      testing.TB
	m      *Machine
	cookie string
}

var claimCode = regexp.MustCompile(`Claim +([A-Z2-9]{8})`)

// readCode reads the claim code from the screen.
func (m *Machine) readCode(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), starts)
	defer cancel()
	code, err := m.Serial.WaitFor(ctx, 0, claimCode)
	if err != nil {
		t.Fatal(err)
	}
	return code[1]
}

// claimBox reads the code from the screen and claims the box.
func claimBox(t testing.TB, m *Machine) *admin {
	t.Helper()
	a := &admin{t: t, m: m}
	a.mustCall("POST", "/api/claim", map[string]string{"code": m.readCode(t), "box": "School 7", "name": "Ada", "pin": "246810", "lang": "en"}, nil)
	return a
}

// forTest returns the same person in another test.
func (a *admin) forTest(t testing.TB) *admin { return &admin{t: t, m: a.m, cookie: a.cookie} }

// call sends a request and reads the answer. If the box wants the PIN first, it gives the PIN. A code of 0 means that no answer came, and the
// text holds the reason.
func (a *admin) call(limit time.Duration, method, path string, in, out any) (int, string) {
	a.t.Helper()
	code, text := a.callOnce(limit, method, path, in, out)
	if code == http.StatusForbidden && strings.Contains(text, `"pin_needed"`) {
		a.callOnce(limit, "POST", "/api/pin/confirm", map[string]string{"pin": "246810"}, nil)
		return a.callOnce(limit, method, path, in, out)
	}
	return code, text
}

func (a *admin) callOnce(limit time.Duration, method, path string, in, out any) (int, string) {
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
	req, err := http.NewRequest(method, "https://"+a.m.Addr(443)+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Cookie", a.cookie)
	resp, err := (&http.Client{Timeout: limit, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the machine made its authority a minute ago
	}}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		a.cookie = c.Name + "=" + c.Value
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error() // the machine went down during the answer
	}
	if out != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(text, out); err != nil {
			a.t.Fatalf("%s: %v: %s", path, err, text)
		}
	}
	return resp.StatusCode, string(text)
}

// mustCall sends a request once and fails the test without a success.
func (a *admin) mustCall(method, path string, in, out any) {
	a.t.Helper()
	if code, text := a.call(patience, method, path, in, out); code < 200 || code > 299 {
		a.t.Fatalf("%s %s: %d %s\n%s", method, path, code, text, a.m.Serial.Tail())
	}
}

// pollGet repeats a request until an answer comes.
func (a *admin) pollGet(path string, out any) {
	a.t.Helper()
	code, text := 0, ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(300 * time.Millisecond) { // an emulated machine works
		if code, text = a.call(answers, "GET", path, nil, out); code == http.StatusOK {
			return
		}
	}
	a.t.Fatalf("GET %s: %d %s\n%s", path, code, text, a.m.Serial.Tail())
}

// status is the content of the update page.
type status struct {
	Version, State, Slot string
	Trying               bool
	Reused, Total        int64
	Last                 *struct{ Version, From, Result, Reason, Code string }
}

func (a *admin) readStatus() (s status) {
	a.t.Helper()
	a.pollGet("/api/admin/update", &s)
	return s
}

// waitStatus waits for a state of the update page, also over restarts of the machine.
func (a *admin) waitStatus(what string, ok func(status) bool) status {
	a.t.Helper()
	var s status
	for end := time.Now().Add(2 * starts); time.Now().Before(end); time.Sleep(time.Second) { // an emulated machine works
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

// fetch makes the box download a bundle completely. A slow machine may lose the answer to the
// request, so fetch reads the result from the page.
func (a *admin) fetch(url string) status {
	a.t.Helper()
	if code, text := a.call(sends, "POST", "/api/admin/update/fetch", map[string]string{"url": url}, nil); code >= 300 {
		a.t.Fatalf("fetch %s: %d %s", url, code, text)
	}
	return a.waitStatus("the update is received", func(s status) bool { return s.State == "received" })
}

// restart sends a request that ends in a restart, which may lose the answer.
func (a *admin) restart(path string, in any) {
	a.t.Helper()
	if code, text := a.call(answers, "POST", path, in, nil); code >= 300 {
		a.t.Fatalf("%s: %d %s", path, code, text)
	}
}

// install makes the box try the received bundle.
func (a *admin) install() { a.t.Helper(); a.restart("/api/admin/update/install", whenNow) }

var whenNow = map[string]string{"when": "now"}

// addClass makes a class, and hasClass checks that the class is still there.
func (a *admin) addClass(name string) {
	a.mustCall("POST", "/api/classes", map[string]string{"name": name}, nil)
}

func (a *admin) hasClass(name string) bool {
	a.t.Helper()
	var list []struct{ Name string }
	a.pollGet("/api/classes", &list)
	return slices.ContainsFunc(list, func(c struct{ Name string }) bool { return c.Name == name })
}

// boot is the report of the first process about a start.
type boot struct {
	State struct {
		ID            string // since the start of the kernel
		Ports, Before []string
		Phases        []struct{ Name, Note, Err string }
		Clock         string
	}
}

func (a *admin) readBoot() (b boot) {
	a.t.Helper()
	a.pollGet("/api/admin/boot", &b)
	return b
}

// phaseNote returns the report of a phase.
func (b boot) phaseNote(phase string) string {
	for _, p := range b.State.Phases {
		if p.Name == phase {
			return p.Note
		}
	}
	return ""
}

// journalOpenedAt returns the time at which the running program opened its journal.
func (a *admin) journalOpenedAt() string {
	a.t.Helper()
	var ready struct {
		Checks []struct{ Name, Since string }
	}
	a.pollGet("/readyz", &ready)
	for _, c := range ready.Checks {
		if c.Name == "journal" {
			return c.Since
		}
	}
	return ""
}
