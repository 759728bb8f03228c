package server

import (
	"net/http"
	"time"
)

// SessionFor is a token as a node makes it.
func SessionFor(secret []byte, box string, until time.Time) string {
	return stamp(secret, forSession, until, []byte(box))
}

// NonceFor is a nonce as a node makes it.
func NonceFor(secret []byte, now time.Time) string { return newNonce(secret, now) }

// Handler is all that a node answers with.
func (s *Server) Handler() http.Handler { return s.handler }

// Forget lets everybody ask anew.
func (s *Server) Forget() {
	s.rates.mu.Lock()
	defer s.rates.mu.Unlock()
	clear(s.rates.keys)
}
