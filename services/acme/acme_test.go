package acme

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/acme/acmetest"
	"github.com/livelearn/box/services/errs"
)

const testName = acmetest.Name

// report is what a Renewer reported last.
type report struct {
	err        error
	ends, next time.Time
}

func newRenewer(t *testing.T, ns *acmetest.NameServer, ca *acmetest.Authority) (*Renewer, *report) {
	t.Helper()
	dir, last := t.TempDir(), &report{}
	return &Renewer{
		Config: Config{
			Name: testName, Directory: ca.Directory, Authority: ca.PEM, Email: "it@school.example",
			DNSServer: ns.Addr, DNSWait: time.Millisecond, TSIGName: "LiveLearn-box7", TSIGSecret: acmetest.Secret,
		},
		Files:  Files{Pair: filepath.Join(dir, "acme.pem"), Account: filepath.Join(dir, "account.key"), Tries: filepath.Join(dir, "tries.json")},
		Log:    slog.New(slog.DiscardHandler),
		Report: func(err error, ends, next time.Time) { *last = report{err, ends, next} },
	}, last
}

// TestANameOfTheSchoolGetsACertificate orders at Pebble, the test server of Let's Encrypt, which asks
// a DNS server for the proof.
func TestANameOfTheSchoolGetsACertificate(t *testing.T) {
	ns := acmetest.StartNameServer(t)
	ca := acmetest.StartAuthority(t, ns)
	r, last := newRenewer(t, ns, ca)
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	next := r.look(t.Context())
	if last.err != nil || next < time.Minute {
		t.Fatal(last.err, next)
	}
	first := ca.VerifyFile(t, r.Pair)
	if !last.ends.Equal(first.NotAfter) {
		t.Errorf("reported %v, ends %v", last.ends, first.NotAfter)
	}
	if left := ns.Texts(); len(left) != 0 || ns.Updates() != 2 {
		t.Errorf("%d updates, these records stay: %v", ns.Updates(), left)
	}
	if info, err := os.Stat(r.Pair); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	account, err := os.ReadFile(r.Account)
	if err != nil {
		t.Fatal(err)
	}
	if r.look(t.Context()); ca.VerifyFile(t, r.Pair).SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("a certificate that is not due was renewed")
	}
	if err := os.Remove(r.Pair); err != nil {
		t.Fatal(err)
	}
	r.look(t.Context())
	second := ca.VerifyFile(t, r.Pair)
	if second.SerialNumber.Cmp(first.SerialNumber) == 0 || bytes.Equal(second.RawSubjectPublicKeyInfo, first.RawSubjectPublicKeyInfo) {
		t.Error("the second certificate is the first, or has its key")
	}
	if again, err := os.ReadFile(r.Account); err != nil || !bytes.Equal(account, again) {
		t.Error("the second order made a second account", err)
	}
}

// A failure keeps the certificate, says why and leaves the authority in peace until the pause is over,
// also after a restart.
func TestAFailureKeepsTheOldCertificateAndWaits(t *testing.T) {
	ns := acmetest.StartNameServer(t)
	ca := acmetest.StartAuthority(t, ns)
	for _, test := range []struct {
		name, want string
		spoil      func(*Renewer)
	}{
		{"another key for updates", "NOTAUTH", func(r *Renewer) { r.TSIGSecret = "b3RoZXI=" }},
		{"unsigned updates", "REFUSED", func(r *Renewer) { r.TSIGName, r.TSIGSecret = "", "" }},
		{"a name of another zone", "has no zone", func(r *Renewer) { r.Name = "box7.other.example" }},
		{"no DNS server", "refused", func(r *Renewer) { r.DNSServer = "127.0.0.1:1" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, last := newRenewer(t, ns, ca)
			test.spoil(r)
			writeOldPair(t, r)
			old, _ := os.ReadFile(r.Pair)
			if wait := r.look(t.Context()); wait != firstPause || last.err == nil || !strings.Contains(last.err.Error(), test.want) {
				t.Fatalf("%v, wait %v", last.err, wait)
			}
			if now, _ := os.ReadFile(r.Pair); !bytes.Equal(old, now) || last.ends.IsZero() {
				t.Error("the old certificate is gone")
			}
			asked := ns.Updates()
			again, second := newRenewer(t, ns, ca)
			again.Config, again.Files = r.Config, r.Files
			if wait := again.look(t.Context()); wait > firstPause || wait < firstPause/2 || second.err != errWaiting || ns.Updates() != asked {
				t.Errorf("after a restart: wait %v, %v", wait, second.err)
			}
		})
	}
}

// A box without a network or a clock asks again soon, because the authority has counted nothing.
func TestAnAuthorityThatIsNotReachedIsAskedAgainSoon(t *testing.T) {
	ns := acmetest.StartNameServer(t)
	for name, spoil := range map[string]func(*Renewer){
		"not trusted": func(r *Renewer) { r.Authority = "" },
		"not there":   func(r *Renewer) { r.Directory = "https://127.0.0.1:1/directory" },
	} {
		r, last := newRenewer(t, ns, acmetest.StartAuthority(t, ns))
		spoil(r)
		if wait := r.look(t.Context()); wait != reachPause || last.err == nil || !last.ends.IsZero() {
			t.Errorf("%s: wait %v, %v", name, wait, last)
		}
		if _, err := os.Stat(r.Tries); err == nil || ns.Updates() != 0 {
			t.Errorf("%s: the try counts, or DNS was changed", name)
		}
	}
}

// A box whose clock is years ahead would order one certificate after the other.
func TestACertificateThatIsDueAtOnceCountsAsAFailure(t *testing.T) {
	ns := acmetest.StartNameServer(t)
	r, last := newRenewer(t, ns, acmetest.StartAuthority(t, ns))
	r.clock = func() time.Time { return time.Now().AddDate(4, 0, 0) }
	if wait := r.look(t.Context()); wait != firstPause || last.err != errDue {
		t.Fatalf("wait %v, %v", wait, last.err)
	}
	if wait := r.look(t.Context()); wait < firstPause/2 || last.err != errWaiting || ns.Updates() != 2 {
		t.Errorf("again: wait %v, %v, %d updates", wait, last.err, ns.Updates())
	}
}

func TestAProofThatTheAuthorityDoesNotSeeIsAFailure(t *testing.T) {
	ns := acmetest.StartNameServer(t)
	ns.Hide.Store(true)
	r, last := newRenewer(t, ns, acmetest.StartAuthority(t, ns))
	r.look(t.Context())
	if last.err == nil || !strings.Contains(last.err.Error(), "_acme-challenge."+testName) {
		t.Error(last.err)
	}
	if left := ns.Texts(); len(left) != 0 || ns.Updates() != 2 {
		t.Errorf("%d updates, these records stay: %v", ns.Updates(), left)
	}
}

// writeOldPair writes a certificate whose last third has begun.
func writeOldPair(t *testing.T, r *Renewer) {
	t.Helper()
	writeTestPair(t, r, r.Name, time.Now().Add(-70*24*time.Hour), time.Now().Add(20*24*time.Hour))
}

func writeTestPair(t *testing.T, r *Renewer, name string, from, to time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	as := *r
	as.Name = name
	if err := as.writePair([][]byte{der}, key); err != nil {
		t.Fatal(err)
	}
}

func TestACertificateIsDueWhenAThirdOfItsLifeIsLeft(t *testing.T) {
	r := &Renewer{Config: Config{Name: testName}, Files: Files{Pair: filepath.Join(t.TempDir(), "acme.pem")}}
	day, now := 24*time.Hour, time.Now()
	for _, test := range []struct {
		name     string
		from, to time.Duration
		want     bool
	}{
		{testName, -59 * day, 31 * day, false},
		{testName, -61 * day, 29 * day, true},
		{testName, -4 * day, 3 * day, false}, // of a profile of a week
		{testName, -5 * day, 2 * day, true},
		{testName, -91 * day, -day, true},
		{"box8.school.example", -day, 89 * day, true},
	} {
		writeTestPair(t, r, test.name, now.Add(test.from), now.Add(test.to))
		if _, due := r.checkPair(now); due != test.want {
			t.Errorf("%s from %v to %v: due %v", test.name, test.from, test.to, due)
		}
	}
	if err := os.WriteFile(r.Pair, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, due := r.checkPair(now); !due {
		t.Error("a damaged file is not due")
	}
}

func TestACertificateForAnotherKeyOrNameIsRefused(t *testing.T) {
	dir := t.TempDir()
	r := &Renewer{Config: Config{Name: testName}, Files: Files{Pair: filepath.Join(dir, "acme.pem")}}
	writeTestPair(t, r, testName, time.Now(), time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(r.Pair, r.Pair)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.writePair(pair.Certificate, other); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Error("another key:", err)
	}
	r.Name = "box8.school.example"
	if err := r.writePair(pair.Certificate, pair.PrivateKey.(*ecdsa.PrivateKey)); err == nil || !strings.Contains(err.Error(), "box8") {
		t.Error("another name:", err)
	}
	if err := r.writePair(nil, other); err == nil {
		t.Error("no certificate at all is accepted")
	}
}

func TestThePauseDoublesToADay(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: 0, 1: time.Hour, 2: 2 * time.Hour, 5: 16 * time.Hour, 6: 24 * time.Hour, 1000: 24 * time.Hour} {
		if got := (tries{Failures: failures}).pause(); got != want {
			t.Errorf("after %d failures %v, want %v", failures, got, want)
		}
	}
}

func TestSettingsThatCannotWorkAreRefusedByName(t *testing.T) {
	good := Config{Name: testName, DNSServer: "ns1.school.example", TSIGName: "key", TSIGSecret: acmetest.Secret}
	if err := errsOf(good.Validate(), Config{}.Validate(), Config{Proxy: "http://proxy:3128"}.Validate()); err != nil {
		t.Error(err)
	}
	for field, spoil := range map[string]func(*Config){
		"acme.name":        func(c *Config) { c.Name = "Box7" },
		"acme.directory":   func(c *Config) { c.Directory = "http://ca.example/directory" },
		"acme.authority":   func(c *Config) { c.Authority = "my authority" },
		"acme.email":       func(c *Config) { c.Email = "somebody" },
		"acme.dns_server":  func(c *Config) { c.DNSServer = "" },
		"acme.dns_wait":    func(c *Config) { c.DNSWait = time.Hour },
		"acme.tsig_name":   func(c *Config) { c.TSIGName = "a..b" },
		"acme.tsig_kind":   func(c *Config) { c.TSIGKind = "hmac-md5" },
		"acme.tsig_secret": func(c *Config) { c.TSIGSecret = "ö" },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); errs.BodyOf(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := (Config{DNSServer: "ns1"}).Validate(); errs.BodyOf(err).Field != "acme.name" {
		t.Error("no name:", err)
	}
}

func errsOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
