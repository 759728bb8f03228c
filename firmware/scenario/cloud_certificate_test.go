package scenario

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/timetest"
)

// TestANewCertificateDropsNoRequest replaces the certificate and the key of a node ten times, by
// SIGHUP and without it, while clients ask on old connections and on new ones.
func TestANewCertificateDropsNoRequest(t *testing.T) {
	c := boxtest.StartCloud(t, t.TempDir(), cloudtest.Postgres(t))
	ctx, stop := context.WithCancel(t.Context())
	var asked atomic.Int64
	var clients sync.WaitGroup
	for i := range 6 {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: i%2 == 0}
		clients.Go(func() {
			defer tr.CloseIdleConnections()
			for ctx.Err() == nil {
				if err := askHealth(context.WithoutCancel(ctx), &http.Client{Transport: tr}, c.Addr); err != nil {
					t.Errorf("a request was dropped: %v", err)
					return
				}
				asked.Add(1)
			}
		})
	}
	for i := range 10 {
		want := replaceCertificate(t, c.Dir)
		if i%2 == 0 {
			c.Reload()
		}
		before := asked.Load()
		timetest.WaitUntil(t, "the new certificate, and requests meanwhile", func() bool {
			return bytes.Equal(servedCertificate(t, c.Addr), want) && asked.Load() > before
		})
	}
	stop()
	clients.Wait()
	if t.Logf("%d requests", asked.Load()); asked.Load() < 10 {
		t.Error("there was no load")
	}
}

func askHealth(ctx context.Context, client *http.Client, at string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// replaceCertificate gives the folder of a node another key and certificate, and returns the
// certificate. For a moment the two do not fit together.
func replaceCertificate(t *testing.T, dir string) []byte {
	t.Helper()
	fresh := t.TempDir()
	cert, _, err := server.LoadOrCreateCertificate(server.Config{Data: fresh})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cloud.key", server.CertFile} {
		if err := os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return cert.Certificate[0]
}

func servedCertificate(t *testing.T, at string) []byte {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(at, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
}
