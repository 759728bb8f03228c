package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/timetest"
)

func TestACodeEnrolsOneBox(t *testing.T) {
	r := newRig(t)
	code, err := r.Store.NewCode(t.Context(), cloudtest.School)
	if err != nil {
		t.Fatal(err)
	}
	link := https.FormatLink("https://"+r.addr, code, r.pin)
	l, err := https.Enrol(t.Context(), link, cloud.Self{Box: "b1", Name: "One"}, https.Config{})
	if err != nil || l.School != cloudtest.School {
		t.Fatalf("got %+v, %v", l, err)
	}
	_, err = https.Enrol(t.Context(), link, cloud.Self{Box: "b2", Name: "Two"}, https.Config{})
	if b := errs.BodyOf(err); b.Code != https.CodeBadCode || b.Reason != "denied" {
		t.Errorf("a second box: %v", err)
	}
	r.checkLogged(t, "b2", https.CodeBadCode)
	for _, secret := range []string{code, "One", string(l.Key), base64.StdEncoding.EncodeToString(l.Key)} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestEnrolmentsOfAnAddressAreFew(t *testing.T) {
	r := newRig(t)
	var err error
	for range 12 {
		_, err = https.Enrol(t.Context(), https.FormatLink("https://"+r.addr, "ABCDEFGHIJKLMNOPQRST", r.pin), cloud.Self{Box: "b1"}, https.Config{})
	}
	if errs.KindOf(err) != errs.Busy {
		t.Errorf("got %v", err)
	}
}

// A node accepts the tokens of another node.
func TestNodesShareADatabaseAndNothingElse(t *testing.T) {
	r := newRig(t)
	at, pin := r.addr, r.pin
	code, err := r.Store.NewCode(t.Context(), cloudtest.School)
	if err != nil {
		t.Fatal(err)
	}
	l, err := https.Enrol(t.Context(), https.FormatLink("https://"+at, code, pin), cloud.Self{Box: "b1", Name: "One"}, https.Config{})
	if err != nil {
		t.Fatal(err)
	}
	first := r.newClient(https.Config{Box: "b1", Key: l.Key})
	r.startNode()
	second := r.newClient(https.Config{Box: "b1", Key: l.Key})
	for i, c := range []*https.Client{first, second, first, second} {
		if _, err := c.Put(t.Context(), cloudtest.LessonFacts("b1", 1, uint64(i)*10, 10)); err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
	}
	var n https.Nonce
	mustRequest(t, r, "https://"+at, http.MethodGet, "/v1/nonce", "", "", nil, &n)
	login := https.Login{Box: "b1", Nonce: n.Nonce, Signature: ed25519.Sign(ed25519.NewKeyFromSeed(l.Key), https.Challenge("b1", n.Nonce))}
	var s https.Session
	mustRequest(t, r, "https://"+r.addr, http.MethodPost, "/v1/session", "", "application/json", login, &s)
	var st cloud.State
	mustRequest(t, r, "https://"+at, http.MethodPost, "/v1/state", s.Token, "application/json", cloudtest.NewSelf("b1", 1, 40), &st)
	if st.Pos != 40 {
		t.Errorf("got %+v", st)
	}
}

// mustRequest sends a request to a node. It must succeed.
func mustRequest(t *testing.T, r *rig, base, method, path, token, kind string, body, into any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	status, _, text := r.do(req, "", "Content-Type", kind, "Authorization", "Bearer "+token)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

func TestARefusedRequestNamesItsFault(t *testing.T) {
	r := newRig(t)
	c := r.enrolBox("b1")
	_, err := c.Put(t.Context(), &batch.Batch{Box: "b1", Incarnation: 0, To: 1})
	if b := errs.BodyOf(err); b.Reason != "invalid" || b.Field != "incarnation" {
		t.Errorf("got %v", err)
	}
	for path, want := range map[string]int{
		"/v1/down?since=0&most=1": 401, "/v1/nonce": 200, "/nowhere": 404, "/v1/facts": 405, "/": 200, "/api/boxes": 401, "/healthz": 200, "/readyz": 200, "/metrics": 401,
	} {
		if status, _, text := r.get("", path); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, text, want)
		}
	}
	for _, body := range []string{"", "{", "{} {}", `{"Box":5}`, strings.Repeat(" ", 70<<10) + "{}"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+r.addr+"/v1/session", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if status, _, text := r.do(req, ""); status != 400 || !strings.Contains(text, `"field":"body"`) {
			t.Errorf("%.20q: got %d %s", body, status, text)
		}
	}
}

// A box that lost its connection within a batch sends it again while the node still waits for the
// rest of the first try.
func TestAStalledBatchIsEvictedByItsNextTry(t *testing.T) {
	r := newRig(t)
	c := r.enrolBox("b1")
	if _, err := c.State(t.Context(), cloudtest.NewSelf("b1", 1, 10)); err != nil {
		t.Fatal(err)
	}
	secret, err := r.Store.SharedSecret(t.Context(), "sessions")
	if err != nil {
		t.Fatal(err)
	}
	token := server.SessionFor(secret, "b1", time.Now().Add(time.Hour))
	conn, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /v1/facts HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\nhalf", https.TypeBatch, token)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") { // the node has begun to read
		t.Fatalf("%q, %v", line, err)
	}
	began := time.Now()
	if _, err := c.Put(t.Context(), cloudtest.LessonFacts("b1", 1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	timetest.CheckBudget(t, "the next try", time.Since(began), 10*time.Second)
}

func TestASessionExpiresAndCannotBeForged(t *testing.T) {
	r := newRig(t)
	r.enrolBox("b1")
	secret, err := r.Store.SharedSecret(t.Context(), "sessions")
	if err != nil {
		t.Fatal(err)
	}
	good := server.SessionFor(secret, "b1", time.Now().Add(time.Minute))
	for name, token := range map[string]string{
		"over":     server.SessionFor(secret, "b1", time.Now().Add(-time.Second)),
		"forged":   server.SessionFor([]byte("another secret"), "b1", time.Now().Add(time.Minute)),
		"a nonce":  server.NonceFor(secret, time.Now()),
		"cut":      good[:len(good)-1],
		"nonsense": "%%%", "empty": "", "long": strings.Repeat("A", 5000),
	} {
		if status, _, _ := r.get("", "/v1/down?since=0&most=1", "Authorization", "Bearer "+token); status != 401 {
			t.Errorf("%s: got %d", name, status)
		}
	}
	if status, _, text := r.get("", "/v1/down?since=0&most=1", "Authorization", "Bearer "+good); status != 200 {
		t.Errorf("got %d %s", status, text)
	}
}

func TestTheNodeStartsWithoutItsDatabase(t *testing.T) {
	store, err := pg.Open(t.Context(), "postgres://u:hidden@127.0.0.1:1/none?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r := &rig{t: t, log: &testLog{}, http: http.DefaultClient}
	s := server.New(server.Config{Listen: "127.0.0.1:0", Plain: true}, store, slog.New(slog.NewTextHandler(r.log, nil)), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	<-s.Ready()
	addr, pin := s.Addr()
	if pin != "" {
		t.Errorf("a pin of plain HTTP: %s", pin)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/v1/nonce": 503} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, head, text := r.do(req, "")
		if status != want || strings.Contains(text, "127.0.0.1") || path == "/v1/nonce" && head.Get("Retry-After") == "" {
			t.Errorf("%s: got %d %s", path, status, text)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if strings.Contains(r.log.String(), "hidden") {
		t.Error("the log holds the password of the database")
	}
}

func TestANodeKeepsItsKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	_, first, err := server.LoadOrCreateCertificate(server.Config{Data: dir})
	if err != nil || first == "" {
		t.Fatalf("got %q, %v", first, err)
	}
	cert, second, err := server.LoadOrCreateCertificate(server.Config{Data: dir})
	if err != nil || second != first {
		t.Errorf("got %q, %v, want %q", second, err, first)
	}
	if cert.Leaf.NotAfter.Before(time.Now().AddDate(10, 0, 0)) {
		t.Errorf("it ends %v", cert.Leaf.NotAfter)
	}
}

func TestAConfigThatCannotWorkIsRefused(t *testing.T) {
	for field, cfg := range map[string]server.Config{
		"listen": {Listen: "nowhere", Data: "x"}, "cert": {Cert: "a", Data: "x"}, "plain": {Plain: true, Cert: "a", Key: "b"}, "data": {},
	} {
		if b := errs.BodyOf(cfg.Validate()); b.Field != field {
			t.Errorf("%s: got %+v", field, b)
		}
	}
	if err := (server.Config{Data: "x"}).Validate(); err != nil {
		t.Error(err)
	}
}

// The link over HTTPS passes the test of the direct link on a bad line.
func TestHTTPSGetsThroughALineThatBreaks(t *testing.T) {
	r := newRig(t)
	line := cloudtest.NewProxy(t, r.addr)
	c := r.enrolBox("b1")
	key := newKey(t)
	code, err := r.Store.NewCode(t.Context(), cloudtest.School)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Store.Enrol(t.Context(), pg.Enrolment{Code: code, Box: "b1", Key: key.Public().(ed25519.PublicKey)}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	c, err = https.New(https.Config{URL: "https://" + line.Addr, Pin: r.pin, Box: "b1", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line.SetCut(20_000, 1)
	const total, size = 10_000, 200
	poison := 0
	for pos := uint64(0); pos < total; {
		b := cloudtest.LessonFacts("b1", 1, pos, size)
		if pos%2000 == 0 {
			b.Facts[3].Data = json.RawMessage(`"\u0000"`)
		}
		_, err := c.Put(t.Context(), b)
		switch errs.KindOf(err) {
		case errs.Down, errs.Stale, errs.Busy:
		default:
			if err != nil {
				t.Fatal(err)
			}
		}
		st, err := c.State(t.Context(), cloudtest.NewSelf("b1", 1, total))
		if err == nil {
			pos, poison = st.Pos, len(st.Dead)
		}
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.facts`); n != total-5 || poison != 5 {
		t.Errorf("%d facts and %d dead letters after %d cuts", n, poison, line.CutCount())
	}
	if line.CutCount() < 10 {
		t.Errorf("only %d cuts", line.CutCount())
	}
}

func TestRequestsUnderWayAreFinishedWhenTheNodeStops(t *testing.T) {
	f := cloudtest.NewFixture(t)
	s := server.New(server.Config{Listen: "127.0.0.1:0", Plain: true}, f.Store, slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	<-s.Ready()
	addr, _ := s.Addr()
	secret, err := f.Store.SharedSecret(t.Context(), "sessions")
	if err != nil {
		t.Fatal(err)
	}
	code, err := f.Store.NewCode(t.Context(), cloudtest.School)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Store.Enrol(t.Context(), pg.Enrolment{Code: code, Box: "b1", Key: newKey(t).Public().(ed25519.PublicKey)}); err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if err := batch.Encode(&body, cloudtest.LessonFacts("b1", 1, 0, 100)); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	half := body.Len() / 2
	_, err = fmt.Fprintf(conn, "POST /v1/facts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		https.TypeBatch, server.SessionFor(secret, "b1", time.Now().Add(time.Minute)), body.Len())
	if err != nil {
		t.Fatal(err)
	}
	waitForContinue(t, conn)
	if _, err := conn.Write(body.Bytes()[:half]); err != nil {
		t.Fatal(err)
	}
	stop()
	time.Sleep(100 * time.Millisecond) // the node would end the request now
	if _, err := conn.Write(body.Bytes()[half:]); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), `"Stored":100`) {
		t.Errorf("got %s, %v", answer, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waitForContinue waits until the node reads the body of a request that expects "100 Continue".
func waitForContinue(t *testing.T, conn net.Conn) {
	t.Helper()
	const want = "HTTP/1.1 100 Continue\r\n\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v", got, err)
	}
}
