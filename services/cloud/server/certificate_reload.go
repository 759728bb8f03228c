package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const certCheckInterval = time.Second // between looks at the files

// certSource gives the certificate to each new connection. It reads the files again when they
// changed. While new files do not fit together, it keeps the old certificate.
type certSource struct {
	cfg  Config
	warn func(error)

	mu    sync.Mutex // guards the fields below
	cert  *tls.Certificate
	stamp string    // of the files
	next  time.Time // of the next look
}

func newCertSource(cfg Config, warn func(error)) (c *certSource, pin string, err error) {
	c = &certSource{cfg: cfg, warn: warn}
	cert, pin, err := LoadOrCreateCertificate(cfg)
	if err != nil {
		return nil, "", err
	}
	c.cert, c.stamp, c.next = &cert, c.readStamp(), time.Now().Add(certCheckInterval)
	return c, pin, nil
}

// readStamp returns a text that changes with the files.
func (c *certSource) readStamp() (stamp string) {
	files := []string{c.cfg.Cert, c.cfg.Key}
	if c.cfg.Cert == "" {
		files = []string{filepath.Join(c.cfg.Data, CertFile), filepath.Join(c.cfg.Data, keyFile)}
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
		}
	}
	return stamp
}

// getCertificate is the hook of crypto/tls.
func (c *certSource) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.After(c.next) {
		c.next = now.Add(certCheckInterval)
		if stamp := c.readStamp(); stamp != c.stamp {
			c.load(stamp)
		}
	}
	return c.cert, nil
}

// reload reads the files now.
func (c *certSource) reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load(c.readStamp())
}

// load reads the files. The caller holds mu.
func (c *certSource) load(stamp string) {
	cert, _, err := LoadOrCreateCertificate(c.cfg)
	if err != nil {
		c.warn(err)
		return // the files may be half written: the next look tries again
	}
	c.cert, c.stamp = &cert, stamp
}

// ReloadCertificate reads the files of the certificate now. The node also sees changes of them.
func (s *Server) ReloadCertificate() {
	s.mu.Lock()
	certs := s.certs
	s.mu.Unlock()
	if certs != nil {
		certs.reload()
	}
}
