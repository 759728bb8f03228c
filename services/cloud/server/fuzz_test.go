package server_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/cloud/usbfile"
)

// allPaths lists the requests with a body from a box. A batch is sent unchanged and, as
// "?packed", compressed first, because random bytes seldom get through the decompression.
var allPaths = []string{"/v1/enrol", "/v1/session", "/v1/state", "/v1/facts", "/v1/facts?packed", "/v1/down?", "/import", "/xapi/statements?"}

// FuzzRequests checks that a node answers any request with success or with a fault of the request,
// and never with a fault of its own.
func FuzzRequests(f *testing.F) {
	fix := cloudtest.NewFixture(f)
	code, err := fix.Store.NewCode(f.Context(), cloudtest.School)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := fix.Store.Enrol(f.Context(), pg.Enrolment{Code: code, Box: "b1", Key: make(ed25519.PublicKey, ed25519.PublicKeySize)}); err != nil {
		f.Fatal(err)
	}
	admin, err := fix.Store.NewToken(f.Context(), "fuzz", "", pg.MayAdmin, pg.MayXAPI)
	if err != nil {
		f.Fatal(err)
	}
	secret, err := fix.Store.SharedSecret(f.Context(), "sessions")
	if err != nil {
		f.Fatal(err)
	}
	log := &testLog{}
	srv := server.New(server.Config{Plain: true}, fix.Store, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError})), prometheus.NewRegistry())
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	seedFuzz(f, secret)
	f.Fuzz(func(t *testing.T, at uint8, body []byte) {
		path := allPaths[int(at)%len(allPaths)]
		method, kind := http.MethodPost, "application/json"
		auth := "Bearer " + server.SessionFor(secret, "b1", time.Now().Add(time.Hour))
		switch {
		case path == "/v1/facts":
			kind = https.TypeBatch
		case path == "/v1/facts?packed":
			kind, body = https.TypeBatch, pack.EncodeAll(body, nil)
		case strings.HasSuffix(path, "?"):
			method, path, body = http.MethodGet, path+plainQuery(body), nil
		}
		if path == "/import" || strings.HasPrefix(path, "/xapi") {
			auth = "Bearer " + admin
		}
		req := httptest.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Authorization", auth)
		req.Header.Set("X-Experience-API-Version", "1.0.3")
		w := httptest.NewRecorder()
		srv.ResetLimits()
		srv.Handler().ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Fatalf("%s: %d %s\n%s", path, w.Code, w.Body, log)
		}
		if w.Code != http.StatusOK && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s: %d %q", path, w.Code, w.Body)
		}
	})
}

// plainQuery returns a query that net/http passes to a handler.
func plainQuery(raw []byte) string {
	q, err := url.ParseQuery(string(raw))
	if err != nil {
		return url.QueryEscape(string(raw))
	}
	return q.Encode()
}

func seedFuzz(f *testing.F, secret []byte) {
	f.Helper()
	var whole, file bytes.Buffer
	if err := batch.Encode(&whole, cloudtest.LessonFacts("b1", 1, 0, 3)); err != nil {
		f.Fatal(err)
	}
	z, err := zstd.NewReader(bytes.NewReader(whole.Bytes()))
	if err != nil {
		f.Fatal(err)
	}
	sequence, err := io.ReadAll(z)
	if err != nil {
		f.Fatal(err)
	}
	w, err := usbfile.NewWriter(&file, cloudtest.NewSelf("b1", 1, 3), cloudtest.StickKey("b1"))
	if err != nil {
		f.Fatal(err)
	}
	if err := w.Add(cloudtest.LessonFacts("b1", 1, 0, 3)); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	for i, v := range []any{
		https.Enrolment{Code: "ABCDEFGHIJKLMNOPQRST", Box: "b2", Name: "Two\x00", Key: make([]byte, 32)},
		https.Login{Box: "b1", Nonce: server.NonceFor(secret, time.Now().Add(1000*time.Hour)), Signature: make([]byte, 64)},
		cloudtest.NewSelf("b1", 1<<63, 1<<63),
	} {
		raw, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), raw)
	}
	f.Add(uint8(3), whole.Bytes())
	f.Add(uint8(4), sequence)
	f.Add(uint8(4), bytes.Replace(sequence, []byte(`"took"`), []byte(`"\u00`+`00`), 1))
	f.Add(uint8(4), bytes.ReplaceAll(sequence, []byte("room:"), []byte("ro\x00m:")))
	f.Add(uint8(4), bytes.ReplaceAll(sequence, []byte("quiz."), []byte("quiz\x00")))
	f.Add(uint8(7), []byte(`agent={"account":{"name":"a\u0000b"}}`))
	f.Add(uint8(6), bytes.Replace(file.Bytes(), []byte(`"Box":"b1"`), []byte(`"Box":"b1\u0000"`), 1))
	f.Add(uint8(6), bytes.Replace(file.Bytes(), []byte(`"Name":"Box b1"`), []byte(`"Name":"Box\u0000"`), 1))
	f.Add(uint8(7), []byte("verb=%00&activity=%ff"))
	f.Add(uint8(5), []byte("since=1&most=2"))
	f.Add(uint8(6), file.Bytes())
	f.Add(uint8(7), []byte(`limit=3&since=2026-09-01T00:00:00Z&agent={"account":{"name":"p_1"}}`))
}
