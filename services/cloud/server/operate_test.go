package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/supervise"
	"github.com/livelearn/box/services/timetest"
)

// writeCertificate writes a certificate with a serial number.
func writeCertificate(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "crt.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestANewCertificateIsServedWithoutARestart replaces the files of a node that runs: by a look at
// the files, by a signal, and by files that do not fit together.
func TestANewCertificateIsServedWithoutARestart(t *testing.T) {
	r := newRig(t)
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	var log bytes.Buffer
	srv := server.New(server.Config{Listen: "127.0.0.1:0", Cert: cert, Key: key}, r.Store, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	g := supervise.Group(t.Context())
	g.Go(srv.Serve)
	<-srv.Ready()
	addr, _ := srv.Addr()
	serial := func() int64 {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if serial() != 1 {
		t.Fatal("another certificate")
	}
	writeCertificate(t, dir, 2)
	for end := time.Now().Add(timetest.Patience); serial() != 2; time.Sleep(50 * time.Millisecond) { // the files are looked at in intervals
		if time.Now().After(end) {
			t.Fatal("the old certificate is still served")
		}
	}
	writeCertificate(t, dir, 3)
	srv.ReloadCertificate()
	if serial() != 3 {
		t.Error("the old certificate is served after a reload")
	}
	if err := os.WriteFile(key, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv.ReloadCertificate()
	if serial() != 3 || !strings.Contains(log.String(), "the old one stays") {
		t.Errorf("broken files: serial %d, log %s", serial(), log.String())
	}
}

// TestEachFamilyOfMetricsIsThereFromTheStart gathers the metrics of a node that did nothing yet.
func TestEachFamilyOfMetricsIsThereFromTheStart(t *testing.T) {
	r := newRig(t)
	if _, err := r.Store.AddDirect(t.Context(), cloudtest.School, "box-1", ""); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	server.New(server.Config{Listen: "127.0.0.1:0", Plain: true}, r.Store, slog.New(slog.DiscardHandler), reg)
	list, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for _, f := range list {
		have[f.GetName()] = len(f.GetMetric())
	}
	for name, n := range map[string]int{
		"livelearn_cloud_batches_total": 7, "livelearn_cloud_facts_total": 3, "livelearn_cloud_refusals_total": 4, "livelearn_cloud_requests_total": 4,
		"livelearn_cloud_storing_seconds": 1, "livelearn_cloud_database_up": 1, "livelearn_cloud_box_last_seen_seconds": 1,
		"livelearn_cloud_box_waiting_facts": 1, "livelearn_cloud_box_dead_letters": 1, "livelearn_cloud_pushes": 2, "livelearn_cloud_pushes_failing": 2,
	} {
		if have[name] < n {
			t.Errorf("%s has %d series, want %d", name, have[name], n)
		}
	}
}
