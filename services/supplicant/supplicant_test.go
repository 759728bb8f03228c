package supplicant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

// newCA returns a certificate as PEM.
func newCA(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "School"}, NotAfter: time.Unix(4e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestAFaultNamesItsFieldAndNotThePassword(t *testing.T) {
	const canary = "canary pass"
	ca := newCA(t)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	for _, c := range []struct {
		net         Network
		field, code string
	}{
		{Network{Password: canary}, "ssid", "bad_ssid"},
		{Network{SSID: strings.Repeat("é", 17), Password: canary}, "ssid", "bad_ssid"},
		{Network{SSID: "x", Security: "wep", Password: canary}, "security", "unknown"},
		{Network{SSID: "x", Password: "canary"}, "password", "bad_passphrase"},
		{Network{SSID: "x", Password: strings.Repeat("x", 64)}, "password", "bad_passphrase"},
		{Network{SSID: "x", Password: canary + "\n"}, "password", "bad_passphrase"},
		{Network{SSID: "x", Password: canary + "é"}, "password", "bad_passphrase"},
		{Network{SSID: "x", Password: canary, Identity: "box"}, "identity", "not_here"},
		{Network{SSID: "x", Security: "peap", Password: canary}, "identity", "bad_identity"},
		{Network{SSID: "x", Security: "peap", Identity: "box"}, "password", "bad_password"},
		{Network{SSID: "x", Security: "peap", Identity: "box", Password: canary, Server: "x.example"}, "ca", "no_ca"},
		{Network{SSID: "x", Security: "ttls", Identity: "box", Password: canary}, "ca", "no_ca"},
		{Network{SSID: "x", Security: "peap", Identity: "box", Password: canary, CA: "no certificate"}, "ca", "bad_certificate"},
		{Network{SSID: "x", Security: "peap", Identity: "box", Password: canary, CA: ca + key}, "ca", "bad_certificate"},
		{Network{SSID: "x", Security: "peap", Identity: "box", Password: canary, CA: strings.Repeat("x", maxCA+1)}, "ca", "too_long"},
		{Network{SSID: "x", Security: "peap", Identity: "box", Password: canary, CA: ca, Server: "a b"}, "server", "bad_server"},
		{Network{SSID: "x", Password: canary}, "", ""},
		{Network{SSID: "x", Password: strings.Repeat("0a", 32)}, "", ""},
		{Network{SSID: "x", Security: "peap", Identity: "box", Password: canary}, "", ""},
		{Network{SSID: "x", Security: "ttls", Identity: "box", Password: canary, CA: ca, Server: "radius.example"}, "", ""},
	} {
		err := c.net.Validate()
		if b := errs.BodyOf(err); (err != nil) != (c.field != "") || err != nil && (b.Field != c.field || b.Code != c.code || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%+v: %v, want %s of %s", c.net, err, c.code, c.field)
		}
	}
}

// format returns the settings in the block of a configuration.
func format(t testing.TB, n Network, r Radio) map[string]string {
	t.Helper()
	text, err := n.Format(r, "/run/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		settings[key] = value
	}
	return settings
}

func TestTheConfigurationOfEachSecurity(t *testing.T) {
	ca := newCA(t)
	// The key is that of IEEE 802.11 annex J.4.2.
	psk := Network{SSID: "IEEE", Password: "password"}
	const key = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
	staff := Network{SSID: "IEEE", Security: "peap", Identity: "box", Password: `pä"ss`, CA: ca, Server: "x.example"}
	for _, c := range []struct {
		name  string
		net   Network
		radio Radio
		want  map[string]string
	}{
		{"WPA2 and WPA3", psk, Radio{Country: "FR"}, map[string]string{"country": "FR", "ssid": "49454545", "key_mgmt": "WPA-PSK WPA-PSK-SHA256 SAE", "psk": key, "sae_password": "70617373776f7264", "ieee80211w": "1"}},
		{"the radio of a Pi", psk, Radio{Plain: true}, map[string]string{"key_mgmt": "WPA-PSK", "psk": key, "sae_password": "", "ieee80211w": "", "country": ""}},
		{"a key", Network{SSID: "IEEE", Password: key}, Radio{}, map[string]string{"key_mgmt": "WPA-PSK", "psk": key, "sae_password": ""}},
		{"PEAP", staff, Radio{}, map[string]string{"key_mgmt": "WPA-EAP WPA-EAP-SHA256", "eap": "PEAP", "phase2": `"auth=MSCHAPV2"`, "identity": "626f78", "password": "70c3a4227373", "ca_cert": "2f72756e2f63612e70656d", "domain_suffix_match": "782e6578616d706c65", "psk": ""}},
		{"TTLS", Network{SSID: "x", Security: "ttls", Identity: "box", Password: "p", CA: ca}, Radio{Plain: true}, map[string]string{"key_mgmt": "WPA-EAP", "eap": "TTLS", "phase2": `"auth=PAP"`, "domain_suffix_match": ""}},
		{"PEAP without a check", Network{SSID: "x", Security: "peap", Identity: "box", Password: "p"}, Radio{}, map[string]string{"ca_cert": ""}},
	} {
		got := format(t, c.net, c.radio)
		for k, want := range c.want {
			if got[k] != want {
				t.Errorf("%s: %s=%s, want %s", c.name, k, got[k], want)
			}
		}
	}
	if !(Network{Security: "peap"}).IsUnchecked() || staff.IsUnchecked() || psk.IsUnchecked() {
		t.Error("the server is said to be checked, or not")
	}
}

// lines are all lines that a configuration may have.
var lines = regexp.MustCompile(`\A(country=[A-Z]{2}\n)?p2p_disabled=1\nnetwork=\{\nssid=([0-9a-f]{2}){1,32}\nscan_ssid=1\nproto=RSN\n(ieee80211w=1\n)?` +
	`(key_mgmt=[A-Z0-9 -]+\npsk=[0-9a-fA-F]{64}\n(sae_password=([0-9a-f]{2})+\n)?|key_mgmt=[A-Z0-9 -]+\neap=(PEAP|TTLS)\nphase1="tls_disable_time_checks=1"\n` +
	`phase2="auth=(MSCHAPV2|PAP)"\nidentity=([0-9a-f]{2})+\npassword=([0-9a-f]{2})+\n(ca_cert=([0-9a-f]{2})+\n)?(domain_suffix_match=([0-9a-f]{2})+\n)?)\}\n\z`)

// FuzzFormat checks that no text of a person adds or changes a line of the configuration.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"School", "a\"\n}\nnetwork={\nkey_mgmt=NONE", "é\x00", `P"\n"`, "ext:x", "hash:00", `"`, "#"} {
		f.Add(s, "psk", "", "correct horse", "", true)
		f.Add("School", "peap", s, s, "", false)
	}
	ca := newCA(f)
	f.Add("School", "ttls", "box", "pass\nword", "radius.example\n", false)
	f.Fuzz(func(t *testing.T, ssid, security, identity, password, server string, plain bool) {
		n := Network{SSID: ssid, Security: security, Identity: identity, Password: password, Server: server}
		if server != "" || security == SecurityTTLS {
			n.CA = ca
		}
		text, err := n.Format(Radio{Country: "FR", Plain: plain}, "/run/ca.pem")
		if err != nil {
			return
		}
		if !lines.MatchString(text) {
			t.Fatalf("%+v: %s", n, text)
		}
		name, err := hex.DecodeString(regexp.MustCompile(`(?m)^ssid=(.*)$`).FindStringSubmatch(text)[1])
		if err != nil || string(name) != ssid {
			t.Errorf("got %q, want %q", name, ssid)
		}
	})
}

// wpa_supplicant itself reads each configuration. Without a radio it ends behind that.
func TestWPASupplicantReadsTheConfiguration(t *testing.T) {
	program, err := exec.LookPath("wpa_supplicant")
	if err != nil {
		t.Skip("no wpa_supplicant: apt-get install wpasupplicant")
	}
	odd := "a\"\n}\nnetwork={\n#é"
	ca := newCA(t)
	for _, n := range []Network{
		{SSID: odd, Password: `one=for all"{`},
		{SSID: odd, Security: "peap", Identity: odd, Password: odd, CA: ca, Server: "x.example"},
		{SSID: odd, Security: "ttls", Identity: odd, Password: odd, CA: ca},
	} {
		text, err := n.Format(Radio{Country: "FR"}, "/run/ca.pem")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "conf")
		if err := atomicfile.WriteVolatile(file, 0o600, atomicfile.Bytes([]byte(text))); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "-i", "absent0", "-D", "wired", "-c", file, "-dd").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Priority group 0") || strings.Contains(string(out), "Line ") && strings.Contains(string(out), "failed to parse") {
			t.Errorf("%+v: %v\n%s", n, err, out)
		}
	}
}

// The lines are those of wpa_supplicant 2.10.
func TestTheOutputTellsWhyTheBoxIsNotInTheWifi(t *testing.T) {
	const trying = "wlan0: SME: Trying to authenticate with 02:00:00:00:02:00 (SSID='CTRL-EVENT-EAP-FAILURE' freq=2412 MHz)\nwlan0: Trying to associate with 02:00:00:00:02:00\n"
	for _, c := range []struct{ output, want string }{
		{"Successfully initialized wpa_supplicant\n", "no_such_wifi"},
		{trying, "wifi_refused"},
		{trying + "wlan0: CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:02:00 status_code=17\n", "wifi_refused"},
		{trying + "wlan0: WPA: 4-Way Handshake failed - pre-shared key may be incorrect\n" + trying, "wifi_password"},
		{trying + "wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"x\" auth_failures=1 duration=10 reason=WRONG_KEY\n", "wifi_password"},
		{trying + "wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"reason=WRONG_KEY\" auth_failures=1 duration=10 reason=CONN_FAILED\n", "wifi_refused"},
		{trying + "wlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed\n", "wifi_password"},
		{trying + "wlan0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=1 subject='/CN=x' err='self-signed certificate'\nwlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed\n", "wifi_server"},
		{trying + "wlan0: CTRL-EVENT-ASSOC-REJECT status_code=1\nwlan0: CTRL-EVENT-EAP-FAILURE EAP\n", "wifi_password"},
		{trying + "wlan0: CTRL-EVENT-EAP-FAILURE EAP\nwlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:02:00 completed\n", "no_wifi_address"},
	} {
		for _, step := range []int{1, 7, len(c.output)} { // a pipe cuts anywhere
			w := &Watch{}
			for rest := c.output; rest != ""; rest = rest[min(step, len(rest)):] {
				if n, err := w.Write([]byte(rest[:min(step, len(rest))])); err != nil || n == 0 {
					t.Fatal(n, err)
				}
			}
			if got := errs.BodyOf(w.Cause()).Code; got != c.want {
				t.Errorf("%q by %d: got %s, want %s", c.output, step, got, c.want)
			}
		}
	}
}
