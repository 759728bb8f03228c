// Package whip lets programs that know no lesson publish to a Node and watch from one over
// plain HTTP: WHIP (RFC 9725) for encoders such as OBS, WHEP (draft-ietf-wish-whep) for
// players.
//
//	POST   /whip/{lesson}            offer     -> 201, answer, Location, ETag
//	PATCH  /whip/{lesson}/{session}  fragment  -> 204 (trickle) or 200 (ICE restart)
//	DELETE /whip/{lesson}/{session}            -> 200
//	and the same under /whep
//
// The gateway mounts it and says what a token is good for. A token has one session at a
// time: who posts again takes its place. Nothing but the bearer token is looked at, no
// cookie, so any page may be let in that has a token (CORS). No token and no session id is
// logged.
//
// Sessions live as long as their node: after that a request is 410 and the program posts
// anew.
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

// The uses; each is also the first part of its paths.
const (
	Ingest Use = "whip"
	Egress Use = "whep"
)

// Grant is what a token is good for.
type Grant struct {
	ID     string // of the token, without being a secret
	Use    Use
	Lesson string       // in the path
	Room   string       // at the node
	User   string       // at the node: the publisher or watcher
	Source media.Source // what a publisher's picture is: media.Camera or media.Screen
	First  bool         // shown before all others
}

// Grants finds what a token is good for. errs.Denied: nothing, or not any more. It is asked
// with every request.
type Grants func(token string) (Grant, error)

// Door is the handler. Its methods may be called at any time from anywhere.
type Door struct {
	node   Node
	grants Grants
	log    *slog.Logger
	mux    *http.ServeMux
	list   *sessions
	pace   *pace
}

// New makes the handler. A nil node is answered for by 503 (no_media).
func New(node Node, grants Grants, log *slog.Logger) *Door {
	d := &Door{node: node, grants: grants, log: log, mux: http.NewServeMux(), list: newSessions(), pace: newPace(time.Now)}
	for _, use := range []Use{Ingest, Egress} {
		endpoint := "/" + string(use) + "/{lesson}"
		d.mux.HandleFunc(endpoint, func(w http.ResponseWriter, r *http.Request) { d.endpoint(w, r, use) })
		d.mux.HandleFunc(endpoint+"/{session}", func(w http.ResponseWriter, r *http.Request) { d.session(w, r, use) })
	}
	return d
}

// ServeHTTP implements http.Handler for all paths under /whip/ and /whep/.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	d.mux.ServeHTTP(w, r)
}

// endpoint is where sessions begin.
func (d *Door) endpoint(w http.ResponseWriter, r *http.Request, use Use) {
	switch r.Method {
	case http.MethodPost:
		d.post(w, r, use)
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeSDP)
		preflight(w, "POST, GET, HEAD, OPTIONS")
	case http.MethodGet, http.MethodHead:
		look(w, use)
	default:
		notAllowed(w, r, "POST, GET, HEAD, OPTIONS")
	}
}

// look answers GET without a body (RFC 9725 4.1). A player finds out by HEAD that this is
// a WHEP endpoint (draft-ietf-wish-whep, "WHEP Endpoint URL Discoverability").
func look(w http.ResponseWriter, use Use) {
	w.Header().Set("Accept-Post", typeSDP)
	if use == Egress {
		w.Header().Set("Content-Type", typeSDP)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// session is one that a POST made.
func (d *Door) session(w http.ResponseWriter, r *http.Request, use Use) {
	switch r.Method {
	case http.MethodPatch:
		d.patch(w, r, use)
	case http.MethodDelete:
		d.delete(w, r, use)
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", typeFragment)
		preflight(w, "PATCH, DELETE, GET, HEAD, OPTIONS")
	case http.MethodGet, http.MethodHead:
		if _, err := d.find(r, use); err != nil {
			refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent) // RFC 9725 4.1: there is no representation
	default:
		notAllowed(w, r, "PATCH, DELETE, GET, HEAD, OPTIONS")
	}
}

// Live is what the tokens are good for that have a session now.
func (d *Door) Live() []Grant { return d.list.grants() }

// End closes the session of a token and tells whether there was one: the token was taken
// back. An error means that it may still be on.
func (d *Door) End(ctx context.Context, grant string) (was bool, err error) {
	s := d.list.of(grant)
	if s == nil {
		return false, nil
	}
	return true, d.drop(ctx, s)
}
