package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/pg"
)

const (
	nonceLifetime   = 5 * time.Minute
	sessionLifetime = time.Hour

	secretName = "sessions"
	nonceSize  = 16 // random bytes
)

// Uses of a stamp. A stamp is valid for one use only.
const (
	forNonce   = "nonce"
	forSession = "session"
)

// signingKey caches the signing key that all nodes share.
type signingKey struct {
	mu  sync.Mutex
	key []byte // guarded by mu, nil until read
}

func (s *signingKey) loadKey(ctx context.Context, store *pg.Store) ([]byte, error) {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := store.SharedSecret(ctx, secretName)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
	return key, nil
}

// signStamp returns a signed text: the time of expiry, says and an HMAC.
func signStamp(key []byte, use string, until time.Time, says []byte) string {
	body := append(binary.BigEndian.AppendUint64(nil, uint64(until.Unix())), says...)
	return base64.RawURLEncoding.EncodeToString(append(body, computeMAC(key, use, body)...))
}

// openStamp returns the says of a stamp. It returns false if the signature is wrong, the use is
// another or the stamp has expired.
func openStamp(key []byte, use, text string, now time.Time) ([]byte, bool) {
	if len(text) > 4*(8+batch.MaxName+sha256.Size) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 8+sha256.Size {
		return nil, false
	}
	body, mac := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(mac, computeMAC(key, use, body)) {
		return nil, false
	}
	return body[8:], now.Unix() < int64(binary.BigEndian.Uint64(body))
}

func computeMAC(key []byte, use string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("livelearn-cloud-" + use + "\n"))
	h.Write(body)
	return h.Sum(nil)
}

func newNonce(key []byte, now time.Time) string {
	random := make([]byte, nonceSize)
	rand.Read(random)
	return signStamp(key, forNonce, now.Add(nonceLifetime), random)
}
