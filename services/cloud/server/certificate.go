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
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/errs"
)

// CertFile is the certificate in the data folder of a node that made one itself.
const CertFile = "cloud.crt"

const (
	keyFile = "cloud.key"

	// certLife is long: boxes look at the key and not at the date, and people who look at the
	// date should have a certificate of an authority.
	certLife = 20 * 365 * 24 * time.Hour
)

// secure puts TLS before a listener, and gives the pin of the key if boxes need one.
func (s *Server) secure(ln net.Listener) (net.Listener, string, error) {
	cert, pin, err := Certificate(s.cfg)
	if err != nil {
		return nil, "", errors.Join(err, ln.Close())
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	return tls.NewListener(ln, conf), pin, nil
}

// Certificate is a node's, made and kept in the data folder when there is none. The pin is
// empty for one that somebody else gave: an authority vouches for it.
func Certificate(cfg Config) (cert tls.Certificate, pin string, err error) {
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
		if err = create(cfg.Data); err == nil {
			cert, err = tls.LoadX509KeyPair(crt, key)
		}
	}
	if err != nil {
		return cert, "", errs.Newf(op, errs.Down, "the node's own certificate: %w", err)
	}
	return cert, https.PinOf(cert.Leaf.RawSubjectPublicKeyInfo), nil
}

// create makes a key and a certificate that it signs itself. A key that is there stays: the
// boxes know it.
func create(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := privateKey(dir)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "LiveLearn Cloud"}, DNSNames: names(),
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(certLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	return write(dir, CertFile, &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func names() []string {
	list := []string{"localhost"}
	if host, err := os.Hostname(); err == nil {
		list = append(list, host)
	}
	return list
}

func privateKey(dir string) (*ecdsa.PrivateKey, error) {
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
	return key, write(dir, keyFile, &pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// write writes a file that appears whole or not at all, for the node's eyes only.
func write(dir, name string, block *pem.Block) error {
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
	return nil
}
