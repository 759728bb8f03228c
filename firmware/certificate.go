package firmware

import (
	"fmt"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/acme"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/health"
)

// certificateCheck is the name in health of the renewal.
const certificateCheck = "certificate_renewal"

// gatewayConfig is the package's Config. With ACME, the gateway serves the certificate that the box
// renews.
func (b *Box) gatewayConfig() gateway.Config {
	c := b.cfg.Gateway
	if b.cfg.ACME.Name != "" {
		c.Certificate = b.folder.PathOf(datafolder.ACMEPairFile)
		c.Key = c.Certificate
	}
	return c
}

// newCertificateRenewer returns the client of ACME, or nil where the configuration names no authority's
// certificate.
func (b *Box) newCertificateRenewer() *acme.Renewer {
	if b.cfg.ACME.Name == "" {
		return nil
	}
	return &acme.Renewer{
		Config: b.cfg.ACME.Config(b.cfg.Network.Proxy), Log: b.loggerFor("acme"), Report: b.reportCertificate,
		Files: acme.Files{
			Pair: b.folder.PathOf(datafolder.ACMEPairFile), Account: b.folder.PathOf(datafolder.ACMEAccountFile),
			Tries: b.folder.PathOf(datafolder.ACMETriesFile),
		},
	}
}

// reportCertificate puts the state of the renewal into health. The gateway itself warns before the
// present certificate ends, and then serves that of the box's own authority.
func (b *Box) reportCertificate(err error, ends, next time.Time) {
	if err == nil {
		b.health.SetCheck(certificateCheck, health.OK, "", "")
		return
	}
	has := "there is none yet"
	if !ends.IsZero() {
		has = "the present one ends on " + ends.UTC().Format(time.DateOnly)
	}
	b.health.SetCheck(certificateCheck, health.Warn, "certificate_not_renewed",
		fmt.Sprintf("%v; %s; the next try is at %s", err, has, next.UTC().Format(time.RFC3339)))
}
