package gateway

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/wire/wiretest"
)

// verifyAsDevice verifies the box's certificate as a device that trusts the box's authority.
func verifyAsDevice(t *testing.T, dir string, a *authority, name string) error {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	checkError(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		t.Fatal("ca.crt is no certificate")
	}
	leaf, err := a.getCertificate(nil)
	checkError(t, err)
	_, err = leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: time.Now()})
	return err
}

func noNames() []string { return nil }

func TestTheCertificateFollowsTheNameOfTheBox(t *testing.T) {
	dir, name := t.TempDir(), "room-12.local"
	a, err := newAuthority(dir, nil, func() []string { return []string{name} })
	checkError(t, err)
	for _, name = range []string{"room-12.local", "library.local"} {
		if err := verifyAsDevice(t, dir, a, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if verifyAsDevice(t, dir, a, "room-12.local") == nil {
		t.Error("the old name is still in the certificate")
	}
	// An authority from before knows only names of its own time. It leaves the others out.
	a.cert.PermittedDNSDomains = []string{"livelearn.local"}
	name = "hall.local"
	leaf, err := a.getCertificate(nil)
	checkError(t, err)
	if slices.Contains(leaf.Leaf.DNSNames, name) || !slices.Contains(leaf.Leaf.DNSNames, "livelearn.local") {
		t.Errorf("names %q", leaf.Leaf.DNSNames)
	}
}

func TestTheCertificateIsGoodForTheBoxAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	a, err := newAuthority(dir, []string{"box.school.example"}, noNames)
	checkError(t, err)
	for _, name := range []string{"localhost", "livelearn.local", "box.school.example", "127.0.0.1", "::1"} {
		if err := verifyAsDevice(t, dir, a, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"example.com", "school.example", "8.8.8.8"} {
		if verifyAsDevice(t, dir, a, name) == nil {
			t.Errorf("%s is trusted", name)
		}
	}
	for _, file := range []string{"ca.key", "ca.crt"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
}

// TestTheAuthorityCannotSpeakForTheInternet signs for a foreign name with the stolen key.
func TestTheAuthorityCannotSpeakForTheInternet(t *testing.T) {
	dir := t.TempDir()
	a, err := newAuthority(dir, nil, noNames)
	checkError(t, err)
	if !a.cert.PermittedDNSDomainsCritical || len(a.cert.PermittedDNSDomains) == 0 || len(a.cert.PermittedIPRanges) == 0 {
		t.Fatal("the authority is not bound to local names and private addresses")
	}
	a.names, a.leaf = []string{"bank.example"}, nil
	if verifyAsDevice(t, dir, a, "bank.example") == nil {
		t.Error("a device would believe the box to be bank.example")
	}
}

func TestTheAuthorityIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := newAuthority(dir, nil, noNames)
	checkError(t, err)
	again, err := newAuthority(dir, nil, noNames)
	checkError(t, err)
	if !first.cert.Equal(again.cert) {
		t.Error("devices that trust the box would have to trust it again after a restart")
	}
}

func TestANewNameDoesNotSpoilTheCertificate(t *testing.T) {
	dir := t.TempDir()
	_, err := newAuthority(dir, nil, noNames)
	checkError(t, err)
	a, err := newAuthority(dir, []string{"new.school.example"}, noNames)
	checkError(t, err)
	if err := verifyAsDevice(t, dir, a, "livelearn.local"); err != nil {
		t.Errorf("after a name was added to the configuration: %v", err)
	}
}

func TestADamagedAuthorityIsMadeAnew(t *testing.T) {
	for _, file := range []string{"ca.key", "ca.crt"} {
		dir := t.TempDir()
		_, err := newAuthority(dir, nil, noNames)
		checkError(t, err)
		checkError(t, os.WriteFile(filepath.Join(dir, file), []byte("half a fi"), 0o600)) // a power cut
		a, err := newAuthority(dir, nil, noNames)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := verifyAsDevice(t, dir, a, "livelearn.local"); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestTheCertificateIsRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, err := newAuthority(dir, nil, noNames)
		checkError(t, err)
		for range 24 { // two years
			if err := verifyAsDevice(t, dir, a, "livelearn.local"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * 24 * time.Hour)
		}
	})
}

// checkLeadsToHTTPS opens pages over plain HTTP in a browser that knows the box's HTTPS.
func (r *rig) checkLeadsToHTTPS() {
	r.t.Helper()
	over := r.do(r.request("nobody", "GET", "/login", nil)).Result().Cookies()
	i := slices.IndexFunc(over, func(c *http.Cookie) bool { return c.Name == knowsHTTPS })
	if i < 0 {
		r.t.Fatalf("a page of staff over HTTPS sets %v", over)
	}
	for path, want := range map[string]string{
		"/admin/cloud?x=1": "https://192.168.1.5:80/admin/cloud?x=1", "/teach/r_1": "https://192.168.1.5:80/teach/r_1", "/": "", "/j/x": "", "/certificate": "",
	} {
		req := r.plainRequest("nobody", elsewhere, "GET", path, nil)
		if w := r.do(req); w.Code != 200 {
			r.t.Errorf("%s without the cookie: %d", path, w.Code)
		}
		req.AddCookie(over[i])
		if w := r.do(req); w.Header().Get("Location") != want {
			r.t.Errorf("%s: %d to %q, want %q", path, w.Code, w.Header().Get("Location"), want)
		}
	}
}

// TestHTTPSRunsNextToHTTP speaks TLS with the real gateway.
func TestHTTPSRunsNextToHTTP(t *testing.T) {
	doors := map[string]*wiretest.Net{":8080": wiretest.NewNet(), ":8443": wiretest.NewNet()}
	synctest.Test(t, func(t *testing.T) {
		for addr := range doors {
			doors[addr] = wiretest.NewNet()
		}
		r := newRig(t, func(c *Config, d *Deps) {
			c.HTTPS = ":8443"
			d.Listen = func(addr string) (net.Listener, error) { return doors[addr], nil }
		}).school()
		stop := r.start(t)
		w := r.do(r.request("nobody", "GET", "/ca.crt", nil))
		block, _ := pem.Decode(w.Body.Bytes())
		if w.Code != 200 || block == nil {
			t.Fatalf("/ca.crt: %d %q", w.Code, w.Body)
		}
		root, err := x509.ParseCertificate(block.Bytes)
		checkError(t, err)
		roots := x509.NewCertPool()
		roots.AddCert(root)
		conn := tls.Client(dialServer(t, doors[":8443"]), &tls.Config{RootCAs: roots, ServerName: "livelearn.local"})
		checkError(t, conn.Handshake())
		req := r.request("nobody", "POST", "/api/login", map[string]string{"name": admin1, "pin": pin})
		req.Host = "livelearn.local"
		go func() { _ = req.Write(conn) }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), req)
		checkError(t, err)
		defer resp.Body.Close()
		cookies := resp.Cookies()
		if resp.StatusCode != 200 || len(cookies) != 1 || !cookies[0].Secure || cookies[0].Name != "__Host-ll" {
			t.Fatalf("%d %v", resp.StatusCode, cookies)
		}
		var a signin.Authority
		r.ok("nobody", "GET", "/api/authority", nil, &a)
		if sum := sha256.Sum256(root.Raw); len(strings.Fields(a.Words)) != 4 || strings.ReplaceAll(a.SHA256, ":", "") != strings.ToUpper(hex.EncodeToString(sum[:])) || a.Name != root.Subject.CommonName {
			t.Errorf("%+v", a)
		}
		var label struct{ Words string }
		if r.ok("admin", "POST", "/api/admin/label", map[string]string{}, &label); label.Words != a.Words {
			t.Errorf("the label has the words %q, the page %q", label.Words, a.Words)
		}
		r.checkLeadsToHTTPS()
		_ = conn.Close()
		stop()
	})
}
