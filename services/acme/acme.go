// Package acme keeps the certificate for a name of the school's fresh. It orders the certificate from
// an authority such as Let's Encrypt (RFC 8555). The proof that the name is the school's is a record
// in the school's DNS (dns-01), which it sets by a dynamic update (RFC 2136), so the box needs no port
// that the internet reaches.
//
//	Renewer -> authority: order           box: key, request
//	        -> DNS server: TXT record  <- authority looks
//	        <- authority: chain        -> one file, which the gateway reads again
//
// Package firmware runs the Renewer. The key of the certificate is made here and never leaves the box.
// When a renewal fails, the file stays as it is and Report has the reason.
package acme

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/livelearn/box/services/errs"
)

// Config says for which name there is a certificate, and where it comes from. Its zero value means
// none.
type Config struct {
	Name      string // name of the box in the school's domain: "box7.school.example"; empty: no certificate
	Directory string // address of the authority, default that of Let's Encrypt
	Authority string // who signed the certificate of that address, as PEM; empty: the authorities of the internet
	Email     string // the authority writes there when something is wrong; empty: none

	DNSServer  string        // the server that takes updates of the name's zone: "ns1.school.example" or "10.0.0.5:53"
	DNSWait    time.Duration // until the zone's other servers have an update, default 30 s
	TSIGName   string        // name of the key for updates (RFC 8945); empty: updates are not signed
	TSIGKind   string        // its algorithm: "hmac-sha256", the default, "hmac-sha384" or "hmac-sha512"
	TSIGSecret string        // its secret, in base64

	Proxy string // web proxy on the way to the authority; empty: none
}

const (
	letsEncrypt    = "https://acme-v02.api.letsencrypt.org/directory"
	defaultDNSWait = 30 * time.Second
	maxDNSWait     = 10 * time.Minute
	maxName        = 253 - len("_acme-challenge.") // RFC 1035 2.3.4
)

var (
	// namePattern matches a host name with a domain (RFC 1123 2.1).
	namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)
	tsigKinds   = map[string]string{"hmac-sha256": dns.HmacSHA256, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512}
)

// WithDefaults fills in empty fields.
func (c Config) WithDefaults() Config {
	c.Directory, c.TSIGKind = cmp.Or(c.Directory, letsEncrypt), cmp.Or(c.TSIGKind, "hmac-sha256")
	c.DNSWait = cmp.Or(c.DNSWait, defaultDNSWait)
	return c
}

// Validate checks all fields. Errors do not contain the secret.
func (c Config) Validate() error {
	bad := func(field, code string, limit int64, format string, args ...any) error {
		return errs.NewField("acme.Config", "acme."+field, code, limit, format, args...)
	}
	if c.Name == "" {
		if c != (Config{Proxy: c.Proxy}) {
			return bad("name", "missing", 0, `must be the name of the box in the school's domain, such as "box7.school.example"`)
		}
		return nil
	}
	c = c.WithDefaults()
	switch u, err := url.Parse(c.Directory); {
	case len(c.Name) > maxName || !namePattern.MatchString(c.Name):
		return bad("name", "bad_name", int64(maxName), `must be a name in small letters such as "box7.school.example", of at most %d characters`, maxName)
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		return bad("directory", "bad_url", 0, "must be an address that begins with https://")
	case c.Authority != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.Authority)):
		return bad("authority", "bad_certificate", 0, "must be certificates as PEM")
	case c.DNSWait < 0 || c.DNSWait > maxDNSWait:
		return bad("dns_wait", "out_of_range", int64(maxDNSWait), "must be 0s to %v", maxDNSWait)
	}
	if _, err := mail.ParseAddress(c.Email); c.Email != "" && err != nil {
		return bad("email", "bad_address", 0, "must be an address such as it@school.example")
	}
	if field, code, text := c.checkDNS(); field != "" {
		return bad(field, code, 0, "%s", text)
	}
	return nil
}

// checkDNS returns the field of the DNS server or its key that is wrong, or an empty name.
func (c Config) checkDNS() (field, code, text string) {
	_, validName := dns.IsDomainName(c.TSIGName)
	_, err := base64.StdEncoding.DecodeString(c.TSIGSecret)
	switch {
	case c.DNSServer == "":
		return "dns_server", "missing", "must be the DNS server that takes updates of the name's zone"
	case strings.ContainsAny(c.DNSServer, " /@"):
		return "dns_server", "bad_address", `must be a host or "host:port"`
	case tsigKinds[c.TSIGKind] == "":
		return "tsig_kind", "unknown", `must be "hmac-sha256", "hmac-sha384" or "hmac-sha512"`
	case (c.TSIGName == "") != (c.TSIGSecret == ""):
		return "tsig_secret", "missing", "name and secret of the key belong together: set both"
	case c.TSIGName != "" && !validName:
		return "tsig_name", "bad_name", "must be the name of the key as the DNS server has it"
	case err != nil:
		return "tsig_secret", "bad_base64", "must be base64"
	}
	return "", "", ""
}

// client returns the client of HTTP on the way to the authority.
func (c Config) client() *http.Client {
	tr := &http.Transport{TLSHandshakeTimeout: 20 * time.Second, ResponseHeaderTimeout: time.Minute, DisableKeepAlives: true}
	if c.Authority != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(c.Authority)) // Validate has checked it
		tr.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	if proxy, err := url.Parse(c.Proxy); err == nil && c.Proxy != "" {
		tr.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: tr, Timeout: 2 * time.Minute}
}

// dnsAddress returns the address of the DNS server with its port.
func (c Config) dnsAddress() string {
	if _, _, err := net.SplitHostPort(c.DNSServer); err == nil {
		return c.DNSServer
	}
	return net.JoinHostPort(strings.Trim(c.DNSServer, "[]"), "53")
}

// Files are the paths of what the Renewer keeps, in a folder that exists.
type Files struct {
	Pair    string // the certificate's chain and its key, as PEM. It is replaced whole
	Account string // the key of the account at the authority
	Tries   string // when the last tries were, so that a restart does not try sooner
}

// Renewer keeps the certificate fresh.
type Renewer struct {
	Config
	Files
	Log *slog.Logger
	// Report gets the state after each look: err is why the last renewal failed, or nil. ends is the end
	// of the present certificate, zero without one.
	Report func(err error, ends, next time.Time)

	clock func() time.Time // nil: time.Now
}

func (r *Renewer) now() time.Time {
	if r.clock != nil {
		return r.clock()
	}
	return time.Now()
}

// String returns the service's name.
func (r *Renewer) String() string { return "acme" }

// Serve renews the certificate whenever a third of its lifetime is left, until ctx ends.
func (r *Renewer) Serve(ctx context.Context) error {
	wait := firstLook
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = r.look(ctx)
	}
}
