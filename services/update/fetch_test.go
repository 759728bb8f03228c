package update

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// serveBundle serves a bundle and counts the bytes.
func serveBundle(t *testing.T, file []byte, ranges bool) (url string, sent func() int) {
	t.Helper()
	var mu sync.Mutex
	n, fails := 0, 3
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if fails--; fails == 1 {
			w.WriteHeader(http.StatusBadGateway) // one failure, followed by a retry
			return
		}
		c := &countingWriter{ResponseWriter: w}
		if ranges {
			http.ServeContent(c, req, "", time.Time{}, bytes.NewReader(file))
		} else {
			_, _ = c.Write(file)
		}
		if req.Header.Get("Range") != "" || !ranges {
			n += c.n
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/update.livelearn", func() int { mu.Lock(); defer mu.Unlock(); return n }
}

type countingWriter struct {
	http.ResponseWriter
	n int
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += n
	return n, err
}

func TestWhatTheBoxHasIsNotFetched(t *testing.T) {
	r := newRig(t)
	file := r.bundle(nil)
	url, sent := serveBundle(t, file, true)
	u := r.updater()
	if err := u.Fetch(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	r.written()
	s := u.Status(t.Context())
	if n := sent(); n > len(file)/2 || n == 0 {
		t.Errorf("%d of %d bytes were sent for a change of 1,000", n, len(file))
	} else {
		t.Logf("%d of %d bytes were sent, %d were there", n, len(file), s.Reused)
	}
	if s.State != StateReceived || s.Reused == 0 {
		t.Errorf("%+v", s)
	}
}

func TestAServerWithoutRangesWillDo(t *testing.T) {
	r := newRig(t)
	file := r.bundle(nil)
	url, sent := serveBundle(t, file, false)
	if err := r.updater().Fetch(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if sent() < len(file) {
		t.Errorf("%d of %d bytes", sent(), len(file))
	}
	r.written()
}

func TestBadAddressesAreRefused(t *testing.T) {
	u := newRig(t).updater()
	for _, url := range []string{"", "file:///etc/passwd", "http://", "ftp://x/y", "http://x/" + strings.Repeat("y", 2000)} {
		if err := u.Fetch(t.Context(), url); errorCode(err) != "bad_url" {
			t.Errorf("%.30q: %v", url, err)
		}
	}
	if (Config{Channel: "nowhere"}).Validate() == nil || (Config{Channel: "https://x/y"}).Validate() != nil {
		t.Error("the channel's address")
	}
}

func TestANeighbourServesItsVersion(t *testing.T) {
	first := newRig(t)
	first.trial()
	var u *Updater
	synctest.Test(t, func(t *testing.T) {
		u = first.updater()
		runUpdater(t, u, healthyFor+3*time.Second)
	})
	mux := http.NewServeMux()
	var sent atomic.Int64
	mux.HandleFunc("GET /api/update/head", func(w http.ResponseWriter, _ *http.Request) {
		head, err := u.InstalledHead()
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
		_, _ = w.Write(head)
	})
	mux.HandleFunc("GET /api/update/part/{part}", func(w http.ResponseWriter, req *http.Request) {
		p, err := u.OpenPart(req.PathValue("part"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		defer func() { _ = p.Close() }()
		c := &countingWriter{ResponseWriter: w}
		http.ServeContent(c, req, "", time.Time{}, p)
		sent.Add(int64(c.n))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	second := newRig(t)
	second.key, second.root = first.key, first.root
	v := second.updater()
	if err := v.Fetch(t.Context(), srv.URL+"/api/update"); err != nil {
		t.Fatal(err)
	}
	second.written()
	if n := sent.Load(); n == 0 || n > int64(len(first.system())/2) {
		t.Errorf("%d bytes were sent", n)
	}
	if _, err := v.InstalledHead(); errorCode(err) != "no_head" {
		t.Errorf("a box hands on what it does not run: %v", err)
	}
}

func TestAFleetFollowsItsChannel(t *testing.T) {
	part := 0
	for i := range 2000 {
		id := fmt.Sprint("box", i)
		if isInRollout(id, 11, 10) {
			part++
			if !isInRollout(id, 11, 20) {
				t.Fatalf("%s takes part at 10 percent and not at 20", id)
			}
		}
		if isInRollout(id, 11, 0) || !isInRollout(id, 11, 100) {
			t.Fatal("0 is no box and 100 is all")
		}
	}
	if part < 140 || part > 260 {
		t.Errorf("%d of 2,000 boxes are 10 percent", part)
	}
	for _, c := range []struct {
		percent int
		want    string
	}{{0, StateIdle}, {100, StateScheduled}} {
		r := newRig(t)
		file := r.bundle(nil)
		s := bundle.Signer{Roots: [][]byte{r.root}, Keys: []ed25519.PrivateKey{r.key}}
		var channel bytes.Buffer
		if err := bundle.WriteChannel(&channel, bundle.Channel{Board: "pc", Version: "1.1.0", Build: 11, URL: "new.livelearn", Percent: c.percent}, s); err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("/fleet/pc.channel", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(channel.Bytes()) })
		mux.HandleFunc("/fleet/new.livelearn", func(w http.ResponseWriter, req *http.Request) {
			http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(file))
		})
		srv := httptest.NewServer(mux)
		defer srv.Close()
		r.cfg = Config{Channel: srv.URL + "/fleet/pc.channel", Auto: true, AllowPrivate: true}
		u := r.updater()
		u.followChannel(t.Context())
		st := u.Status(t.Context())
		if st.State != c.want || st.Channel == nil || st.Channel.Err != "" || st.Channel.Mine != (c.percent == 100) {
			t.Errorf("%d percent: %+v, channel %+v", c.percent, st, st.Channel)
		}
		channel.Truncate(100)
		u.followChannel(t.Context())
		if got := u.Status(t.Context()).Channel; got.Err == "" {
			t.Error("a damaged channel is not reported")
		}
	}
}

// channelOf serves a channel and its bundle, and counts the requests for the bundle.
func (r *rig) channelOf(build int, file []byte) (fetched *int) {
	r.t.Helper()
	s := bundle.Signer{Roots: [][]byte{r.root}, Keys: []ed25519.PrivateKey{r.key}}
	var channel bytes.Buffer
	c := bundle.Channel{Board: "pc", Version: "1.1.0", Build: build, URL: "new.livelearn", Percent: 100}
	if err := bundle.WriteChannel(&channel, c, s); err != nil {
		r.t.Fatal(err)
	}
	fetched = new(int)
	mux := http.NewServeMux()
	mux.HandleFunc("/pc.channel", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(channel.Bytes()) })
	mux.HandleFunc("/new.livelearn", func(w http.ResponseWriter, req *http.Request) {
		*fetched++
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(file))
	})
	srv := httptest.NewServer(mux)
	r.t.Cleanup(srv.Close)
	r.cfg = Config{Channel: srv.URL + "/pc.channel", Auto: true, AllowPrivate: true}
	return fetched
}

func TestAFailedBuildOfAChannelIsNotFetchedAgain(t *testing.T) {
	for name, fail := range map[string]func(r *rig) []byte{
		"rolled back": func(r *rig) []byte {
			r.trial()
			synctest.Test(r.t, func(t *testing.T) {
				r.set(false, false)
				runUpdater(t, r.updater(), trialTimeout+time.Minute)
			})
			r.boot(hal.SlotA)
			r.version, r.build = "1.0.0", 10
			synctest.Test(r.t, func(t *testing.T) { runUpdater(t, r.updater(), time.Second) })
			return r.bundle(nil)
		},
		"refused": func(r *rig) []byte { return r.bundle(func(m *bundle.Manifest) { m.Board = "pi" }) },
		"altered": func(r *rig) []byte { b := r.bundle(nil); b[len(b)-100] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			fetched := r.channelOf(11, fail(r))
			for range 3 { // nights, with a restart before each
				r.updater().followChannel(t.Context())
			}
			if name == "rolled back" && *fetched != 0 {
				t.Errorf("fetched %d times after the rollback", *fetched)
			}
			first := *fetched
			u := r.updater()
			u.followChannel(t.Context())
			if *fetched != first || u.Status(t.Context()).State == StateScheduled {
				t.Errorf("the build that failed is fetched again")
			}
			// A newer one comes.
			fetched = r.channelOf(12, r.bundle(func(m *bundle.Manifest) { m.Build = 12 }))
			u = r.updater()
			if u.followChannel(t.Context()); *fetched == 0 || u.Status(t.Context()).State != StateScheduled {
				t.Errorf("the newer build: %+v", u.Status(t.Context()))
			}
		})
	}
}

func TestAFirmwareThatCannotFallBackGetsNoUpdate(t *testing.T) {
	r := newRig(t)
	r.more = func(d *Deps) {
		d.FallsBack = func() error { return errs.NewCode("hal", errs.Missing, "old_firmware", "too old") }
	}
	u := r.updater()
	for name, err := range map[string]error{
		"upload":   u.Receive(t.Context(), bytes.NewReader(r.bundle(nil)), 0, "upload"),
		"fetch":    u.Fetch(t.Context(), "http://127.0.0.1:1/x"),
		"rollback": u.Rollback(t.Context()),
	} {
		if errorCode(err) != "old_firmware" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := u.Status(t.Context()); s.State != StateIdle || s.Received != 0 {
		t.Errorf("%+v", s)
	}
}

// An admin's session must not become a way into the network of the school: an address that is no
// neighbour's is of the internet, and the answer of another machine is not shown.
func TestALocalAddressIsNotFetchedUnlessASettingSaysSo(t *testing.T) {
	r := newRig(t)
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	r.cfg = Config{Channel: srv.URL + "/pc.channel", Auto: true}
	r.more = func(d *Deps) {
		d.Peers = func() []Neighbour { return []Neighbour{{URL: "http://10.255.255.1:1/api/update"}} }
	}
	u := r.updater()
	err := u.Fetch(t.Context(), srv.URL+"/new.livelearn")
	if e := errs.BodyOf(err); e.Code != egress.CodeLocal || e.Field != "url" || !strings.Contains(e.Message, "a loopback address") || !strings.Contains(e.Message, "update.allow_private") {
		t.Errorf("got %v", err)
	}
	u.followChannel(t.Context())
	if c := u.Status(t.Context()).Channel; c == nil || !strings.Contains(c.Err, "a loopback address") || asked > 0 {
		t.Errorf("the channel: %+v, asked %d times", c, asked)
	}
	for at, want := range map[string]*http.Client{
		"http://10.255.255.1:1/api/update": u.boxes, "http://10.255.255.1:1/api/update/": u.client, "http://10.255.255.1:1/x": u.client,
	} {
		if u.clientFor(at) != want {
			t.Errorf("%s: another client", at)
		}
	}
	if err := u.noteFailedBuild(11, err); err != nil || u.state.Failed != 0 {
		t.Errorf("a refused address counts as a failed build: %d, %v", u.state.Failed, err)
	}
}

func TestTheAnswerOfAFailedFetchIsNotShown(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	u := r.updater()
	for _, answer := range []string{"HTTP/1.1 404 secret\r\nContent-Length: 6\r\n\r\nsecret", "SSH-2.0-secret\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if c, err := l.Accept(); err == nil {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
		}()
		err := u.Fetch(t.Context(), "http://"+l.Addr().String()+"/x")
		<-done
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	}
}
