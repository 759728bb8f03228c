package supplicant

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

func TestAFaultOfASignInNamesItsFieldAndNotThePassword(t *testing.T) {
	const canary = "canary pass"
	ca := newCA(t)
	for _, c := range []struct {
		in          SignIn
		field, code string
	}{
		{SignIn{Password: canary}, "identity", "bad_identity"},
		{SignIn{Identity: strings.Repeat("x", maxIdentity+1), Password: canary}, "identity", "bad_identity"},
		{SignIn{Identity: "box"}, "password", "bad_password"},
		{SignIn{Security: "psk", Identity: "box", Password: canary}, "security", "unknown"},
		{SignIn{Security: "ttls", Identity: "box", Password: canary}, "ca", "no_ca"},
		{SignIn{Identity: "box", Password: canary, CA: "canary"}, "ca", "bad_certificate"},
		{SignIn{Identity: "box", Password: canary, CA: ca, Server: "a b"}, "server", "bad_server"},
		{SignIn{}, "", ""},
		{SignIn{Identity: "box", Password: canary}, "", ""},
		{SignIn{Security: "ttls", Identity: "box", Password: canary, CA: ca, Server: "radius.example"}, "", ""},
	} {
		err := c.in.Validate()
		if b := errs.BodyOf(err); (err != nil) != (c.field != "") || err != nil && (b.Field != c.field || b.Code != c.code || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%+v: %v, want %s of %s", c.in, err, c.code, c.field)
		}
	}
}

// cableLines are all lines that a configuration may have.
var cableLines = regexp.MustCompile(`\Aap_scan=0\nnetwork=\{\neapol_flags=0\nkey_mgmt=IEEE8021X\neap=(PEAP|TTLS)\nphase1="tls_disable_time_checks=1"\n` +
	`phase2="auth=(MSCHAPV2|PAP)"\nidentity=([0-9a-f]{2})+\npassword=([0-9a-f]{2})+\n(ca_cert=([0-9a-f]{2})+\n)?(domain_suffix_match=([0-9a-f]{2})+\n)?\}\n\z`)

// FuzzSignIn checks that no text of a person adds or changes a line of the configuration.
func FuzzSignIn(f *testing.F) {
	ca := newCA(f)
	for _, s := range []string{"box", "a\"\n}\nnetwork={\nkey_mgmt=NONE", "é\x00", "ext:x", "hash:00", "#"} {
		f.Add("peap", s, s, "")
		f.Add("ttls", s, s, s)
	}
	f.Fuzz(func(t *testing.T, security, identity, password, server string) {
		s := SignIn{Security: security, Identity: identity, Password: password, Server: server}
		if server != "" || security == SecurityTTLS {
			s.CA = ca
		}
		if text, err := s.Format("/run/ca.pem"); err == nil && s != (SignIn{}) && !cableLines.MatchString(text) {
			t.Fatalf("%+v: %s", s, text)
		}
	})
}

// wpa_supplicant itself reads each configuration. Without the port it ends behind that.
func TestWPASupplicantReadsTheSignIn(t *testing.T) {
	program, err := exec.LookPath("wpa_supplicant")
	if err != nil {
		t.Skip("no wpa_supplicant: apt-get install wpasupplicant")
	}
	odd := "a\"\n}\nnetwork={\n#é"
	for _, s := range []SignIn{
		{Identity: odd, Password: odd},
		{Security: "ttls", Identity: odd, Password: odd, CA: newCA(t), Server: "x.example"},
	} {
		text, err := s.Format("/run/ca.pem")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "conf")
		if err := atomicfile.WriteVolatile(file, 0o600, atomicfile.Bytes([]byte(text))); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "-i", "absent0", "-D", "wired", "-c", file, "-dd").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Priority group 0") || strings.Contains(string(out), "failed to parse") {
			t.Errorf("%+v: %v\n%s", s, err, out)
		}
	}
}

// The lines are those of wpa_supplicant 2.10.
func TestTheOutputTellsHowTheSignInGoes(t *testing.T) {
	const asked = "eth0: Associated with 01:80:c2:00:00:03\neth0: CTRL-EVENT-EAP-STARTED EAP authentication started\n"
	const failed = "eth0: CTRL-EVENT-EAP-FAILURE EAP authentication failed\n"
	const done = "eth0: CTRL-EVENT-EAP-SUCCESS EAP authentication completed successfully\n"
	for _, c := range []struct{ output, want string }{
		{"eth0: Associated with 01:80:c2:00:00:03\n", CableUnasked},
		{asked, CableAsked},
		{asked + done, CableDone},
		{asked + done + asked, CableDone},
		{asked + failed, CablePassword},
		{asked + failed + asked, CablePassword},
		{asked + failed + done, CableDone},
		{asked + "eth0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=x' err='self-signed certificate'\n" + failed, CableServer},
		{"CTRL-EVENT-EAP-SUCCESS\nLine 4: CTRL-EVENT", CableUnasked},
	} {
		w := &CableWatch{}
		for rest := c.output; rest != ""; rest = rest[min(7, len(rest)):] { // a pipe cuts anywhere
			if n, err := w.Write([]byte(rest[:min(7, len(rest))])); err != nil || n == 0 {
				t.Fatal(n, err)
			}
		}
		if got := w.State(); got != c.want {
			t.Errorf("%q: got %s, want %s", c.output, got, c.want)
		}
	}
}
