package https_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

// untrustedCertificate returns a certificate with a wrong name and a past date.
func untrustedCertificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"elsewhere.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1000, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, https.PinOf(leaf.RawSubjectPublicKeyInfo)
}

// fakeCloud answers the calls of a session as the cloud does. A test sets the other answers.
type fakeCloud struct {
	logins atomic.Int32
	rest   http.HandlerFunc
}

func (f *fakeCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/nonce":
		writeAnswer(w, 200, https.Nonce{Nonce: "n"})
	case "/v1/session":
		var l https.Login
		err := json.NewDecoder(r.Body).Decode(&l)
		if err != nil || !ed25519.Verify(newKey().Public().(ed25519.PublicKey), https.Challenge(l.Box, "n"), l.Signature) {
			writeAnswer(w, 403, errs.Body{Reason: "denied", Code: cloud.CodeStranger})
			return
		}
		writeAnswer(w, 200, https.Session{Token: "token" + string('0'+rune(f.logins.Add(1))), Seconds: 3600})
	default:
		f.rest(w, r)
	}
}

func writeAnswer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

const testPatience = time.Second

// newTestClient returns a client of a server that runs for the test.
func newTestClient(t *testing.T, f *fakeCloud) *https.Client {
	t.Helper()
	srv := httptest.NewUnstartedServer(f)
	cert, pin := untrustedCertificate(t)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	c, err := https.New(https.Config{URL: srv.URL, Pin: pin, Box: "b1", Key: newKey(), Version: "1.2 (x)", Patience: testPatience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.CloseClientConnections(); srv.Close() })
	return c
}

func TestAPinOverridesNamesAndDates(t *testing.T) {
	want := cloud.State{Known: true, Pos: 7, School: "S", Policy: cloud.Policy{Names: true}}
	c := newTestClient(t, &fakeCloud{rest: func(w http.ResponseWriter, r *http.Request) {
		if got := r.UserAgent(); got != "livelearn-box/1.2x" {
			t.Errorf("got agent %q", got)
		}
		writeAnswer(w, 200, want)
	}})
	got, err := c.State(t.Context(), cloud.Self{Box: "b1", Incarnation: 1<<64 - 1})
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnUnpinnedKeyIsRefused(t *testing.T) {
	srv := httptest.NewUnstartedServer(&fakeCloud{})
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	_, pin := untrustedCertificate(t)
	for _, pin := range []string{pin, ""} { // without a pin, no authority knows the certificate
		c, err := https.New(https.Config{URL: srv.URL, Pin: pin, Box: "b1", Key: newKey()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.State(t.Context(), cloud.Self{Box: "b1"})
		if b := errs.BodyOf(err); b.Reason != "down" || b.Code != https.CodeCertificate {
			t.Errorf("pin %q: got %v", pin, err)
		}
		c.Close()
	}
}

func TestASessionThatIsOverIsRenewedOnce(t *testing.T) {
	var calls atomic.Int32
	over := errs.Body{Reason: "denied", Code: https.CodeSession}
	f := &fakeCloud{rest: func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 2 || r.Header.Get("Authorization") == "Bearer token9" {
			writeAnswer(w, https.StatusOver, over)
			return
		}
		writeAnswer(w, 200, cloud.State{})
	}}
	c := newTestClient(t, f)
	for range 3 {
		if _, err := c.State(t.Context(), cloud.Self{Box: "b1"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.logins.Load(); got != 2 {
		t.Errorf("got %d sessions, want 2", got)
	}
	f.rest = func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, https.StatusOver, over) }
	_, err := c.State(t.Context(), cloud.Self{Box: "b1"})
	if errs.KindOf(err) != errs.Down || f.logins.Load() != 3 {
		t.Errorf("always over: got %v after %d sessions", err, f.logins.Load())
	}
}

func TestErrorsOfTheCloudArriveAsTheyWere(t *testing.T) {
	f := &fakeCloud{}
	c := newTestClient(t, f)
	b := &batch.Batch{Box: "b1", Incarnation: 1, To: 3}
	for want, status := range map[errs.Body]int{
		{Reason: "stale", Code: cloud.CodeMoved, Message: "the watermark is at 5"}:        409,
		{Reason: "down", Code: cloud.CodeCloudOlder, Message: "old"}:                      503,
		{Reason: "denied", Code: cloud.CodeRevoked, Message: "no"}:                        403,
		{Reason: "busy", Code: "too_many", Message: "later"}:                              429,
		{Reason: "invalid", Code: "too_large", Field: "body", Limit: 9, Message: "large"}: 400,
	} {
		f.rest = func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, status, want) }
		_, err := c.Put(t.Context(), b)
		if d := cmp.Diff(want, errs.BodyOf(err)); d != "" {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	}
}

func TestAForeignAnswerIsRetriedLater(t *testing.T) {
	var f fakeCloud
	c := newTestClient(t, &f)
	for name, h := range map[string]http.HandlerFunc{
		"the page of a network": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>log in") },
		"a redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/v1/nonce")
			w.WriteHeader(302)
		},
		"a proxy's error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"half of an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"Pos":`)
		},
		"two answers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{} {}`)
		},
		"a huge one": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(bytes.Repeat([]byte(" "), https.MaxAnswer+2))
		},
		"a reason that does not fit": func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, 404, errs.Body{Reason: "denied"}) },
		"a fault":                    func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, 500, errs.Body{Reason: "internal"}) },
		"another watermark":          func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, 200, cloud.Receipt{Pos: 2}) },
	} {
		f.rest = h
		if _, err := c.Put(t.Context(), &batch.Batch{Box: "b1", Incarnation: 1, To: 3}); errs.KindOf(err) != errs.Down {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPagesOutOfOrderAreRefused(t *testing.T) {
	var f fakeCloud
	c := newTestClient(t, &f)
	for name, p := range map[string]cloud.Page{
		"old":      {Items: []cloud.Item{{N: 5}}, Next: 5},
		"disorder": {Items: []cloud.Item{{N: 7}, {N: 6}}, Next: 7},
		"too many": {Items: []cloud.Item{{N: 6}, {N: 7}, {N: 8}}, Next: 8},
		"back":     {Items: []cloud.Item{{N: 6}}, Next: 5},
		"for ever": {Next: 5, More: true},
	} {
		f.rest = func(w http.ResponseWriter, _ *http.Request) { writeAnswer(w, 200, p) }
		if _, err := c.Pull(t.Context(), 5, 2); errs.KindOf(err) != errs.Down {
			t.Errorf("%s: got %v", name, err)
		}
	}
	f.rest = func(w http.ResponseWriter, r *http.Request) {
		writeAnswer(w, 200, cloud.Page{Items: []cloud.Item{{N: 6, Kind: r.URL.RawQuery}}, Next: 6})
	}
	if p, err := c.Pull(t.Context(), 5, 2); err != nil || p.Items[0].Kind != "since=5&most=2" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestEnrolReturnsTheSchool(t *testing.T) {
	var got https.Enrolment
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		writeAnswer(w, 200, https.Enrolled{School: "Lycée"})
	}))
	cert, pin := untrustedCertificate(t)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.StartTLS()
	defer srv.Close()
	link := https.FormatLink(srv.URL, "ABCDEFGHIJKLMNOPQRST", pin)
	self := cloud.Self{Box: "b1", Name: "Box 1", Version: "1"}
	l, err := https.Enrol(t.Context(), link, self, https.Config{})
	if err != nil || l.School != "Lycée" || l.URL != srv.URL || l.Pin != pin || l.Way != "https" || "https://"+l.Where != srv.URL {
		t.Fatalf("got %+v, %v", l, err)
	}
	want := https.Enrolment{Code: "ABCDEFGHIJKLMNOPQRST", Box: "b1", Name: "Box 1", Version: "1", Key: ed25519.NewKeyFromSeed(l.Key).Public().(ed25519.PublicKey)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	c, err := https.New(https.Config{URL: l.URL, Pin: l.Pin, Box: l.Box, Key: l.Key})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestALinkNamesItsFault(t *testing.T) {
	pin := strings.Repeat("A", 43)
	for link, field := range map[string]string{
		"http://h/#ABCDEFGHIJKLMNOPQRST":            "link",
		"https:///#ABCDEFGHIJKLMNOPQRST":            "link",
		"https://u:p@h/#ABCDEFGHIJKLMNOPQRST":       "link",
		"https://h:0/#ABCDEFGHIJKLMNOPQRST":         "link",
		"https://h:/#ABCDEFGHIJKLMNOPQRST":          "link",
		"https://h/?a#ABCDEFGHIJKLMNOPQRST":         "link",
		"h":                                         "link",
		"https://h/":                                "code",
		"https://h/#ABC":                            "code",
		"https://h/#ABCDEFGHIJKLMNOPQRS1":           "code",
		"https://h/#ABCDEFGHIJKLMNOPQRST.":          "pin",
		"https://h/#ABCDEFGHIJKLMNOPQRST.AAAA":      "pin",
		"https://h/#ABCDEFGHIJKLMNOPQRST.=" + pin:   "pin",
		"https://h/#" + strings.Repeat("A", 2000):   "link",
		"https://h/#ABCDEFGHIJKLMNOPQRST" + pin[1:]: "code",
	} {
		_, _, _, err := https.ParseLink(link)
		if got := errs.BodyOf(err); got.Reason != "invalid" || got.Field != field {
			t.Errorf("%s: got %v", link, err)
		}
	}
	at, code, got, err := https.ParseLink(" https://h:8443/folder/#abcde-fghij-klmno-pqrst." + pin + "\n")
	if err != nil || at != "https://h:8443/folder" || code != "ABCDEFGHIJKLMNOPQRST" || got != pin {
		t.Errorf("got %q %q %q, %v", at, code, got, err)
	}
}

// slowConn is a link of 16 kB a second in the direction of its reader.
type slowConn struct{ net.Conn }

func (s slowConn) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p[:min(len(p), 1600)])
	time.Sleep(time.Duration(n) * time.Second / 16_000)
	return n, err
}

// newSlowClient returns a client of a server at the other end of a slow link.
func newSlowClient(t *testing.T, h http.Handler) *https.Client {
	t.Helper()
	conns := make(chan net.Conn, 1)
	cert, pin := untrustedCertificate(t)
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	ln := tls.NewListener(pipeListener{conns, done}, &tls.Config{Certificates: []tls.Certificate{cert}})
	go func() { _ = srv.Serve(ln) }()
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		conns <- slowConn{far}
		return near, nil
	}
	c, err := https.New(https.Config{URL: "https://cloud.example", Pin: pin, Box: "b1", Key: newKey(), Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		close(done)
		_ = srv.Close()
		time.Sleep(time.Minute) // let the server's goroutines end
	})
	return c
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipeListener) Close() error   { return nil }
func (p pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// largeBatch returns an incompressible batch of 2 MB.
func largeBatch() *batch.Batch {
	b := &batch.Batch{Box: "b1", Incarnation: 1, To: 40}
	r := mrand.NewChaCha8([32]byte{})
	for i := range b.To {
		raw := make([]byte, 50<<10)
		_, _ = r.Read(raw)
		data, _ := json.Marshal(raw)
		b.Facts = append(b.Facts, batch.Fact{Pos: i + 1, Stream: "s", Seq: i + 1, Kind: "k", Version: 1, Data: data})
	}
	return b
}

func TestALargeBatchGetsThroughASlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCloud{rest: func(w http.ResponseWriter, r *http.Request) {
			b, err := batch.Decode(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(90 * time.Second) // the database is busy
			writeAnswer(w, 200, cloud.Receipt{Pos: b.To, Stored: len(b.Facts)})
		}}
		c := newSlowClient(t, f)
		began := time.Now()
		r, err := c.Put(t.Context(), largeBatch())
		if err != nil || r.Stored != 40 {
			t.Fatalf("got %+v, %v", r, err)
		}
		if took := time.Since(began); took < 3*time.Minute {
			t.Errorf("the link was not slow: %v", took)
		}
	})
}

func TestAStalledConnectionFails(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	c := newTestClient(t, &fakeCloud{rest: func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 100<<10)
		<-stop
	}})
	began := time.Now()
	_, err := c.Put(t.Context(), largeBatch())
	if took := time.Since(began); errs.KindOf(err) != errs.Down || took < testPatience {
		t.Errorf("got %v after %v", err, took)
	}
}
