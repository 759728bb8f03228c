package https

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/livelearn/box/services/errs"
)

const (
	dialTimeout = 30 * time.Second

	// sendBuffer bounds the bytes in the kernel that have not left the box, because the client
	// counts them as moved. At 4 kB a second it is empty after a minute. With 200 ms of delay it
	// allows 10 Mbit a second.
	sendBuffer = 256 << 10
)

// newTransport returns an HTTP/1.1 transport. A connection then carries one request at a time,
// so a deadline of the connection is a deadline of the request.
func newTransport(cfg Config) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:         newDialer(cfg),
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     cfg.Patience * 3 / 4, // before idleTimeoutConn closes it
		MaxIdleConns:        2,
		MaxIdleConnsPerHost: 2,

		MaxResponseHeaderBytes: 16 << 10,
		DisableCompression:     true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
	}
	if cfg.Pin != "" {
		want, err := parsePin(cfg.Pin)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.InsecureSkipVerify = true // verifyPin checks the key instead
		t.TLSClientConfig.VerifyConnection = func(cs tls.ConnectionState) error { return verifyPin(cs, want) }
	}
	if cfg.Proxy != "" {
		u, err := url.Parse(cfg.Proxy)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, errs.NewField(op, "proxy", "bad_url", 0, "must be an address such as http://proxy.example:3128")
		}
		if t.Proxy = http.ProxyURL(u); cfg.Egress != nil {
			t.Proxy = cfg.Egress.ProxyWith(t.Proxy)
		}
	}
	return t, nil
}

var errPin = errors.New("the server's key differs from the pinned key of the cloud")

// verifyPin checks the peer's key. The handshake has proved that the peer holds it.
func verifyPin(cs tls.ConnectionState, want []byte) error {
	if len(cs.PeerCertificates) == 0 {
		return errPin
	}
	sum := sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)
	if subtle.ConstantTimeCompare(sum[:], want) != 1 {
		return errPin
	}
	return nil
}

// isCertificateError reports whether the peer's certificate was refused.
func isCertificateError(err error) bool {
	_, bad := errors.AsType[*tls.CertificateVerificationError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return bad || invalid || errors.Is(err, errPin)
}

func newDialer(cfg Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := cfg.Dial
	switch {
	case dial != nil:
	case cfg.Egress != nil:
		dial = cfg.Egress.DialContext
	default:
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(sendBuffer) // the default works too, only slower to detect a stall
		}
		p := &idleTimeoutConn{Conn: c, idleTimeout: cfg.Patience}
		return p, p.extendDeadline()
	}
}

// idleTimeoutConn is a connection that fails if no byte has moved in either direction for its
// patience. A batch may take minutes to send while the answer is awaited.
type idleTimeoutConn struct {
	net.Conn
	idleTimeout time.Duration
}

func (p *idleTimeoutConn) extendDeadline() error { return p.SetDeadline(time.Now().Add(p.idleTimeout)) }

// Read implements net.Conn.
func (p *idleTimeoutConn) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 && err == nil {
		err = p.extendDeadline()
	}
	return n, err
}

// Write implements net.Conn. It writes small pieces, because a large one would count as moved
// only at its end.
func (p *idleTimeoutConn) Write(b []byte) (done int, err error) {
	for done < len(b) {
		n, err := p.Conn.Write(b[done:min(len(b), done+16<<10)])
		done += n
		if err != nil {
			return done, err
		}
		if err := p.extendDeadline(); err != nil {
			return done, err
		}
	}
	return done, nil
}
