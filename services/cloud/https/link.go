package https

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

const (
	maxLink = 2000 // bytes
	codeLen = 20   // characters of base32 (RFC 4648): 100 bits
	maxName = 255  // bytes of a school's name
)

// ParseLink splits an enrolment link: https://host:port/#CODE or https://host:port/#CODE.PIN.
// address has no fragment. pin may be empty.
func ParseLink(link string) (address, code, pin string, err error) {
	link = strings.TrimSpace(link)
	if len(link) > maxLink {
		return "", "", "", errs.NewField(op, "link", "too_long", maxLink, "%d bytes, at most %d", len(link), maxLink)
	}
	at, secret, found := strings.Cut(link, "#")
	if address, err = checkAddress("link", at); err != nil {
		return "", "", "", err
	}
	if !found || secret == "" {
		return "", "", "", errs.NewField(op, "code", "missing", 0, "the link has no code: copy all of it, also the part after the #")
	}
	code, pin, pinned := strings.Cut(secret, ".")
	if code, err = checkCode(code); err != nil {
		return "", "", "", err
	}
	if pinned {
		if _, err := parsePin(pin); err != nil {
			return "", "", "", err
		}
	}
	return address, code, pin, nil
}

// FormatLink returns the link of an enrolment code.
func FormatLink(address, code, pin string) string {
	link := strings.TrimRight(address, "/") + "/#" + code
	if pin != "" {
		link += "." + pin
	}
	return link
}

// PinOf returns the pin of a public key. spki is the SubjectPublicKeyInfo of its certificate.
func PinOf(spki []byte) string {
	sum := sha256.Sum256(spki)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func parseAddress(text string) (string, error) { return checkAddress("url", text) }

// checkAddress checks an address and returns its normal form.
func checkAddress(field, text string) (string, error) {
	bad := func(code, format string, args ...any) (string, error) {
		return "", errs.NewField(op, field, code, 0, format, args...)
	}
	u, err := url.Parse(text)
	switch {
	case len(text) > maxLink:
		return "", errs.NewField(op, field, "too_long", maxLink, "%d bytes, at most %d", len(text), maxLink)
	case err != nil || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return bad("bad_url", "is not an address such as https://cloud.example:8443/")
	case u.Scheme != "https":
		return bad("no_https", "must begin with https://")
	case u.Hostname() == "" || u.Opaque != "":
		return bad("no_host", "names no host")
	case u.User != nil:
		return bad("has_user", "must not contain a user or a password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return bad("has_query", "must not contain a query or a fragment")
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0) || strings.HasSuffix(u.Host, ":") {
		return bad("bad_port", "the port must be a number from 1 to 65535")
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), nil
}

// checkCode returns the normal form of a code. People may type small letters and groups.
func checkCode(code string) (string, error) {
	code = strings.ToUpper(strings.ReplaceAll(code, "-", ""))
	if len(code) != codeLen {
		return "", errs.NewField(op, "code", "bad_length", codeLen, "the code has %d characters and should have %d: copy all of the link", len(code), codeLen)
	}
	for i := range len(code) {
		if c := code[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return "", errs.NewField(op, "code", "bad_code", 0, "the code has only the letters A to Z and the digits 2 to 7")
		}
	}
	return code, nil
}

func parsePin(pin string) ([]byte, error) {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(pin)
	if err != nil || len(sum) != sha256.Size {
		return nil, errs.NewField(op, "pin", "bad_pin", 0, "the part after the dot must be 43 letters and digits: copy all of the link")
	}
	return sum, nil
}

// Enrol makes a new key, enrols the box with it at the cloud of the link, and returns the Link
// for the box to store. It takes the proxy and the dialer of cfg.
func Enrol(ctx context.Context, link string, self cloud.Self, cfg Config) (cloud.Link, error) {
	at, code, pin, err := ParseLink(link)
	if err != nil {
		return cloud.Link{}, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return cloud.Link{}, errs.New(op, errs.Internal, err)
	}
	cfg.URL, cfg.Pin, cfg.Box, cfg.Key, cfg.Version = at, pin, self.Box, private, self.Version
	c, err := New(cfg)
	if err != nil {
		return cloud.Link{}, err
	}
	defer c.Close()
	body, err := json.Marshal(Enrolment{Code: code, Box: self.Box, Name: self.Name, Version: self.Version, Key: public})
	if err != nil {
		return cloud.Link{}, errs.New(op, errs.Internal, err)
	}
	var e Enrolled
	if err := c.sendRequest(ctx, "", request{path: "/v1/enrol", kind: typeJSON, body: body}, &e); err != nil {
		return cloud.Link{}, err
	}
	if e.School == "" || len(e.School) > maxName {
		return cloud.Link{}, errStrange("a school's name of %d bytes", len(e.School))
	}
	_, host, _ := strings.Cut(at, "://")
	return cloud.Link{Way: cloud.WayHTTPS, Box: self.Box, Where: host, URL: at, Pin: pin, Key: private.Seed(), School: e.School}, nil
}
