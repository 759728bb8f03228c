package main

import (
	"crypto/x509"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func TestAnApplianceKnowsTheAuthoritiesOfTheWeb(t *testing.T) {
	pool, err := webRoots()
	if err != nil || pool.Equal(x509.NewCertPool()) {
		t.Fatalf("no authorities: %v", err)
	}
	left := map[string]bool{"ISRG Root X1": true, "DigiCert Global Root G2": true, "GTS Root R1": true}
	for r := range bundle.Roots() {
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if delete(left, c.Subject.CommonName); r.Constraint != nil {
			continue
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: c.NotBefore}); err != nil {
			t.Errorf("%s is not trusted: %v", c.Subject.CommonName, err)
		}
	}
	if len(left) > 0 {
		t.Errorf("missing: %v", left)
	}
}
