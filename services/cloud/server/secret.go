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
	nonceLife   = 5 * time.Minute
	sessionLife = time.Hour

	secretName = "sessions"
	nonceSize  = 16 // random bytes
)

// What a stamp is for. One for one thing is nothing for another.
const (
	forNonce   = "nonce"
	forSession = "session"
)

// secrets is the key that all nodes sign with, once it was read.
type secrets struct {
	mu  sync.Mutex
	key []byte // guarded by mu; nil: not read yet
}

func (s *secrets) get(ctx context.Context, store *pg.Store) ([]byte, error) {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := store.Secret(ctx, secretName)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
	return key, nil
}

// stamp is a text that only a node could write: until when it counts, what it says, and the
// code that shows it.
func stamp(key []byte, use string, until time.Time, says []byte) string {
	body := append(binary.BigEndian.AppendUint64(nil, uint64(until.Unix())), says...)
	return base64.RawURLEncoding.EncodeToString(append(body, sign(key, use, body)...))
}

// open gives what a stamp says. False: no node wrote it for this use, or its time is over.
func open(key []byte, use, text string, now time.Time) ([]byte, bool) {
	if len(text) > 4*(8+batch.MaxName+sha256.Size) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 8+sha256.Size {
		return nil, false
	}
	body, mac := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(mac, sign(key, use, body)) {
		return nil, false
	}
	return body[8:], now.Unix() < int64(binary.BigEndian.Uint64(body))
}

func sign(key []byte, use string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("livelearn-cloud-" + use + "\n"))
	h.Write(body)
	return h.Sum(nil)
}

func newNonce(key []byte, now time.Time) string {
	random := make([]byte, nonceSize)
	rand.Read(random) //nolint:errcheck // never fails since Go 1.24
	return stamp(key, forNonce, now.Add(nonceLife), random)
}
