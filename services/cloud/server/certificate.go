package server

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
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/certfile"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/errs"
)

// CertFile is the file name of the self-signed certificate in the data folder.
const CertFile = "cloud.crt"

const (
	keyFile = "cloud.key"

	// certLifetime is long, because boxes check the key and not the date. A node for browsers should
	// have a certificate of an authority.
	certLifetime = 20 * 365 * 24 * time.Hour
)

// wrapTLS adds TLS to a listener. It returns the pin of the key if the certificate is self-signed.
func (s *Server) wrapTLS(ln net.Listener) (net.Listener, string, error) {
	files := []string{s.cfg.Cert, s.cfg.Key}
	if s.cfg.Cert == "" {
		files = []string{filepath.Join(s.cfg.Data, CertFile), filepath.Join(s.cfg.Data, keyFile)}
	}
	_, pin, err := LoadOrCreateCertificate(s.cfg) // makes the files
	var certs *certfile.Source
	if err == nil {
		certs, err = certfile.Open(s.loadCertificate, func(err error) { s.log.Warn("the certificate was not read again; the old one stays", "err", err) }, files...)
	}
	if err != nil {
		return nil, "", errors.Join(err, ln.Close())
	}
	s.mu.Lock()
	s.certs = certs
	s.mu.Unlock()
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certs.Certificate(), nil }, NextProtos: []string{"http/1.1"}}
	return tls.NewListener(ln, conf), pin, nil
}

func (s *Server) loadCertificate() (tls.Certificate, error) {
	cert, _, err := LoadOrCreateCertificate(s.cfg)
	return cert, err
}

// ReloadCertificate reads the files of the certificate now. The node also sees changes of them.
func (s *Server) ReloadCertificate() {
	s.mu.Lock()
	certs := s.certs
	s.mu.Unlock()
	if certs != nil {
		certs.Reload()
	}
}

// LoadOrCreateCertificate loads the node's certificate. Without a configured one it makes a self-signed
// certificate in the data folder. The pin is empty for a configured certificate, because an
// authority vouches for it.
func LoadOrCreateCertificate(cfg Config) (cert tls.Certificate, pin string, err error) {
	if cfg.Cert != "" {
		cert, err = tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
		if err != nil {
			return cert, "", errs.Newf(op, errs.Invalid, "certificate: %w", err)
		}
		return cert, "", nil
	}
	crt, key := filepath.Join(cfg.Data, CertFile), filepath.Join(cfg.Data, keyFile)
	cert, err = tls.LoadX509KeyPair(crt, key)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createSelfSigned(cfg.Data); err == nil {
			cert, err = tls.LoadX509KeyPair(crt, key)
		}
	}
	if err != nil {
		return cert, "", errs.Newf(op, errs.Down, "the node's own certificate: %w", err)
	}
	return cert, https.PinOf(cert.Leaf.RawSubjectPublicKeyInfo), nil
}

// createSelfSigned makes a self-signed certificate. It keeps an existing key, because the boxes
// have its pin.
func createSelfSigned(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := loadOrCreateKey(dir)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "LiveLearn Cloud"}, DNSNames: hostNames(),
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(certLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	return writePEMFile(dir, CertFile, &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func hostNames() []string {
	list := []string{"localhost"}
	if host, err := os.Hostname(); err == nil {
		list = append(list, host)
	}
	return list
}

func loadOrCreateKey(dir string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err == nil {
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, errors.New(keyFile + " holds no key")
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if k, ok := key.(*ecdsa.PrivateKey); ok {
			return k, nil
		}
		return nil, errors.Join(errors.New(keyFile+" holds another kind of key"), err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEMFile(dir, keyFile, &pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// writePEMFile writes a file that only the node may read.
func writePEMFile(dir, name string, block *pem.Block) error {
	return atomicfile.Write(filepath.Join(dir, name), 0o600, func(w io.Writer) error { return pem.Encode(w, block) })
}
