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
	dialTime = 30 * time.Second

	// sendBuffer bounds what the kernel holds that has not left the box: what it took in
	// counts as moved. At 4 kB a second it is empty in a minute, and 200 ms away it lets
	// 10 Mbit a second through.
	sendBuffer = 256 << 10
)

// transport speaks HTTP/1.1: one request at a time is all that there is, and a deadline of
// the connection is then one of the request.
func transport(cfg Config) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:         dialer(cfg),
		TLSHandshakeTimeout: dialTime,
		IdleConnTimeout:     cfg.Patience * 3 / 4, // before the connection is taken for stuck
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
		t.TLSClientConfig.InsecureSkipVerify = true // the key is looked at instead
		t.TLSClientConfig.VerifyConnection = func(cs tls.ConnectionState) error { return pinned(cs, want) }
	}
	if cfg.Proxy != "" {
		u, err := url.Parse(cfg.Proxy)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, errs.Field(op, "proxy", "bad_url", 0, "must be an address such as http://proxy.example:3128")
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

var errPin = errors.New("who answers has another key than the cloud that the box was linked to")

// pinned looks at the key of the other side. The handshake has proved that it holds it.
func pinned(cs tls.ConnectionState, want []byte) error {
	if len(cs.PeerCertificates) == 0 {
		return errPin
	}
	sum := sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)
	if subtle.ConstantTimeCompare(sum[:], want) != 1 {
		return errPin
	}
	return nil
}

// certificate tells that the other side is not who it should be.
func certificate(err error) bool {
	_, bad := errors.AsType[*tls.CertificateVerificationError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return bad || invalid || errors.Is(err, errPin)
}

func dialer(cfg Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTime}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(sendBuffer) // what it is for is a comfort
		}
		p := &patient{Conn: c, patience: cfg.Patience}
		return p, p.moved()
	}
}

// patient is a connection that fails when nothing has moved on it for so long, in either
// direction: a batch is on its way for minutes and the answer is waited for meanwhile.
type patient struct {
	net.Conn
	patience time.Duration
}

func (p *patient) moved() error { return p.SetDeadline(time.Now().Add(p.patience)) }

// Read implements net.Conn.
func (p *patient) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 && err == nil {
		err = p.moved()
	}
	return n, err
}

// Write implements net.Conn. It goes piece by piece: one large piece would count as moved
// only when all of it has left.
func (p *patient) Write(b []byte) (done int, err error) {
	for done < len(b) {
		n, err := p.Conn.Write(b[done:min(len(b), done+16<<10)])
		done += n
		if err != nil {
			return done, err
		}
		if err := p.moved(); err != nil {
			return done, err
		}
	}
	return done, nil
}
