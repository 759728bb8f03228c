//go:build qemu

package qemutest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// press holds what a publisher has: keys, and images and bundles by version.
type press struct {
	dir, key, root string
}

var (
	printing sync.Mutex
	printed  *press
)

// publisher makes the keys once for a run.
func publisher(t testing.TB) *press {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	if printed == nil {
		dir := filepath.Join(built(t), "images")
		run(t, "rm", "-rf", dir)
		run(t, "mkdir", "-p", dir)
		p := &press{dir: dir, key: filepath.Join(dir, "key"), root: filepath.Join(dir, "root.json")}
		tool := program(t, "amd64")
		run(t, tool, "update", "keys", "new", p.key)
		run(t, tool, "update", "keys", "root", "--key", p.key, "--out", p.root)
		printed = p
	}
	return printed
}

// image builds an image of a version once, and its bundle, which is signed.
func (p *press) image(t testing.TB, board, version string, more ...string) (image, bundle string) {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	base := filepath.Join(p.dir, "livelearn-"+board+"-"+version)
	if _, err := os.Stat(base + ".img"); err != nil {
		args := append([]string{"run", "-C", "../..", "./image", "build", "--board", board, "--version", version, "--out", p.dir, "--root-json", p.root}, more...)
		run(t, "go", args...)
		run(t, program2(t), "update", "sign", "--key", p.key, base+".livelearn")
	}
	return base + ".img", base + ".livelearn"
}

// program2 is the product for this machine, which was built before.
func program2(t testing.TB) string { return filepath.Join(built(t), "livelearn-amd64") }

// fresh is a copy of an image on a disk of 3 GB, as a card is larger than its image.
func fresh(t testing.TB, image string) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := copySparse(disk, image); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 3<<30); err != nil {
		t.Fatal(err)
	}
	return disk
}

const starts = 4 * time.Minute // for a start in the emulator, beside whatever else runs here

// admin is who claimed the box in a machine.
type admin struct {
	t      testing.TB
	m      *Machine
	cookie string
}

var claimCode = regexp.MustCompile(`Claim +([A-Z2-9]{8})`)

// claim reads the code off the screen and claims the box.
func claim(t testing.TB, m *Machine) *admin {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	code, err := m.Serial.WaitFor(ctx, 0, claimCode)
	if err != nil {
		t.Fatal(err)
	}
	a := &admin{t: t, m: m}
	a.must("POST", "/api/claim", map[string]string{"code": code[1], "box": "School 7", "name": "Ada", "pin": "246810", "lang": "en"}, nil)
	return a
}

// call sends a request and reads the answer.
func (a *admin) call(method, path string, in, out any) (int, string) {
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
	limit := 10 * time.Minute // a bundle takes its time
	if method == "GET" {
		limit = 20 * time.Second // a machine that was reset never answers what it had taken in
	}
	resp, err := (&http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		a.cookie = c.Name + "=" + c.Value
	}
	text, _ := io.ReadAll(resp.Body)
	if out != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(text, out); err != nil {
			a.t.Fatalf("%s: %v: %s", path, err, text)
		}
	}
	return resp.StatusCode, string(text)
}

func (a *admin) must(method, path string, in, out any) {
	a.t.Helper()
	if code, text := a.call(method, path, in, out); code < 200 || code > 299 {
		a.t.Fatalf("%s %s: %d %s\n%s", method, path, code, text, a.m.Serial.Tail())
	}
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
	a.call("GET", "/api/admin/update", nil, &s)
	return s
}

// until waits for a state of the update page.
func (a *admin) until(what string, ok func(status) bool) status {
	a.t.Helper()
	for end := time.Now().Add(2 * starts); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if s := a.status(); s.Version != "" && ok(s) {
			return s
		}
	}
	a.t.Fatalf("not seen: %s; the page shows %+v\n%s", what, a.status(), a.m.Serial.Tail())
	return status{}
}

// class makes something to be kept, and kept tells that it is.
func (a *admin) class(name string) {
	a.must("POST", "/api/classes", map[string]string{"name": name}, nil)
}

func (a *admin) kept(name string) bool {
	a.t.Helper()
	var list []struct{ Name string }
	a.call("GET", "/api/classes", nil, &list)
	return slices.ContainsFunc(list, func(c struct{ Name string }) bool { return c.Name == name })
}

// TestAPCImageHoldsTheFirstDay starts the image and has a browser hold the story of the spine
// against it, with the power cut in its middle.
func TestAPCImageHoldsTheFirstDay(t *testing.T) {
	image, _ := publisher(t).image(t, "pc", "0.5.0")
	m := New(t, Config{Disk: fresh(t, image), Raw: true})
	t.Logf("from power to the page: %v, with a data partition made and grown", m.Ready(starts))
	m.Kill()
	m.Start()
	t.Logf("from power to the page, the second time: %v", m.Ready(starts))
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	code, err := m.Serial.WaitFor(ctx, 0, claimCode)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /off", func(http.ResponseWriter, *http.Request) { m.Kill() })
	mux.HandleFunc("POST /on", func(w http.ResponseWriter, _ *http.Request) {
		if err := m.start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	plug := httptest.NewServer(mux)
	defer plug.Close()
	cmd := exec.Command("go", "test", "-C", "../..", "-tags=qemu", "-count=1", "-timeout=15m", "-run=Elsewhere", "./ui/e2e")
	cmd.Env = append(os.Environ(), "LIVELEARN_BOX=http://"+m.Addr(80), "LIVELEARN_CLAIM="+code[1], "LIVELEARN_PLUG="+plug.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// server gives files to machines, which find this one at 10.0.2.2.
func server(t testing.TB, dir string) (url func(name string) string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	return func(name string) string { return fmt.Sprintf("http://10.0.2.2:%d/%s", port, filepath.Base(name)) }
}

// TestUpdatesStayOrGoBack tells the story of a box that is updated: what is refused, one that
// stays, one that ends at once, one that hangs.
func TestUpdatesStayOrGoBack(t *testing.T) {
	p := publisher(t)
	image, old := p.image(t, "pc", "0.5.0")
	_, next := p.image(t, "pc", "0.6.0")
	url := server(t, p.dir)
	m := New(t, Config{Disk: fresh(t, image), Raw: true})
	m.Ready(starts)
	a := claim(t, m)
	a.class("7B")
	t.Run("ports", func(t *testing.T) { ports(t, a) })
	t.Run("refused", func(t *testing.T) { refused(t, p, a, old, next) })

	begun := time.Now()
	a.must("POST", "/api/admin/update/fetch", map[string]string{"url": url(next)}, nil)
	s := a.status()
	t.Logf("fetched in %v: %d of %d bytes were on the box already", time.Since(begun).Round(time.Second), s.Reused, s.Total)
	if s.State != "received" || s.Reused < s.Total/4 {
		t.Fatalf("%+v", s)
	}
	a.must("POST", "/api/admin/update/install", map[string]string{"when": "now"}, nil)
	s = a.until("version 0.6.0 is committed", func(s status) bool { return s.Version == "0.6.0" && !s.Trying && s.Last != nil })
	if s.Last.Result != "committed" || s.Slot != "b" || !a.kept("7B") {
		t.Fatalf("%+v, last %+v", s, s.Last)
	}
	for i, name := range []string{"exits", "hangs"} {
		if name == "exits" && !long() {
			continue // it falls back as the other does, and takes minutes
		}
		t.Run(name, func(t *testing.T) {
			version := fmt.Sprintf("0.%d.0", 7+i)
			bad := filepath.Join(p.dir, name)
			goBuild(t, "amd64", "./image/qemutest/testdata/"+name, bad)
			_, bundle := p.image(t, "pc", version, "--program", bad)
			a.must("POST", "/api/admin/update/fetch", map[string]string{"url": url(bundle)}, nil)
			events := m.Events()
			a.must("POST", "/api/admin/update/install", map[string]string{"when": "now"}, nil)
			s := a.until("the version is taken back", func(s status) bool { return s.Last != nil && s.Last.Version == version })
			if s.Version != "0.6.0" || s.Last.Result != "rolled_back" || !a.kept("7B") {
				t.Errorf("%+v, last %+v", s, s.Last)
			}
			t.Logf("%s: %s", name, s.Last.Reason)
			if name == "hangs" {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				m.WaitEvent(ctx, events, "WATCHDOG") // it was the hardware that ended it
			}
		})
	}
	a.must("POST", "/api/admin/update/rollback", nil, nil)
	s = a.until("the version before", func(s status) bool { return s.Version == "0.5.0" && !s.Trying })
	if !a.kept("7B") {
		t.Error("the version before does not have the data")
	}
}

// long tells that scripts/qemu runs this and not scripts/test.
func long() bool { return os.Getenv("LIVELEARN_QEMU") == "all" }

// ports checks that what listens is what the README says.
func ports(t *testing.T, a *admin) {
	var boot struct {
		State struct {
			Ports  []string
			Phases []struct{ Name, Err string }
		}
	}
	a.must("GET", "/api/admin/boot", nil, &boot)
	want := []string{"tcp :443", "tcp :80", "udp :5353", "udp :68", "udp :7443", "udp :7444"}
	for _, p := range boot.State.Ports {
		if !slices.Contains(want, p) {
			t.Errorf("%s listens, which nobody documented", p)
		}
	}
	for _, p := range []string{"tcp :443", "tcp :80", "udp :7443"} {
		if !slices.Contains(boot.State.Ports, p) {
			t.Errorf("%s does not listen", p)
		}
	}
	for _, p := range boot.State.Phases {
		if p.Err != "" {
			t.Errorf("phase %s: %s", p.Name, p.Err)
		}
	}
}

// refused sends what must not be taken.
func refused(t *testing.T, p *press, a *admin, old, next string) {
	good, err := os.ReadFile(next)
	if err != nil {
		t.Fatal(err)
	}
	same, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(good)
	altered[len(altered)/2] ^= 1
	stranger := &press{dir: filepath.Join(p.dir, "stranger"), key: filepath.Join(p.dir, "stranger", "key"), root: filepath.Join(p.dir, "stranger", "root.json")}
	run(t, "mkdir", "-p", stranger.dir)
	tool := program2(t)
	run(t, tool, "update", "keys", "new", stranger.key)
	run(t, tool, "update", "keys", "root", "--key", stranger.key, "--out", stranger.root)
	small := filepath.Join(p.dir, "small")
	write(t, small, strings.Repeat("x", 10_000))
	bundle := func(q *press, name, board string) []byte {
		out := filepath.Join(q.dir, name)
		run(t, tool, "update", "make", "--root", q.root, "--board", board, "--version", "0.9.0", "--build", "9000", "--boot", small, "--system", small, "--out", out)
		run(t, tool, "update", "sign", "--key", q.key, out)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for want, file := range map[string][]byte{
		"older": same, "altered": altered, "truncated": good[:len(good)-1000], "foreign_key": bundle(stranger, "foreign", "pc"), "wrong_board": bundle(p, "pi", "pi"), "not_a_bundle": []byte("no bundle"),
	} {
		code, text := a.call("PUT", "/api/admin/update/bundle", file, nil)
		// A box that refuses stops reading, which may look like a lost connection from here.
		if s := a.status(); code == 204 || !strings.Contains(text, want) && (s.Last == nil || s.Last.Code != want) {
			t.Errorf("%s: %d %s, last %+v", want, code, text, s.Last)
		}
		if code, _ := a.call("POST", "/api/admin/update/install", map[string]string{"when": "now"}, nil); code < 300 {
			t.Fatalf("%s: it can be installed", want)
		}
		a.call("DELETE", "/api/admin/update", nil, nil)
	}
}

// TestPowerCutsInAnUpdate records every write of an update, from the first byte to the commit,
// and starts the machine as power cuts at random moments of it leave its disk.
func TestPowerCutsInAnUpdate(t *testing.T) {
	cuts := 3
	if n, err := strconv.Atoi(os.Getenv("LIVELEARN_CUTS")); err == nil {
		cuts = n
	}
	p := publisher(t)
	image, _ := p.image(t, "pc", "0.5.0")
	_, next := p.image(t, "pc", "0.6.0")
	url := server(t, p.dir)
	d := NewDrive(t, fresh(t, image))
	m := New(t, Config{Disk: d.URL()})
	m.Ready(starts)
	a := claim(t, m)
	a.class("7B")
	time.Sleep(time.Second) // a class is on the disk when it is acknowledged; the log may follow
	from := d.Moments()
	a.must("POST", "/api/admin/update/fetch", map[string]string{"url": url(next)}, nil)
	received := d.Moments()
	a.must("POST", "/api/admin/update/install", map[string]string{"when": "now"}, nil)
	a.until("version 0.6.0 is committed", func(s status) bool { return s.Version == "0.6.0" && !s.Trying && s.Last != nil })
	to := d.Moments()
	cookie := a.cookie
	m.Kill()
	t.Logf("%d writes and flushes from the first byte to the commit, %d of them after it was received", to-from, to-received)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	seen := map[string]int{}
	for i := range cuts {
		dice := rand.New(rand.NewPCG(seed, uint64(i)))
		at := from + dice.IntN(to-from)
		if i%3 == 2 { // the moments that matter most are few: those after it was received
			at = received + dice.IntN(to-received)
		}
		disk := filepath.Join(t.TempDir(), "cut.img")
		if err := d.After(at, disk, dice); err != nil {
			t.Fatal(err)
		}
		ok := t.Run(fmt.Sprint("moment ", at-from), func(t *testing.T) {
			m := New(t, Config{Disk: disk, Raw: true})
			m.Ready(starts)
			b := &admin{t: t, m: m, cookie: cookie}
			s := b.status()
			if s.Version != "0.5.0" && s.Version != "0.6.0" || !b.kept("7B") {
				t.Errorf("it starts %+v, the class is there: %v", s, b.kept("7B"))
			}
			seen[s.Version]++
		})
		_ = os.Remove(disk)
		if !ok {
			t.Logf("cut %d of %d, moment %d", i+1, cuts, at)
		}
	}
	t.Logf("%d cuts: the machine always started, %v", cuts, seen)
}

// TestAnARM64ImageStarts starts the same program on an emulated machine with UEFI.
func TestAnARM64ImageStarts(t *testing.T) {
	image, _ := publisher(t).image(t, "virt", "0.5.0")
	m := New(t, Config{Arch: "arm64", Disk: fresh(t, image), Raw: true})
	t.Logf("from power to the page: %v", m.Ready(2*starts))
	a := claim(t, m)
	a.class("7B")
	if s := a.status(); s.Version != "0.5.0" || !a.kept("7B") {
		t.Errorf("%+v", s)
	}
}

// TestThePowerButtonSwitchesOff presses the button of a PC: a real input device of the
// kernel's, read by the box, which has the first process stop everything in order.
func TestThePowerButtonSwitchesOff(t *testing.T) {
	image, _ := publisher(t).image(t, "pc", "0.5.0")
	m := New(t, Config{Disk: fresh(t, image), Raw: true})
	m.Ready(starts)
	a := claim(t, m)
	a.class("7B")
	events := m.Events()
	if _, err := m.mon.do("system_powerdown", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	m.WaitEvent(ctx, events, "SHUTDOWN")
	<-m.ended // the machine switched itself off
	m.Start()
	m.Ready(starts)
	if !a.kept("7B") {
		t.Error("the data is gone")
	}
	var boot struct {
		State struct {
			Phases []struct{ Name, Note string }
			Clock  string
			Before []string
		}
	}
	a.must("GET", "/api/admin/boot", nil, &boot)
	for _, p := range boot.State.Phases {
		if p.Name == "data" && strings.Contains(p.Note, "the power went") {
			t.Errorf("the disk was not left in order: %s", p.Note)
		}
	}
	if boot.State.Clock != "rtc" || len(boot.State.Before) == 0 {
		t.Errorf("the clock is from %q; %d lines of the log before", boot.State.Clock, len(boot.State.Before))
	}
}

// TestACrashLoopEndsInTheSafeMode damages nothing and breaks the settings: the box ends at
// each start, and the safe mode says why.
func TestACrashLoopEndsInTheSafeMode(t *testing.T) {
	image, _ := publisher(t).image(t, "pc", "0.5.0")
	disk := fresh(t, image)
	settings := filepath.Join(t.TempDir(), "livelearn.toml")
	write(t, settings, "[room]\nno_such_key = 1\n")
	run(t, "mcopy", "-o", "-i", disk+"@@1M", settings, "::livelearn.toml")
	m := New(t, Config{Disk: disk, Raw: true})
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	if _, err := m.Serial.WaitFor(ctx, 0, regexp.MustCompile(`safe mode[\s\S]*Code +[A-Z2-9]{8}`)); err != nil {
		t.Fatal(err)
	}
	page := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && page == ""; time.Sleep(time.Second) {
		if resp, err := (&http.Client{Timeout: 20 * time.Second}).Get("http://" + m.Addr(80) + "/"); err == nil {
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			page = string(text)
		}
	}
	for _, part := range []string{"safe mode", "no_such_key", "livelearn.toml"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
}
