package https

import (
	"context"
	"crypto/ed25519"
	"encoding/json"

	"github.com/livelearn/box/services/errs"
)

// Largest fields of an answer, in bytes.
const (
	maxNonce = 1 << 10
	maxToken = 4 << 10
)

// sessionToken returns the token of the open session, or opens a session. Two concurrent callers
// may open two sessions, and both are valid.
func (c *Client) sessionToken(ctx context.Context) (string, error) {
	c.mu.Lock()
	token := c.token
	c.mu.Unlock()
	if token != "" {
		return token, nil
	}
	token, err := c.openSession(ctx)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
	return token, nil
}

// dropToken forgets a token if it is still in use.
func (c *Client) dropToken(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

func (c *Client) openSession(ctx context.Context) (string, error) {
	var n Nonce
	if err := c.sendRequest(ctx, "", request{path: "/v1/nonce"}, &n); err != nil {
		return "", err
	}
	if n.Nonce == "" || len(n.Nonce) > maxNonce {
		return "", errStrange("a nonce of %d bytes", len(n.Nonce))
	}
	sig := ed25519.Sign(c.cfg.Key, Challenge(c.cfg.Box, n.Nonce))
	body, err := json.Marshal(Login{Box: c.cfg.Box, Nonce: n.Nonce, Signature: sig})
	if err != nil {
		return "", errs.New(op, errs.Internal, err)
	}
	var s Session
	if err := c.sendRequest(ctx, "", request{path: "/v1/session", kind: typeJSON, body: body}, &s); err != nil {
		return "", err
	}
	return s.Token, checkToken(s.Token)
}

// checkToken checks that a token fits into a header (RFC 6750 section 2.1).
func checkToken(t string) error {
	if t == "" || len(t) > maxToken {
		return errStrange("a token of %d bytes", len(t))
	}
	for i := range len(t) {
		if t[i] <= ' ' || t[i] > '~' {
			return errStrange("a token with a byte %#x", t[i])
		}
	}
	return nil
}
