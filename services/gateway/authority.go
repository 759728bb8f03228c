package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	leafSoon = 30 * 24 * time.Hour // a leaf with less left is made anew
)

// authority is the box's own certificate authority: one a box, made at the first start,
// never leaving it. Its name constraints let it speak for private addresses and local
// names only, so that whoever trusts it trusts the box and nothing else.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string

	mu   sync.Mutex // guards the fields below
	leaf *tls.Certificate
	ips  []net.IP // that leaf is good for
}

func newAuthority(dir string, names []string) (*authority, error) {
	a := &authority{names: append([]string{"localhost", "livelearn.local", "livelearn.home"}, names...)}
	err := a.load(dir)
	if _, unreadable := errors.AsType[*fs.PathError](err); err != nil && !unreadable {
		err = aside(dir) // a power cut left half a file
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create(dir)
	}
	if err != nil {
		return nil, errs.New("gateway.authority", errs.Down, err)
	}
	a.names = slices.DeleteFunc(a.names, func(name string) bool { return !permits(a.cert, name) })
	_, err = a.certificate(nil)
	return a, err
}

// permits tells that the authority may sign for a name. One that it may not would spoil
// the whole certificate, and a new authority would cost every device its trust: a name
// that the configuration got later has no HTTPS.
func permits(ca *x509.Certificate, name string) bool {
	return slices.ContainsFunc(ca.PermittedDNSDomains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// aside keeps what cannot be read under another name. It answers fs.ErrNotExist: nothing
// is there any more.
func aside(dir string) error {
	for _, name := range []string{"ca.key", "ca.crt"} {
		path := filepath.Join(dir, name)
		err := os.Rename(path, path+".damaged-"+time.Now().UTC().Format("20060102T150405Z"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fs.ErrNotExist
}

func (a *authority) load(dir string) error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"))
	if err != nil {
		return err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("ca.key: not an ECDSA key")
	}
	a.cert, a.key = pair.Leaf, key
	return nil
}

func (a *authority) create(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "LiveLearn Box " + rand.Text()[:6]},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(caLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		// RFC 5280 section 4.2.1.10
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: a.names, PermittedIPRanges: private(),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	a.key = key
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeWhole(dir, "ca.key", &pem.Block{Type: "PRIVATE KEY", Bytes: raw}); err != nil {
		return err
	}
	return writeWhole(dir, "ca.crt", &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// writeWhole writes a file that appears whole or not at all, for the box's eyes only.
func writeWhole(dir, name string, block *pem.Block) error {
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	err = errors.Join(pem.Encode(f, block), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// private is loopback, link-local and the private ranges of RFC 1918 and RFC 4193.
func private() (out []*net.IPNet) {
	for _, s := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			panic(err) // our own words
		}
		out = append(out, n)
	}
	return out
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand never fails (Go 1.24)
	}
	return n
}

// certificate is the present leaf, made anew when the addresses of the box changed or
// its time runs out.
func (a *authority) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ips := addresses()
	if a.leaf != nil && time.Until(a.leaf.Leaf.NotAfter) > leafSoon && slices.EqualFunc(ips, a.ips, net.IP.Equal) {
		return a.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "LiveLearn Box"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(leafLife), DNSNames: a.names, IPAddresses: ips,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.leaf, a.ips = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, ips
	return a.leaf, nil
}

// addresses is the box's own addresses that a leaf may name, loopback first.
func addresses() []net.IP {
	out := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return out
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && (n.IP.IsPrivate() || n.IP.IsLinkLocalUnicast()) {
			out = append(out, n.IP)
		}
	}
	return out
}
