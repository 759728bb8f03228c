package server_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
)

// rig is a node with its own database.
type rig struct {
	cloudtest.Fixture
	t    *testing.T
	log  *testLog
	srv  *server.Server
	addr string
	pin  string
	http *http.Client

	replica string // URL of a database that follows, empty for none
}

// testLog is a log that a test can read.
type testLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, Fixture: cloudtest.NewFixture(t)}
	r.startNode()
	return r
}

// startNode starts a node on the rig's database, and uses it for the rig.
func (r *rig) startNode() {
	t := r.t
	t.Helper()
	store, err := pg.Open(t.Context(), r.URL)
	if err != nil {
		t.Fatal(err)
	}
	if r.replica != "" {
		if err := store.AddReplica(t.Context(), r.replica); err != nil {
			t.Fatal(err)
		}
	}
	r.log = &testLog{}
	r.srv = server.New(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}, store,
		slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.srv.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		store.Close()
	})
	<-r.srv.Ready()
	r.addr, r.pin = r.srv.Addr()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	r.http = &http.Client{Transport: tr}
	t.Cleanup(tr.CloseIdleConnections)
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newClient returns a box's client for the rig.
func (r *rig) newClient(cfg https.Config) *https.Client {
	r.t.Helper()
	cfg.URL, cfg.Pin = "https://"+r.addr, r.pin
	c, err := https.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// enrolBox enrols a box and returns its client.
func (r *rig) enrolBox(id string) *https.Client {
	r.t.Helper()
	code, err := r.Store.NewCode(r.t.Context(), cloudtest.School)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := https.Enrol(r.t.Context(), https.FormatLink("https://"+r.addr, code, r.pin), cloud.Self{Box: id, Name: "Box " + id, Version: "1.0.0"}, https.Config{})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.newClient(https.Config{Box: id, Key: l.Key})
}

func (r *rig) newToken(school string, may ...string) string {
	r.t.Helper()
	token, err := r.Store.NewToken(r.t.Context(), fmt.Sprint(may, school), school, may...)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// get sends a GET with a person's token. headers are pairs.
func (r *rig) get(token, path string, headers ...string) (int, http.Header, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "https://"+r.addr+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.do(req, token, headers...)
}

func (r *rig) do(req *http.Request, token string, headers ...string) (int, http.Header, string) {
	r.t.Helper()
	if token != "" {
		req.SetBasicAuth("somebody", token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// checkLogged fails the test unless a line of the log has all words.
func (r *rig) checkLogged(t *testing.T, words ...string) {
	t.Helper()
	for line := range strings.Lines(r.log.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return
		}
	}
	t.Errorf("no line of the log has %q:\n%s", words, r.log)
}

func (r *rig) readMetric(t *testing.T, name string) (n float64) {
	t.Helper()
	_, _, text := r.get(r.newToken("", pg.MayRead), "/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, _ = fmt.Sscan(rest, &n)
		}
	}
	return n
}
