//go:build qemu && debian

package qemutest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The Wi-Fis of the school, one with a passphrase for all and one with a password of each.
const (
	openSchool, openKey    = "École \"7\" #1", "one=for all\"{"
	staffSchool, staffKey  = "Staff", "Zq7 = \"quoted\" } pässword"
	staffName, staffServer = "box@school.example", "radius.school.example"
)

// writeSchool writes the files of hostapd, and returns the certificate that its server's is signed with.
func writeSchool(t *testing.T, dir string) (ca string) {
	t.Helper()
	runProgram(t, "mkdir", "-p", dir)
	const common = "driver=nl80211\nhw_mode=g\nwpa=2\nrsn_pairwise=CCMP\n"
	writeFile(t, filepath.Join(dir, "0.conf"), fmt.Sprintf("interface=wlan2\nchannel=1\nssid2=%x\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase=%s\n"+common, openSchool, openKey))
	writeFile(t, filepath.Join(dir, "1.conf"), "interface=wlan3\nchannel=11\nssid="+staffSchool+"\nwpa_key_mgmt=WPA-EAP\nieee8021x=1\neap_server=1\n"+
		"eap_user_file=/run/users\nca_cert=/run/ca.pem\nserver_cert=/run/server.pem\nprivate_key=/run/server.key\n"+common)
	writeFile(t, filepath.Join(dir, "users"), fmt.Sprintf("* PEAP\n\"%s\" MSCHAPV2 %x [2]\n", staffName, staffKey))
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "School CA"}, NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: staffServer}, DNSNames: []string{staffServer}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootKey, serverKey := newKey(t), newKey(t)
	ca = signPEM(t, root, root, rootKey, rootKey)
	writeFile(t, filepath.Join(dir, "ca.pem"), ca)
	writeFile(t, filepath.Join(dir, "server.pem"), signPEM(t, server, root, serverKey, rootKey))
	key, err := x509.MarshalECPrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "server.key"), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})))
	return ca
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signPEM(t *testing.T, c, parent *x509.Certificate, key, by *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// schoolState is what the network page shows of the mode wifi.
type schoolState struct {
	State struct {
		Code, Text, School string
		Stations           *struct{ Now int }
		Ports              []struct {
			Name    string
			Address []string
		}
	}
}

// joinSchool makes the box join each Wi-Fi of the school, and one with a wrong password, which leaves it
// its own Wi-Fi and a reason.
func joinSchool(t *testing.T, a *admin, ca string) {
	t.Helper()
	var found struct {
		State []struct {
			SSID, Security string
			Signal         int
		}
	}
	staff := map[string]any{"ssid": staffSchool, "security": "peap", "identity": staffName, "password": staffKey, "ca": ca, "server": "school.example"}
	wrong := map[string]any{"ssid": staffSchool, "security": "peap", "identity": staffName, "password": "canary-wrong", "ca": ca}
	for _, c := range []struct {
		name   string
		school map[string]any
		net    string // the start of the address of the box
		fault  string
	}{
		{"by a passphrase", map[string]any{"ssid": openSchool, "password": openKey}, "10.20.0.50", ""},
		{"by PEAP", staff, "10.21.0.50", ""},
		{"with a wrong password", wrong, "10.10.0.1", "wifi_password"},
	} {
		from := len(a.m.Serial.String())
		a.mustCall("PUT", "/api/admin/network", map[string]any{"mode": "wifi", "ssid": "Box of 7B", "country": "FR", "school": c.school}, nil)
		want := "joined"
		if c.fault != "" {
			want = "ap"
		}
		var now schoolState
		has := func(p struct {
			Name    string
			Address []string
		},
		) bool {
			return strings.HasPrefix(p.Name, "wlan") && len(p.Address) == 1 && strings.HasPrefix(p.Address[0], c.net+"/")
		}
		start := time.Now()
		for end := start.Add(patience); ; time.Sleep(time.Second) { // an emulated machine works
			a.pollGet("/api/admin/network", &now)
			if now.State.School == want && now.State.Code == c.fault && slices.ContainsFunc(now.State.Ports, has) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: the network page shows %+v\n%s", c.name, now.State, a.m.Serial.Tail())
			}
		}
		t.Logf("%s: %s after %v", c.name, now.State.School, time.Since(start).Round(time.Second))
		if c.fault == "" {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := a.m.Serial.WaitFor(ctx, from, regexp.MustCompile("school: got 200 and true from "+regexp.QuoteMeta(c.net))); err != nil {
				t.Errorf("%s: the page: %v", c.name, err)
			}
			a.mustCall("POST", "/api/admin/network/keep", nil, nil)
			a.mustCall("GET", "/api/admin/network/wifi", nil, &found)
			t.Logf("%s: in reach: %+v", c.name, found.State)
		}
	}
	for name, security := range map[string]string{openSchool: "psk", staffSchool: "enterprise"} {
		ok := false
		for _, f := range found.State {
			ok = ok || f.SSID == name && f.Security == security && f.Signal < 0
		}
		if !ok {
			t.Errorf("%q is not in reach: %+v", name, found.State)
		}
	}
	for _, secret := range []string{openKey, staffKey, "canary-wrong", fmt.Sprintf("%x", staffKey)} {
		if strings.Contains(a.m.Serial.String(), secret) {
			t.Errorf("the console shows %q", secret)
		}
	}
}
