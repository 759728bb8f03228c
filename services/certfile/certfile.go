// Package certfile gives a TLS server the certificate of files and reads them again when they
// change.
package certfile

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

const checkInterval = time.Second // between looks at the files

// Source gives the certificate to each new connection. It reads the files again when they changed.
// While new files do not fit together, it keeps the old certificate.
type Source struct {
	files []string
	load  func() (tls.Certificate, error)
	warn  func(error)

	mu    sync.Mutex // guards the fields below
	cert  *tls.Certificate
	stamp string    // of the files
	next  time.Time // of the next look
}

// Open reads a certificate with load. warn gets the errors of later reads. The source of files that
// cannot be read yet is usable too: it has no certificate until they can.
func Open(load func() (tls.Certificate, error), warn func(error), files ...string) (*Source, error) {
	c := &Source{files: files, load: load, warn: warn}
	c.stamp, c.next = c.readStamp(), time.Now().Add(checkInterval)
	cert, err := load()
	if err == nil {
		c.cert = &cert
	}
	return c, err
}

// readStamp returns a text that changes with the files.
func (c *Source) readStamp() (stamp string) {
	for _, f := range c.files {
		if info, err := os.Stat(f); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
		}
	}
	return stamp
}

// Certificate returns the certificate, or nil while there is none.
func (c *Source) Certificate() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.After(c.next) {
		c.next = now.Add(checkInterval)
		if stamp := c.readStamp(); stamp != c.stamp {
			c.read(stamp)
		}
	}
	return c.cert
}

// Reload reads the files now.
func (c *Source) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read(c.readStamp())
}

// read reads the files. The caller holds mu.
func (c *Source) read(stamp string) {
	cert, err := c.load()
	if err != nil {
		c.warn(err)
		return // the files may be half written: the next look tries again
	}
	c.cert, c.stamp = &cert, stamp
}
