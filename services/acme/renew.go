package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/livelearn/box/hal/atomicfile"
)

const (
	firstLook    = 10 * time.Second // after the start
	lookInterval = 6 * time.Hour
	orderTimeout = 20 * time.Minute
	reachPause   = 5 * time.Minute // while the authority cannot be reached, or the clock is not set yet

	// Let's Encrypt refuses a name for an hour after five failures. The pause doubles.
	firstPause = time.Hour
	maxPause   = 24 * time.Hour
)

// tries is what a restart must not forget.
type tries struct {
	Last     time.Time
	Failures int // since the last success
}

// pause returns the time that must be between a failed try and the next.
func (t tries) pause() time.Duration {
	if t.Failures == 0 {
		return 0
	}
	return min(firstPause<<min(t.Failures-1, 10), maxPause)
}

// look renews the certificate if it is due, reports and returns the time until the next look.
func (r *Renewer) look(ctx context.Context) time.Duration {
	now, last := r.now(), r.readTries()
	ends, due := r.checkPair(now)
	if !due {
		next := min(renewalTime(ends.NotBefore, ends.NotAfter).Sub(now), lookInterval)
		r.Report(nil, ends.NotAfter, now.Add(next))
		return max(next, time.Minute)
	}
	// A try in the future is one of a clock that was wrong.
	if rest := last.Last.Add(last.pause()).Sub(now); rest > 0 && !last.Last.After(now) {
		r.Report(errWaiting, ends.NotAfter, now.Add(rest))
		return rest
	}
	err := r.renew(ctx)
	if ctx.Err() != nil {
		return 0 // the box stops, which is no failure
	}
	if err == nil {
		if ends, due = r.checkPair(r.now()); due { // and would be ordered again at once
			err = errDue
		}
	}
	if _, ok := errors.AsType[unreachableError](err); ok {
		r.Report(err, ends.NotAfter, now.Add(reachPause))
		return reachPause
	}
	next := r.noteTry(err, tries{Last: now, Failures: last.Failures + 1}, ends)
	r.Report(err, ends.NotAfter, now.Add(next))
	return next
}

// noteTry remembers a try over restarts and returns the pause after it.
func (r *Renewer) noteTry(err error, t tries, ends lifetime) time.Duration {
	if err == nil {
		t.Failures = 0
		r.Log.Info("the certificate is renewed", "name", r.Name, "until", ends.NotAfter)
	} else {
		r.Log.Warn("the certificate was not renewed", "name", r.Name, "err", err)
	}
	if err := r.writeTries(t); err != nil {
		r.Log.Warn("the time of this try is not on disk", "err", err)
	}
	return max(t.pause(), time.Minute)
}

// unreachableError is a failure that the authority does not know of, so its limits do not count it.
type unreachableError struct{ error }

var (
	errDue     = errors.New("the new certificate is at its end already: the clock of the box may be wrong")
	errWaiting = errors.New("the last try failed, and the next one waits so that the authority's limits hold")
)

// lifetime is that of a certificate.
type lifetime struct{ NotBefore, NotAfter time.Time }

// renewalTime is when a third of the lifetime is left.
func renewalTime(from, to time.Time) time.Time { return to.Add(-to.Sub(from) / 3) }

// checkPair reads the present certificate. It is due for renewal when it is missing, is for another
// name or has a third of its lifetime left.
func (r *Renewer) checkPair(now time.Time) (lifetime, bool) {
	pair, err := tls.LoadX509KeyPair(r.Pair, r.Pair)
	if err != nil || pair.Leaf.VerifyHostname(r.Name) != nil {
		return lifetime{}, true
	}
	l := lifetime{pair.Leaf.NotBefore, pair.Leaf.NotAfter}
	return l, !now.Before(renewalTime(l.NotBefore, l.NotAfter))
}

// renew orders a certificate for a new key and writes both.
func (r *Renewer) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	account, err := r.loadOrCreateAccount()
	if err != nil {
		return fmt.Errorf("account key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{r.Name}}, key)
	if err != nil {
		return err
	}
	chain, err := r.order(ctx, &acme.Client{
		Key: account, DirectoryURL: r.WithDefaults().Directory, HTTPClient: r.client(), UserAgent: "livelearn-box",
	}, request)
	if err != nil {
		return err
	}
	return r.writePair(chain, key)
}

// writePair replaces the file if the chain is for the name and the key.
func (r *Renewer) writePair(chain [][]byte, key *ecdsa.PrivateKey) error {
	if len(chain) == 0 {
		return errors.New("the authority sent no certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return fmt.Errorf("the authority's certificate: %w", err)
	}
	if err := leaf.VerifyHostname(r.Name); err != nil {
		return fmt.Errorf("the authority's certificate: %w", err)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("the authority's certificate is for another key")
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return atomicfile.Write(r.Pair, 0o600, func(w io.Writer) error {
		err := pem.Encode(w, &pem.Block{Type: "PRIVATE KEY", Bytes: raw})
		for _, der := range chain {
			err = errors.Join(err, pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
		return err
	})
}

// loadOrCreateAccount reads the key of the account. A file that is damaged makes place for a new one,
// because an account holds nothing that the box needs.
func (r *Renewer) loadOrCreateAccount() (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(r.Account)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil {
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, atomicfile.Write(r.Account, 0o600, func(w io.Writer) error {
		return pem.Encode(w, &pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
	})
}

// readTries reads the last tries. Without a file that can be read there were none.
func (r *Renewer) readTries() (t tries) {
	data, err := os.ReadFile(r.Tries)
	if err != nil || json.Unmarshal(data, &t) != nil {
		return tries{}
	}
	return t
}

func (r *Renewer) writeTries(t tries) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return atomicfile.Write(r.Tries, 0o600, atomicfile.Bytes(data))
}
