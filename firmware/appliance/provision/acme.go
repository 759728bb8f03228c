package provision

import (
	"time"

	"github.com/livelearn/box/services/acme"
	"github.com/livelearn/box/services/errs"
)

// ACME says where the box gets a certificate for its name in the school's domain. Browsers trust it, so
// they do not warn. The fields are those of acme.Config.
type ACME struct {
	Name      string // name of the box in the school's domain: "box7.school.example"; empty: no certificate
	Directory string // address of the authority, default that of Let's Encrypt
	Authority string // who signed the certificate of that address, as PEM; empty: the authorities of the internet
	Email     string // the authority writes there when something is wrong; empty: none

	DNSServer  string        // the server that takes updates of the name's zone: "ns1.school.example" or "10.0.0.5:53"
	DNSWait    time.Duration // until the zone's other servers have an update, default 30 s
	TSIGName   string        // name of the key for updates (RFC 8945); empty: updates are not signed
	TSIGKind   string        // its algorithm: "hmac-sha256", the default, "hmac-sha384" or "hmac-sha512"
	TSIGSecret Secret        // its secret, in base64
}

// Config returns the settings for the client of ACME. proxy is the web proxy of the box.
func (a ACME) Config(proxy string) acme.Config {
	return acme.Config{
		Name: a.Name, Directory: a.Directory, Authority: a.Authority, Email: a.Email, DNSServer: a.DNSServer, DNSWait: a.DNSWait,
		TSIGName: a.TSIGName, TSIGKind: a.TSIGKind, TSIGSecret: a.TSIGSecret.Reveal(), Proxy: proxy,
	}
}

// ValidateFor checks all fields. certificate is the file that gateway.certificate names. Errors do not
// contain the secret.
func (a ACME) ValidateFor(certificate string) error {
	if a.Name != "" && certificate != "" {
		return errs.NewField("", "acme.name", "conflict", 0, "gateway.certificate names a certificate already: set one of them")
	}
	return a.Config("").Validate()
}
