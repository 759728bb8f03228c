package server

import (
	"net/http"
	"time"
)

// SessionFor returns a session token as a node makes it.
func SessionFor(secret []byte, box string, until time.Time) string {
	return signStamp(secret, forSession, until, []byte(box))
}

// NonceFor returns a nonce as a node makes it.
func NonceFor(secret []byte, now time.Time) string { return newNonce(secret, now) }

// Handler returns the node's HTTP handler.
func (s *Server) Handler() http.Handler { return s.handler }

// ResetLimits resets the rate limits.
func (s *Server) ResetLimits() {
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	clear(s.limits.keys)
}
