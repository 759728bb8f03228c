// Package https links a box to the cloud over HTTPS. The other side is the same program in its
// cloud role. The box holds its own key and no login of the database.
//
//	Enrol      code and a new public key ----> /v1/enrol    once
//	session    nonce, signed by the key -----> /v1/session  a token for an hour
//	State, Put, Pull with the token ---------> /v1/state /v1/facts /v1/down
//
// Promises:
//   - With a pin, the client trusts the cloud's key only. It ignores names and dates of the
//     certificate, because a board may not know the date. Without a pin, it trusts the public
//     authorities and checks everything that they require.
//   - A call fails only if no byte has moved for Patience. So a slow link gets a large batch
//     through.
//   - An answer has at most MaxAnswer bytes (MaxPage with items) and is read as a whole. An answer
//     that does not come from the cloud, such as the login page of a network, is errs.Down.
//   - The client follows no redirect. It uses a proxy only if Config names one.
package https

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
)

const op = "https"

// Config holds the address of the cloud and the identity of the box.
type Config struct {
	URL     string             // "https://host:port", with or without a path
	Pin     string             // base64url of the SHA-256 of the cloud's public key, empty for public authorities
	Box     string             // id of the box
	Key     ed25519.PrivateKey // its key, or the seed of its key (RFC 8032)
	Version string             // of the program, sent to the cloud's log
	Proxy   string             // "http://host:port" of a proxy, empty for none
	Egress  *egress.Dialer     // dials TCP, and refuses addresses; nil dials any address
	// Patience is the time without progress after which a call fails. Default 2 minutes.
	Patience time.Duration
	// Dial opens a connection instead of Egress.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client is a cloud.Sink over HTTPS. Its methods may be called from any goroutine.
type Client struct {
	cfg      Config
	base     string // without a trailing slash
	http     *http.Client
	mu       sync.Mutex // guards the fields below
	token    string     // of the session, empty if there is none
	prepared map[*batch.Batch][]byte
}

var _ cloud.Sink = (*Client)(nil)

// New makes a client. It opens no connection.
func New(cfg Config) (*Client, error) {
	if len(cfg.Key) == ed25519.SeedSize {
		cfg.Key = ed25519.NewKeyFromSeed(cfg.Key)
	}
	if cfg.Box == "" || len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, errs.NewField(op, "key", "missing", 0, "a box has an id and a key")
	}
	base, err := parseAddress(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg.Patience = cmp.Or(cfg.Patience, 2*time.Minute)
	t, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, base: base, http: &http.Client{Transport: t, CheckRedirect: noRedirect}, prepared: map[*batch.Batch][]byte{}}, nil
}

// noRedirect stops at redirects, so that a token goes only to the configured address.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// State implements cloud.Sink.
func (c *Client) State(ctx context.Context, self cloud.Self) (cloud.State, error) {
	var st cloud.State
	body, err := json.Marshal(self)
	if err != nil {
		return st, errs.New(op, errs.Internal, err)
	}
	if err := c.callInSession(ctx, request{path: "/v1/state", kind: typeJSON, body: body}, &st); err != nil {
		return cloud.State{}, err
	}
	if err := checkState(st); err != nil {
		return cloud.State{}, err
	}
	return st, nil
}

// Prepare implements cloud.Preparer. It encodes a batch for a later Put. At most two encoded
// batches wait: the next one and the one after.
func (c *Client) Prepare(b *batch.Batch) error {
	body, err := encodeBatch(b)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.prepared) > 1 {
		clear(c.prepared) // left over from a session that has ended
	}
	c.prepared[b] = body
	return nil
}

func encodeBatch(b *batch.Batch) ([]byte, error) {
	var out bytes.Buffer
	err := batch.Encode(&out, b)
	return out.Bytes(), err
}

// takePrepared returns the bytes that Prepare made of b, and forgets them.
func (c *Client) takePrepared(b *batch.Batch) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer delete(c.prepared, b)
	return c.prepared[b]
}

// Put implements cloud.Sink.
func (c *Client) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	body := c.takePrepared(b)
	if body == nil {
		var err error
		if body, err = encodeBatch(b); err != nil {
			return cloud.Receipt{}, err
		}
	}
	var r cloud.Receipt
	if err := c.callInSession(ctx, request{path: "/v1/facts", kind: TypeBatch, body: body}, &r); err != nil {
		return cloud.Receipt{}, err
	}
	if err := checkReceipt(r, b); err != nil {
		return cloud.Receipt{}, err
	}
	return r, nil
}

// Pull implements cloud.Sink.
func (c *Client) Pull(ctx context.Context, since uint64, most int) (cloud.Page, error) {
	var p cloud.Page
	path := fmt.Sprintf("/v1/down?since=%d&most=%d", since, most)
	if err := c.callInSession(ctx, request{path: path}, &p); err != nil {
		return cloud.Page{}, err
	}
	if err := checkPage(p, since, most); err != nil {
		return cloud.Page{}, err
	}
	return p, nil
}

// request is a request to the cloud. Without a body it is a GET.
type request struct {
	path, kind string
	body       []byte
}

// callInSession calls the cloud within a session. If the session is over, it opens a new one and
// tries once more.
func (c *Client) callInSession(ctx context.Context, r request, into any) error {
	err := c.callOnce(ctx, r, into)
	if errors.Is(err, errSessionOver) {
		err = c.callOnce(ctx, r, into)
	}
	return err
}

func (c *Client) callOnce(ctx context.Context, r request, into any) error {
	token, err := c.sessionToken(ctx)
	if err != nil {
		return err
	}
	if err = c.sendRequest(ctx, token, r, into); errors.Is(err, errSessionOver) {
		c.dropToken(token)
	}
	return err
}

// sendRequest sends one request and reads the answer. All requests of the protocol may be sent
// twice, so the transport may retry on a connection that was closed in the meantime.
func (c *Client) sendRequest(ctx context.Context, token string, r request, into any) error {
	method := http.MethodGet
	if r.body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	req.Header["Idempotency-Key"] = nil // net/http retries a POST with this key, and sends no header for nil
	req.Header.Set("Accept", typeJSON)
	req.Header.Set("User-Agent", "livelearn-box/"+cmp.Or(headerVersion(c.cfg.Version), "dev"))
	if r.body != nil {
		req.Header.Set("Content-Type", r.kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return transportError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp, into)
}

// headerVersion removes characters that a User-Agent may not hold (RFC 9110 section 10.1.5).
func headerVersion(version string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return -1
		}
		return r
	}, version)
}

// transportError wraps a fault of the connection. It drops the address that *url.Error quotes,
// because the operator sees the address next to the text.
// It also drops what the other side sent, which is none of the operator's business if the address is
// that of another machine.
func transportError(err error) error {
	if errors.Is(err, errPin) {
		return errs.NewCode(op, errs.Down, CodeCertificate, "%w", errPin)
	}
	if e := egress.IsRefusal(err); e != nil {
		return e
	}
	e := errs.New(op, errs.Down, egress.Cause(err))
	if isCertificateError(err) {
		e.Code = CodeCertificate
	}
	return e
}
