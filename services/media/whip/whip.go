// Package whip lets programs outside of a lesson publish to a Node and watch from one over
// plain HTTP: WHIP (RFC 9725) for encoders such as OBS, WHEP (draft-ietf-wish-whep) for
// players.
//
//	POST   /whip/{lesson}            offer     -> 201, answer, Location, ETag
//	PATCH  /whip/{lesson}/{session}  fragment  -> 204 (trickle) or 200 (ICE restart)
//	DELETE /whip/{lesson}/{session}            -> 200
//	and the same under /whep
//
// The gateway mounts it and decides the grant of each token. A token has one session at a
// time: a new POST replaces it. The package reads only the bearer token and no cookie, so
// any page with a token may be let in (CORS). It never logs a token or a session id.
//
// Sessions live as long as their node. After that a request gets 410 and the program posts
// again.
package whip

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/livelearn/box/services/media"
)

// Node is the part of media.Node that is needed here.
type Node interface {
	Publish(context.Context, media.Publish) (media.Answer, error)
	Watch(context.Context, media.Watch) (media.Answer, error)
	Patch(context.Context, media.Patch) (media.Answer, error)
	Close(ctx context.Context, session string) error
}

// Use is the protocol that a token is for.
type Use string

// The uses. Each is also the first part of its paths.
const (
	Ingest Use = "whip"
	Egress Use = "whep"
)

// Grant is the right of a token.
type Grant struct {
	ID     string // of the token, without being a secret
	Use    Use
	Lesson string       // in the path
	Room   string       // at the node
	User   string       // at the node: the publisher or watcher
	Source media.Source // the source of a publisher's picture: media.Camera or media.Screen
	First  bool         // shown before all others
}

// Grants returns the grant of a token. errs.Denied: it has none, or not any more. It is called
// for every request.
type Grants func(token string) (Grant, error)

// Handler is the handler. Its methods may be called at any time from anywhere.
type Handler struct {
	node     Node
	grants   Grants
	log      *slog.Logger
	mux      *http.ServeMux
	sessions *sessionTable
	limiter  *tokenLimiter
}

// New makes the handler. A nil node is answered for by 503 (no_media).
func New(node Node, grants Grants, log *slog.Logger) *Handler {
	d := &Handler{node: node, grants: grants, log: log, mux: http.NewServeMux(), sessions: newSessionTable(), limiter: newTokenLimiter(time.Now)}
	for _, use := range []Use{Ingest, Egress} {
		endpoint := "/" + string(use) + "/{lesson}"
		d.mux.HandleFunc(endpoint, func(w http.ResponseWriter, r *http.Request) { d.serveEndpoint(w, r, use) })
		d.mux.HandleFunc(endpoint+"/{session}", func(w http.ResponseWriter, r *http.Request) { d.serveSession(w, r, use) })
	}
	return d
}

// ServeHTTP implements http.Handler for all paths under /whip/ and /whep/.
func (d *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	d.mux.ServeHTTP(w, r)
}

// serveEndpoint is where sessions begin.
func (d *Handler) serveEndpoint(w http.ResponseWriter, r *http.Request, use Use) {
	switch r.Method {
	case http.MethodPost:
		d.handlePost(w, r, use)
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeSDP)
		answerPreflight(w, "POST, GET, HEAD, OPTIONS")
	case http.MethodGet, http.MethodHead:
		answerGet(w, use)
	default:
		notAllowed(w, r, "POST, GET, HEAD, OPTIONS")
	}
}

// answerGet answers GET without a body (RFC 9725 4.1). A player finds out by HEAD that this is
// a WHEP endpoint (draft-ietf-wish-whep, "WHEP Endpoint URL Discoverability").
func answerGet(w http.ResponseWriter, use Use) {
	w.Header().Set("Accept-Post", typeSDP)
	if use == Egress {
		w.Header().Set("Content-Type", typeSDP)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveSession is one that a POST made.
func (d *Handler) serveSession(w http.ResponseWriter, r *http.Request, use Use) {
	switch r.Method {
	case http.MethodPatch:
		d.handlePatch(w, r, use)
	case http.MethodDelete:
		d.handleDelete(w, r, use)
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", typeFragment)
		answerPreflight(w, "PATCH, DELETE, GET, HEAD, OPTIONS")
	case http.MethodGet, http.MethodHead:
		if _, err := d.findSession(r, use); err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent) // RFC 9725 4.1: the resource has no representation
	default:
		notAllowed(w, r, "PATCH, DELETE, GET, HEAD, OPTIONS")
	}
}

// LiveGrants are the grants of the tokens that have a session now.
func (d *Handler) LiveGrants() []Grant { return d.sessions.liveGrants() }

// EndSession closes the session of a token and reports whether there was one: the token was
// taken back. An error means that it may still be on.
func (d *Handler) EndSession(ctx context.Context, grant string) (was bool, err error) {
	s := d.sessions.sessionOf(grant)
	if s == nil {
		return false, nil
	}
	return true, d.dropSession(ctx, s)
}
