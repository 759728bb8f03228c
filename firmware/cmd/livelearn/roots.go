package main

import (
	"crypto/x509"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// webRoots are the authorities that vouch for servers on the web, as Mozilla trusts them.
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

// trustWeb has the program know them where the system has no list of its own: an appliance
// has no files but ours, and fetches updates over https.
var trustWeb = sync.OnceValue(func() error {
	pool, err := webRoots()
	if err == nil {
		x509.SetFallbackRoots(pool)
	}
	return err
})
