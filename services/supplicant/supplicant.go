// Package supplicant has the settings of a Wi-Fi that the box joins and of a sign-in on a cable, and the
// language of wpa_supplicant, which does both: Format writes its configuration, and a Watch reads from
// its output why it did not join. The package runs nothing. The file on a card and package network use it.
package supplicant

import (
	"bytes"
	"cmp"
	"crypto/pbkdf2"
	//lint:ignore gosec the standard's own (IEEE 802.11 annex J.4)
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// How a Wi-Fi lets people in.
const (
	SecurityPSK  = "psk"  // one passphrase for all: WPA2 or WPA3
	SecurityPEAP = "peap" // a name and a password of each (802.1X), by PEAP and MSCHAPv2
	SecurityTTLS = "ttls" // a name and a password of each (802.1X), by TTLS and PAP
)

// Bounds of the settings, in bytes.
const (
	maxSSID     = 32  // IEEE 802.11 9.4.2.2
	maxIdentity = 253 // RFC 7542 2.2
	maxPassword = 255
	maxServer   = 253
	maxCA       = 32 << 10
	minPSK      = 8 // IEEE 802.11 annex J.4
	maxPSK      = 63
	rawPSK      = 64 // digits of a key that is no passphrase
)

// Mask stands for a password that is not shown.
const Mask = "********"

// Network is a Wi-Fi that the box joins. Its zero value is none.
type Network struct {
	SSID     string `json:"ssid,omitempty"`
	Security string `json:"security,omitempty"` // "psk", "peap" or "ttls"; empty: "psk"
	Identity string `json:"identity,omitempty"` // name of the box at the school's server; psk: none
	Password string `json:"password,omitempty"` // psk: 8 to 63 characters, or 64 hexadecimal digits
	CA       string `json:"ca,omitempty"`       // PEM: who signed the certificate of the school's server
	Server   string `json:"server,omitempty"`   // the name in that certificate, or the end of it; needs CA
}

// WithDefaults fills in empty fields.
func (n Network) WithDefaults() Network {
	if n != (Network{}) {
		n.Security = cmp.Or(n.Security, SecurityPSK)
	}
	return n
}

// IsUnchecked reports whether the box would tell its password to any access point that calls itself
// by the school's name.
func (n Network) IsUnchecked() bool { return n.Security == SecurityPEAP && n.CA == "" }

var serverPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

// Validate checks all fields. Errors name the field and do not contain the password.
func (n Network) Validate() error {
	const op = "supplicant"
	n = n.WithDefaults()
	if n.SSID == "" || len(n.SSID) > maxSSID {
		return errs.NewField(op, "ssid", "bad_ssid", maxSSID, "a network's name has 1 to %d bytes", maxSSID)
	}
	switch n.Security {
	case SecurityPSK:
		return n.validatePSK()
	case SecurityPEAP, SecurityTTLS:
		return n.validateEnterprise()
	}
	return errs.NewField(op, "security", "unknown", 0, `must be "psk", "peap" or "ttls"`)
}

func (n Network) validatePSK() error {
	const op = "supplicant"
	odd := strings.ContainsFunc(n.Password, func(r rune) bool { return r < ' ' || r > '~' })
	if size := len(n.Password); !isRawPSK(n.Password) && (size < minPSK || size > maxPSK || odd) {
		return errs.NewField(op, "password", "bad_passphrase", maxPSK, "a passphrase has %d to %d letters, digits and signs without accents", minPSK, maxPSK)
	}
	for field, value := range map[string]string{"identity": n.Identity, "ca": n.CA, "server": n.Server} {
		if value != "" {
			return errs.NewField(op, field, "not_here", 0, "a Wi-Fi with one passphrase for all has no %s", field)
		}
	}
	return nil
}

func (n Network) validateEnterprise() error {
	const op = "supplicant"
	switch {
	case n.Identity == "" || len(n.Identity) > maxIdentity:
		return errs.NewField(op, "identity", "bad_identity", maxIdentity, "the name has 1 to %d bytes", maxIdentity)
	case n.Password == "" || len(n.Password) > maxPassword:
		return errs.NewField(op, "password", "bad_password", maxPassword, "the password has 1 to %d bytes", maxPassword)
	case len(n.CA) > maxCA:
		return errs.NewField(op, "ca", "too_long", maxCA, "the certificates have at most %d bytes", maxCA)
	case n.CA == "" && n.Security == SecurityTTLS:
		// TTLS with PAP sends the password itself.
		return errs.NewField(op, "ca", "no_ca", 0, "ttls sends the password itself, so it needs the certificate of who signed for the school's server")
	case n.CA == "" && n.Server != "":
		return errs.NewField(op, "ca", "no_ca", 0, "the name of a server is checked with a certificate only")
	case n.Server != "" && (len(n.Server) > maxServer || !serverPattern.MatchString(n.Server)):
		return errs.NewField(op, "server", "bad_server", maxServer, `must be a name such as "radius.school.example"`)
	}
	if _, err := n.Certificates(); n.CA != "" && err != nil {
		return errs.NewField(op, "ca", "bad_certificate", maxCA, "the certificates: %v", err)
	}
	return nil
}

// Certificates returns the certificates of CA alone, as PEM.
func (n Network) Certificates() ([]byte, error) {
	var out bytes.Buffer
	for rest := []byte(n.CA); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a %q is no certificate", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, err
		}
		out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if out.Len() == 0 {
		return nil, errors.New(`no "BEGIN CERTIFICATE" is there`)
	}
	return out.Bytes(), nil
}

// isRawPSK reports whether a text is a key of 256 bits instead of a passphrase.
func isRawPSK(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == rawPSK
}

// Radio is what Format must know of the radio.
type Radio struct {
	Country string // two capital letters, or empty
	Plain   bool   // knows neither WPA3 nor protected management frames, as the radio of a Raspberry Pi
}

// Format returns the configuration of wpa_supplicant (wpa_supplicant.conf in its source) for a valid
// network. Each text of a person is in hexadecimal digits, which wpa_supplicant takes in place of a
// quoted text, so that none can end its line. caFile is the file with Certificates.
//
// A board without a clock gets the time from the network, so certificates are not checked for their time.
func (n Network) Format(r Radio, caFile string) (string, error) {
	if err := n.Validate(); err != nil {
		return "", err
	}
	n = n.WithDefaults()
	var b strings.Builder
	if r.Country != "" {
		fmt.Fprintf(&b, "country=%s\n", r.Country)
	}
	fmt.Fprintf(&b, "p2p_disabled=1\nnetwork={\nssid=%x\nscan_ssid=1\nproto=RSN\n", n.SSID)
	if !r.Plain {
		b.WriteString("ieee80211w=1\n")
	}
	if n.Security == SecurityPSK {
		if err := n.formatPSK(&b, r); err != nil {
			return "", err
		}
	} else {
		n.formatEnterprise(&b, r, caFile)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func (n Network) formatPSK(b *strings.Builder, r Radio) error {
	if isRawPSK(n.Password) {
		fmt.Fprintf(b, "key_mgmt=WPA-PSK\npsk=%s\n", n.Password)
		return nil
	}
	key, err := pbkdf2.Key(sha1.New, n.Password, []byte(n.SSID), 4096, 32) // IEEE 802.11 annex J.4
	if err != nil {
		return err
	}
	if r.Plain {
		fmt.Fprintf(b, "key_mgmt=WPA-PSK\npsk=%x\n", key)
		return nil
	}
	fmt.Fprintf(b, "key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\npsk=%x\nsae_password=%x\n", key, n.Password)
	return nil
}

func (n Network) formatEnterprise(b *strings.Builder, r Radio, caFile string) {
	keys := "WPA-EAP WPA-EAP-SHA256"
	if r.Plain {
		keys = "WPA-EAP"
	}
	n.formatEAP(b, keys, caFile)
}

func (n Network) formatEAP(b *strings.Builder, keys, caFile string) {
	method, inner := "PEAP", "MSCHAPV2"
	if n.Security == SecurityTTLS {
		method, inner = "TTLS", "PAP"
	}
	fmt.Fprintf(b, "key_mgmt=%s\neap=%s\nphase1=\"tls_disable_time_checks=1\"\nphase2=\"auth=%s\"\nidentity=%x\npassword=%x\n", keys, method, inner, n.Identity, n.Password)
	if n.CA != "" {
		fmt.Fprintf(b, "ca_cert=%x\n", caFile)
	}
	if n.Server != "" {
		fmt.Fprintf(b, "domain_suffix_match=%x\n", n.Server)
	}
}
