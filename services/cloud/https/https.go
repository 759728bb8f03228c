// Package https is the way of a box to the cloud over the web: a client of the same program
// in its cloud role. The box holds a key of its own and nothing of the database.
//
//	Enrol      code and a new public key ----> /v1/enrol    once
//	session    nonce, signed by the key -----> /v1/session  a token for an hour
//	State, Put, Pull with the token ---------> /v1/state /v1/facts /v1/down
//
// Promises:
//   - With a pin the key of the cloud is what is trusted, and nothing else: neither names nor
//     dates of its certificate, as a board may not know the date. Without one it is the
//     public authorities and all that they ask for.
//   - A call ends when nothing has moved for Patience, and not before: a slow link gets a
//     large batch through.
//   - An answer is at most MaxAnswer bytes (MaxPage with items) and is read whole or not at all. What is not an
//     answer of the cloud, such as the login page of a network, is errs.Down.
//   - No redirect is followed, and no proxy is used that nobody named.
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
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const op = "https"

// Config says where the cloud is and who asks.
type Config struct {
	URL     string             // "https://host:port", perhaps with a folder
	Pin     string             // base64url of the SHA-256 of the cloud's public key; empty: public authorities
	Box     string             // id of the box
	Key     ed25519.PrivateKey // its key, or the seed of it (RFC 8032)
	Version string             // of the program, for the cloud's log
	Proxy   string             // "http://host:port" of a proxy; empty: none
	// Patience is how long nothing may move before a call fails; default 2 minutes.
	Patience time.Duration
	// Dial opens a connection; nil: over TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client is a way to the cloud. Its methods may be called from any goroutine.
type Client struct {
	cfg   Config
	base  string // without a slash at its end
	http  *http.Client
	mu    sync.Mutex // guards the fields below
	token string     // of the session; empty: there is none
	made  map[*batch.Batch][]byte
}

var _ cloud.Sink = (*Client)(nil)

// New makes a client and opens nothing.
func New(cfg Config) (*Client, error) {
	if len(cfg.Key) == ed25519.SeedSize {
		cfg.Key = ed25519.NewKeyFromSeed(cfg.Key)
	}
	if cfg.Box == "" || len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, errs.Field(op, "key", "missing", 0, "a box has an id and a key")
	}
	base, err := address(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg.Patience = cmp.Or(cfg.Patience, 2*time.Minute)
	t, err := transport(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, base: base, http: &http.Client{Transport: t, CheckRedirect: stay}, made: map[*batch.Batch][]byte{}}, nil
}

// stay follows no redirect: a token must not go where nobody meant it to.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close drops the connection that is kept for the next call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// State implements cloud.Sink.
func (c *Client) State(ctx context.Context, self cloud.Self) (cloud.State, error) {
	var st cloud.State
	body, err := json.Marshal(self)
	if err != nil {
		return st, errs.New(op, errs.Internal, err)
	}
	if err := c.ask(ctx, request{path: "/v1/state", kind: typeJSON, body: body}, &st); err != nil {
		return cloud.State{}, err
	}
	if err := checkState(st); err != nil {
		return cloud.State{}, err
	}
	return st, nil
}

// Prepare implements cloud.Preparer: it makes the bytes of a batch, which Put then sends. At
// most two wait: the one that is about to be sent and the one after.
func (c *Client) Prepare(b *batch.Batch) error {
	body, err := encode(b)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.made) > 1 {
		clear(c.made) // of a session that has ended
	}
	c.made[b] = body
	return nil
}

func encode(b *batch.Batch) ([]byte, error) {
	var out bytes.Buffer
	err := batch.Encode(&out, b)
	return out.Bytes(), err
}

// prepared are the bytes that Prepare made of b, once.
func (c *Client) prepared(b *batch.Batch) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer delete(c.made, b)
	return c.made[b]
}

// Put implements cloud.Sink.
func (c *Client) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	body := c.prepared(b)
	if body == nil {
		var err error
		if body, err = encode(b); err != nil {
			return cloud.Receipt{}, err
		}
	}
	var r cloud.Receipt
	if err := c.ask(ctx, request{path: "/v1/facts", kind: TypeBatch, body: body}, &r); err != nil {
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
	if err := c.ask(ctx, request{path: path}, &p); err != nil {
		return cloud.Page{}, err
	}
	if err := checkPage(p, since, most); err != nil {
		return cloud.Page{}, err
	}
	return p, nil
}

// request is what is asked. Without a body it is a GET.
type request struct {
	path, kind string
	body       []byte
}

// ask is a call within a session. One that is over is renewed once.
func (c *Client) ask(ctx context.Context, r request, into any) error {
	err := c.within(ctx, r, into)
	if errors.Is(err, errOver) {
		err = c.within(ctx, r, into)
	}
	return err
}

func (c *Client) within(ctx context.Context, r request, into any) error {
	token, err := c.session(ctx)
	if err != nil {
		return err
	}
	if err = c.call(ctx, token, r, into); errors.Is(err, errOver) {
		c.forget(token)
	}
	return err
}

// call sends one request and reads the answer. All of them may be sent twice without harm,
// so the transport may do that on a connection that had been closed in between.
func (c *Client) call(ctx context.Context, token string, r request, into any) error {
	method := http.MethodGet
	if r.body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return errs.New(op, errs.Internal, err)
	}
	req.Header["Idempotency-Key"] = nil // net/http: known to it, and not sent
	req.Header.Set("Accept", typeJSON)
	req.Header.Set("User-Agent", "livelearn-box/"+cmp.Or(plain(c.cfg.Version), "dev"))
	if r.body != nil {
		req.Header.Set("Content-Type", r.kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return away(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp, into)
}

// plain is a version that may stand in a header.
func plain(version string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return -1
		}
		return r
	}, version)
}

// away is a fault of the way. What went wrong is told without the address, which *url.Error
// quotes: the operator sees it beside the text.
func away(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	e := errs.New(op, errs.Down, err)
	if certificate(err) {
		e.Code = CodeCertificate
	}
	return e
}
