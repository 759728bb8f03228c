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
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/fingerprint"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/signin"
)

const (
	caLifetime      = 10 * 365 * 24 * time.Hour
	leafLifetime    = 90 * 24 * time.Hour
	leafRenewBefore = 30 * 24 * time.Hour // a leaf with less time left is replaced
)

// authority is the certificate authority of this box. The box makes it at the first start, and
// its key never leaves the box. Its name constraints cover private addresses and local names
// only. A device that trusts it therefore trusts this box and no other host.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string        // of the configuration
	local func() []string // follow the name of the box
	// describe computes the words once, because the hash is slow.
	describe func() signin.Authority

	mu   sync.Mutex // guards the fields below
	leaf *tls.Certificate
	ips  []net.IP // the addresses in leaf
}

func newAuthority(dir string, names []string, local func() []string) (*authority, error) {
	a := &authority{names: append([]string{"localhost", "livelearn.local", "livelearn.home"}, names...), local: local}
	err := a.loadCA(dir)
	if _, unreadable := errors.AsType[*fs.PathError](err); err != nil && !unreadable {
		err = setAsideDamaged(dir) // a power cut left half a file
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = a.createCA(dir)
	}
	if err != nil {
		return nil, errs.New("gateway.authority", errs.Down, err)
	}
	a.names = slices.DeleteFunc(a.names, a.refusesName)
	a.describe = sync.OnceValue(func() signin.Authority {
		spelled, err := fingerprint.SpellKey(a.cert)
		if err != nil {
			spelled = "" // only where the system forbids the hash; the SHA-256 is still there
		}
		return signin.Authority{Name: a.cert.Subject.CommonName, Words: spelled, SHA256: fingerprint.FormatSHA256(a.cert)}
	})
	_, err = a.getCertificate(nil)
	return a, err
}

// refusesName reports whether the authority may not sign for a name. A name outside of its
// constraints would make the whole certificate invalid, and a new authority would lose the
// trust of every device. A name that the configuration gets later therefore has no HTTPS.
func (a *authority) refusesName(name string) bool {
	return !slices.ContainsFunc(a.cert.PermittedDNSDomains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// setAsideDamaged renames unreadable files. On success it returns fs.ErrNotExist, because the
// files are gone.
func setAsideDamaged(dir string) error {
	for _, name := range []string{"ca.key", "ca.crt"} {
		path := filepath.Join(dir, name)
		err := os.Rename(path, path+".damaged-"+time.Now().UTC().Format("20060102T150405Z"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fs.ErrNotExist
}

func (a *authority) loadCA(dir string) error {
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

func (a *authority) createCA(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "LiveLearn Box " + rand.Text()[:6]},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(caLifetime), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		// RFC 5280 section 4.2.1.10
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: append(a.names, "local"), PermittedIPRanges: privateRanges(),
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
	if err := writePEMFile(dir, "ca.key", &pem.Block{Type: "PRIVATE KEY", Bytes: raw}); err != nil {
		return err
	}
	return writePEMFile(dir, "ca.crt", &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// writePEMFile writes a file that only the box may read.
func writePEMFile(dir, name string, block *pem.Block) error {
	return atomicfile.Write(filepath.Join(dir, name), 0o600, func(w io.Writer) error { return pem.Encode(w, block) })
}

// privateRanges returns loopback, link-local and the private ranges of RFC 1918 and RFC 4193.
func privateRanges() (out []*net.IPNet) {
	for _, s := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			panic(err) // the list above is constant
		}
		out = append(out, n)
	}
	return out
}

func newSerial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand never fails (Go 1.24)
	}
	return n
}

// getCertificate returns the current leaf. It makes a new one if the addresses or the name of the
// box changed, or the old one expires soon.
func (a *authority) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ips, names := httpapi.OwnAddresses(), slices.Concat(a.names, slices.DeleteFunc(a.local(), a.refusesName))
	if a.leaf != nil && time.Until(a.leaf.Leaf.NotAfter) > leafRenewBefore && slices.EqualFunc(ips, a.ips, net.IP.Equal) && slices.Equal(names, a.leaf.Leaf.DNSNames) {
		return a.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "LiveLearn Box"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(leafLifetime), DNSNames: names, IPAddresses: ips,
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
