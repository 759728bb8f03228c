package server

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

const (
	maxJSON = 64 << 10 // bytes of a request other than a batch
	maxPage = 2 << 20  // bytes of items in an answer, exceeded only by a single item

	enrolsPerMinute   = 10  // per address
	sessionsPerMinute = 240 // per address, because a whole school may share one
	callsPerMinute    = 600 // per box
	maxItems          = 1000
)

// boxRoutes adds the routes of boxes.
func (s *Server) boxRoutes(mux *routes) {
	mux.HandleFunc("POST /v1/enrol", s.handleEnrol)
	mux.HandleFunc("GET /v1/nonce", s.handleNonce)
	mux.HandleFunc("POST /v1/session", s.handleSession)
	mux.HandleFunc("POST /v1/state", s.withSession(s.handleState))
	mux.HandleFunc("POST /v1/facts", s.withSession(s.handleFacts))
	mux.HandleFunc("GET /v1/down", s.withSession(s.handleDown))
}

func (s *Server) handleEnrol(w http.ResponseWriter, r *http.Request) {
	var e https.Enrolment
	err := s.limits.checkRate("enrol "+s.clientAddress(r), enrolsPerMinute)
	if err == nil {
		err = decodeBody(w, r, maxJSON, &e)
	}
	var school string
	if err == nil {
		school, err = s.store.Enrol(r.Context(), pg.Enrolment{Code: e.Code, Box: e.Box, Name: e.Name, Version: e.Version, Key: e.Key})
	}
	if err != nil {
		s.refuseBox(w, r, e.Box, err)
		return
	}
	s.log.Info("a box was enrolled", "box", loggableID(e.Box))
	writeJSON(w, https.Enrolled{School: school})
}

func (s *Server) handleNonce(w http.ResponseWriter, r *http.Request) {
	err := s.limits.checkRate("session "+s.clientAddress(r), sessionsPerMinute)
	var key []byte
	if err == nil {
		key, err = s.signingKey.loadKey(r.Context(), s.store)
	}
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	writeJSON(w, https.Nonce{Nonce: newNonce(key, s.now())})
}

func (s *Server) handleSession(w http.ResponseWriter, r *http.Request) {
	var l https.Login
	err := s.limits.checkRate("session "+s.clientAddress(r), sessionsPerMinute)
	if err == nil {
		err = decodeBody(w, r, maxJSON, &l)
	}
	var token string
	if err == nil {
		token, err = s.openSession(r.Context(), l)
	}
	if err != nil {
		s.refuseBox(w, r, l.Box, err)
		return
	}
	writeJSON(w, https.Session{Token: token, Seconds: int(sessionLifetime.Seconds())})
}

// openSession opens a session for a box that signed one of our nonces. It refuses an unknown box,
// and a key other than the one enrolled, with CodeStranger.
func (s *Server) openSession(ctx context.Context, l https.Login) (string, error) {
	secret, err := s.signingKey.loadKey(ctx, s.store)
	if err != nil {
		return "", err
	}
	if _, ok := openStamp(secret, forNonce, l.Nonce, s.now()); !ok {
		return "", errs.NewCode(op, errs.Busy, "nonce", "the nonce has expired or is forged: get a new one")
	}
	key, revoked, err := s.store.BoxKey(ctx, l.Box)
	switch {
	case err != nil:
		return "", err
	case len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, https.Challenge(l.Box, l.Nonce), l.Signature):
		return "", errs.NewCode(op, errs.Denied, cloud.CodeStranger, "the box was enrolled with another key")
	case revoked:
		return "", errs.NewCode(op, errs.Denied, cloud.CodeRevoked, "the box was revoked")
	}
	return signStamp(secret, forSession, s.now().Add(sessionLifetime), []byte(l.Box)), nil
}

// withSession finds the box of a request's session and calls next. The database checks in each
// call of next whether the box is still allowed.
func (s *Server) withSession(next func(w http.ResponseWriter, r *http.Request, box string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		box, err := s.sessionBox(r)
		if err == nil {
			err = s.limits.checkRate("box "+box, callsPerMinute)
		}
		if err == nil {
			err = next(w, r, box)
		}
		if err != nil {
			s.refuseBox(w, r, box, err)
		}
	}
}

func (s *Server) sessionBox(r *http.Request) (string, error) {
	secret, err := s.signingKey.loadKey(r.Context(), s.store)
	if err != nil {
		return "", err
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	box, good := openStamp(secret, forSession, token, s.now())
	if !ok || !good || len(box) == 0 {
		return "", errs.NewCode(op, errs.Denied, https.CodeSession, "the session is over")
	}
	return string(box), nil
}

func (s *Server) handleState(w http.ResponseWriter, r *http.Request, box string) error {
	var self cloud.Self
	if err := decodeBody(w, r, maxJSON, &self); err != nil {
		return err
	}
	st, err := s.store.State(r.Context(), box, self)
	if err != nil {
		return err
	}
	writeJSON(w, st)
	return nil
}

func (s *Server) handleDown(w http.ResponseWriter, r *http.Request, box string) error {
	q := r.URL.Query()
	since, err := strconv.ParseUint(q.Get("since"), 10, 63)
	if err != nil {
		return errs.NewField(op, "since", "bad_number", 0, "must be the number of an item")
	}
	most, err := strconv.ParseUint(q.Get("most"), 10, 31)
	if err != nil || most == 0 {
		return errs.NewField(op, "most", "bad_number", maxItems, "must be 1 or more")
	}
	p, err := s.store.Pull(r.Context(), box, since, int(min(most, maxItems)))
	if err != nil {
		return err
	}
	writeJSON(w, clipPage(p))
	return nil
}

// clipPage cuts a page to maxPage bytes. The next page has the rest.
func clipPage(p cloud.Page) cloud.Page {
	size := 0
	for i, it := range p.Items {
		size += len(it.Data)
		if i > 0 && size > maxPage {
			return cloud.Page{Items: p.Items[:i], Next: p.Items[i-1].N, More: true}
		}
	}
	return p
}
