package server

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
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

// Patterns returns the patterns of the node's routes.
func (s *Server) Patterns() []string { return s.patterns }

// DocumentedRoutes returns the routes of the description.
func DocumentedRoutes() (list []string) {
	for _, o := range operations() {
		list = append(list, o.route)
	}
	return list
}

// NewDocument returns the description of the API.
func NewDocument() *huma.OpenAPI { return newDocument() }

// Replica reports whether the replica answered when it was last asked.
func (s *Server) Replica() (up, has bool) { return s.store.ReplicaUp() }
