package gateway

import (
	"crypto/tls"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/certfile"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
)

// certificateWarning is how long before its end a certificate of the school's is in health.
const certificateWarning = 14 * 24 * time.Hour

// openSchoolCertificate opens the configured certificate for a name of the school's. Files that
// cannot be read are in health, and are tried again when they change.
func (g *Gateway) openSchoolCertificate() {
	if g.cfg.Certificate == "" {
		return
	}
	load := func() (tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(g.cfg.Certificate, g.cfg.Key)
		g.noteCertificateFault(err)
		return cert, err
	}
	// load notes the fault, and the next change of the files is another try.
	source, _ := certfile.Open(load, func(error) {}, g.cfg.Certificate, g.cfg.Key)
	g.mu.Lock()
	g.school = source
	g.mu.Unlock()
	g.checkSchoolCertificate()
}

// noteCertificateFault keeps why the files cannot be read, and logs a new reason once.
func (g *Gateway) noteCertificateFault(err error) {
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	g.mu.Lock()
	isNew := fault != g.certificateFault
	g.certificateFault = fault
	g.mu.Unlock()
	if isNew && fault != "" {
		g.Log.Warn("the certificate cannot be read", "err", fault)
	}
}

// schoolCertificate returns the certificate for a name of the school's, or nil.
func (g *Gateway) schoolCertificate() *tls.Certificate {
	g.mu.Lock()
	source := g.school
	g.mu.Unlock()
	if source == nil {
		return nil
	}
	return source.Certificate()
}

// chooseCertificate is the hook of crypto/tls. A name of the school's certificate gets it.
// Everything else gets one of the box's own authority.
func (g *Gateway) chooseCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := g.schoolCertificate(); c != nil && hello.ServerName != "" && c.Leaf.VerifyHostname(hello.ServerName) == nil {
		return c, nil
	}
	g.mu.Lock()
	own := g.authority
	g.mu.Unlock()
	return own.getCertificate(hello)
}

// schoolName returns the name of the box in the school's certificate: the first one without a
// wildcard, or the first configured host that the certificate covers. It is empty without one, and
// once the certificate has ended.
func (g *Gateway) schoolName() string {
	c := g.schoolCertificate()
	if c == nil || time.Now().After(c.Leaf.NotAfter) {
		return ""
	}
	for _, name := range slices.Concat(c.Leaf.DNSNames, g.cfg.Hosts) {
		if !strings.Contains(name, "*") && c.Leaf.VerifyHostname(name) == nil {
			return strings.ToLower(name)
		}
	}
	return ""
}

// schoolOrigin returns the origin of HTTPS under the school's name, or an empty text.
func (g *Gateway) schoolOrigin() string {
	_, secure := g.Addrs()
	name := g.schoolName()
	if name == "" || secure == "" {
		return ""
	}
	return httpapi.HostOrigin(name, "https", secure)
}

// checkSchoolCertificate sets and clears the warning about the certificate.
func (g *Gateway) checkSchoolCertificate() {
	c := g.schoolCertificate()
	g.mu.Lock()
	fault := g.certificateFault
	g.mu.Unlock()
	switch {
	case fault != "":
		g.Health.SetCheck("certificate", health.Warn, "certificate_unreadable", fault)
	case c == nil:
	case time.Until(c.Leaf.NotAfter) < certificateWarning:
		g.Health.SetCheck("certificate", health.Warn, "certificate_ends", "it ends on "+c.Leaf.NotAfter.UTC().Format(time.DateOnly)+": renew the files of gateway.certificate and gateway.key")
	default:
		g.Health.SetCheck("certificate", health.OK, "", "")
	}
}
