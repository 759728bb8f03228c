package scenario

import (
	"crypto/tls"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/acme/acmetest"
	"github.com/livelearn/box/services/timetest"
)

// TestABoxGetsItsCertificateByItself starts a box with a name in the school's domain. Browsers trust
// it under that name as soon as the authority has seen the record in DNS. Under its address, and before
// that, the box shows the certificate of its own authority.
func TestABoxGetsItsCertificateByItself(t *testing.T) {
	ns := acmetest.StartNameServer(t)
	ca := acmetest.StartAuthority(t, ns)
	box := boxtest.Start(
		t, t.TempDir(), "--set", "acme.name="+acmetest.Name, "--set", "acme.directory="+ca.Directory, "--set", "acme.authority="+ca.PEM,
		"--set", "acme.dns_server="+ns.Addr, "--set", "acme.dns_wait=1ms", "--set", "acme.tsig_name="+acmetest.Key, "--set", "acme.tsig_secret="+acmetest.Secret,
	)
	dial := func(name string) error {
		conn, err := tls.Dial("tcp", box.HTTPS, &tls.Config{RootCAs: ca.Roots, ServerName: name})
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	timetest.WaitUntil(t, "a certificate that is trusted", func() bool { return dial(acmetest.Name) == nil })
	if dial("livelearn.local") == nil || dial("127.0.0.1") == nil {
		t.Error("the certificate is shown under another name")
	}
	ada := box.ClaimBox("Ada")
	timetest.WaitUntil(t, "the renewal in health", func() bool {
		var ready struct {
			Checks []struct{ Name, Level string }
		}
		if _, err := ada.CallAPI("GET", "/readyz", nil, &ready); err != nil {
			t.Fatal(err)
		}
		for _, c := range ready.Checks {
			if c.Name == "certificate_renewal" {
				return c.Level == "ok"
			}
		}
		return false
	})
}
