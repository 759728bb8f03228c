package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/wire/wiretest"
)

// writeCertificate writes a certificate for a name and its key, as a school's own tool would.
func writeCertificate(t *testing.T, dir, name string, serial int64, lifetime time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	checkError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"*.lab.example", name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	checkError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	checkError(t, err)
	checkError(t, os.WriteFile(filepath.Join(dir, "box.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
	checkError(t, os.WriteFile(filepath.Join(dir, "box.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

// servedLeaf returns the certificate that the box shows under a name.
func servedLeaf(t *testing.T, door *wiretest.Net, name string) *x509.Certificate {
	t.Helper()
	conn := tls.Client(dialServer(t, door), &tls.Config{InsecureSkipVerify: true, ServerName: name})
	checkError(t, conn.Handshake())
	leaf := conn.ConnectionState().PeerCertificates[0]
	checkError(t, conn.Close())
	return leaf
}

func TestASchoolsNameHasTheSchoolsCertificate(t *testing.T) {
	const name = "box.school.example"
	synctest.Test(t, func(t *testing.T) {
		dir, plain, secure := t.TempDir(), wiretest.NewNet(), wiretest.NewNet()
		r := newRig(t, func(c *Config, d *Deps) {
			c.HTTPS, c.Certificate, c.Key = ":8443", filepath.Join(dir, "box.crt"), filepath.Join(dir, "box.key")
			d.Listen = func(addr string) (net.Listener, error) {
				if addr == c.HTTPS {
					return secure, nil
				}
				return plain, nil
			}
		})
		defer r.start(t)()
		if !warns(r, "certificate") || servedLeaf(t, secure, name).SerialNumber.IsInt64() {
			t.Error("files that are missing: no warning, or not the box's own certificate")
		}
		for serial := int64(2); serial > 0; serial-- {
			writeCertificate(t, dir, name, serial, map[int64]time.Duration{1: 90 * 24 * time.Hour, 2: 10 * 24 * time.Hour}[serial])
			time.Sleep(2 * time.Minute) // the files are read, and watch has looked
			if leaf := servedLeaf(t, secure, name); leaf.SerialNumber.Int64() != serial || warns(r, "certificate") != (serial == 2) {
				t.Errorf("certificate %d, want %d; warning %v", leaf.SerialNumber, serial, warns(r, "certificate"))
			}
		}
		for _, other := range []string{"livelearn.local", ""} {
			if servedLeaf(t, secure, other).SerialNumber.IsInt64() {
				t.Errorf("%q has the school's certificate", other)
			}
		}
		req := r.plainRequest("nobody", elsewhere, "GET", "/api/state", nil)
		req.Host = name
		if w := r.do(req); w.Code != 200 || !strings.Contains(w.Body.String(), `"home":"https://`+name+`:80"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		checkError(t, os.WriteFile(filepath.Join(dir, "box.crt"), []byte("half"), 0o600))
		time.Sleep(2 * time.Minute)
		if servedLeaf(t, secure, name).SerialNumber.Int64() != 1 || !warns(r, "certificate") {
			t.Error("a damaged file: the old certificate went, or no warning")
		}
	})
}

func TestACertificateNeedsItsKey(t *testing.T) {
	if err := (Config{Certificate: "box.crt"}).Validate(); err == nil || !strings.Contains(err.Error(), "set both") {
		t.Error(err)
	}
}
