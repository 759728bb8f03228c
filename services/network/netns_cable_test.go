//go:build netns

package network

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/supplicant"
	"github.com/livelearn/box/services/timetest"
)

// newServerCert returns a certificate of a server that signed itself, and its key, as PEM.
func newServerCert(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "radius.school.example"}, DNSNames: []string{"radius.school.example"},
		NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

// startSwitch starts hostapd at the other end as a switch that asks for a sign-in, with the server of
// the school in it. It returns the certificate of that server.
func startSwitch(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cert, key := newServerCert(t)
	for name, text := range map[string]string{
		"cert.pem": cert, "key.pem": key,
		"users": "\"box\" PEAP,TTLS\n\"box\" MSCHAPV2,TTLS-PAP \"canary password\" [2]\n",
		"conf": "interface=far0\ndriver=wired\nieee8021x=1\neapol_version=2\neap_server=1\neap_user_file=" + dir + "/users\nca_cert=" + dir +
			"/cert.pem\nserver_cert=" + dir + "/cert.pem\nprivate_key=" + dir + "/key.pem\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	startFar(t, "hostapd", filepath.Join(dir, "conf"))
	return cert
}

// The switch is hostapd and the box runs wpa_supplicant, as in a school.
func TestTheBoxSignsInOnACable(t *testing.T) {
	for _, program := range []string{"hostapd", "wpa_supplicant"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: apt-get install hostapd wpasupplicant", program)
		}
	}
	inNamespace(t, func(t *testing.T) {
		startDnsmasq(t)
		ttls := supplicant.SignIn{Security: "ttls", Identity: "box", Password: "canary password"}
		ttls.CA, _ = newServerCert(t)
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = log.Close() })
		n := serveNetworkWithLog(t, Config{Wired: ttls}, log)
		wait := func(what, signIn string) {
			t.Helper()
			timetest.WaitUntil(t, what, func() bool {
				s := n.State()
				return len(s.Ports) == 1 && s.Ports[0].SignIn == signIn && s.Ports[0].From == "dhcp"
			})
		}
		wait("an address from a switch that does not ask", supplicant.CableUnasked)
		cert := startSwitch(t)
		peap := supplicant.SignIn{Identity: "box", Password: "canary password", CA: cert, Server: "school.example"}
		wrong, unchecked := peap, peap
		wrong.Password = "another canary"
		unchecked.CA, unchecked.Server = "", ""
		other, good := ttls, ttls
		good.CA = cert
		for _, c := range []struct {
			what   string
			with   supplicant.SignIn
			signIn string
		}{
			{"TTLS", good, supplicant.CableDone},
			{"PEAP", peap, supplicant.CableDone},
			{"no settings", supplicant.SignIn{}, ""},
			{"PEAP without a certificate", unchecked, supplicant.CableDone},
			{"a wrong password", wrong, supplicant.CablePassword},
			{"a server with another certificate", other, supplicant.CableServer}, // hostapd answers a minute later
		} {
			if err := n.SetConfig(Config{Wired: c.with}); err != nil {
				t.Fatal(err)
			}
			wait(c.what, c.signIn)
		}
		if err := n.SetConfig(Config{}); err != nil {
			t.Fatal(err)
		}
		wait("the end of the sign-in", "")
		if left, err := os.ReadDir(n.deps.Run); err != nil || len(left) > 0 {
			t.Errorf("files with the password remain: %v %v", left, err)
		}
		if text, err := os.ReadFile(log.Name()); err != nil || strings.Contains(string(text), "canary") || !strings.Contains(string(text), "sign-in on a cable") {
			t.Errorf("the log: %v\n%s", err, text)
		}
	})
}
