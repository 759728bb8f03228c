package main

import (
	"crypto/x509"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// webRoots returns the certificate authorities that Mozilla trusts.
func webRoots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for r := range bundle.Roots() {
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			return nil, err
		}
		if r.Constraint == nil {
			pool.AddCert(c)
		} else {
			pool.AddCertWithConstraint(c, r.Constraint)
		}
	}
	return pool, nil
}

// trustWeb installs webRoots as a fallback for systems without a list of their own. An appliance
// has no such list, and fetches updates over https.
var trustWeb = sync.OnceValue(func() error {
	pool, err := webRoots()
	if err == nil {
		x509.SetFallbackRoots(pool)
	}
	return err
})
