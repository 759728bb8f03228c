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
	maxJSON = 64 << 10 // bytes of a request that is no batch
	maxPage = 2 << 20  // bytes of items in an answer; one item may be more

	enrolsPerMinute   = 10  // of an address
	sessionsPerMinute = 240 // the same: a school sits behind one
	callsPerMinute    = 600 // of a box
	mostItems         = 1000
)

// boxes is what boxes ask for.
func (s *Server) boxes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/enrol", s.enrol)
	mux.HandleFunc("GET /v1/nonce", s.nonce)
	mux.HandleFunc("POST /v1/session", s.session)
	mux.HandleFunc("POST /v1/state", s.within(s.state))
	mux.HandleFunc("POST /v1/facts", s.within(s.facts))
	mux.HandleFunc("GET /v1/down", s.within(s.down))
}

func (s *Server) enrol(w http.ResponseWriter, r *http.Request) {
	var e https.Enrolment
	err := s.rates.allow("enrol "+s.from(r), enrolsPerMinute)
	if err == nil {
		err = take(w, r, maxJSON, &e)
	}
	var school string
	if err == nil {
		school, err = s.store.Enrol(r.Context(), pg.Enrolment{Code: e.Code, Box: e.Box, Name: e.Name, Version: e.Version, Key: e.Key})
	}
	if err != nil {
		s.refuse(w, r, e.Box, err)
		return
	}
	s.log.Info("a box was enrolled", "box", shown(e.Box))
	answer(w, https.Enrolled{School: school})
}

func (s *Server) nonce(w http.ResponseWriter, r *http.Request) {
	err := s.rates.allow("session "+s.from(r), sessionsPerMinute)
	var key []byte
	if err == nil {
		key, err = s.secrets.get(r.Context(), s.store)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, https.Nonce{Nonce: newNonce(key, s.now())})
}

func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	var l https.Login
	err := s.rates.allow("session "+s.from(r), sessionsPerMinute)
	if err == nil {
		err = take(w, r, maxJSON, &l)
	}
	var token string
	if err == nil {
		token, err = s.login(r.Context(), l)
	}
	if err != nil {
		s.refuse(w, r, l.Box, err)
		return
	}
	answer(w, https.Session{Token: token, Seconds: int(sessionLife.Seconds())})
}

// login opens a session for a box that signed a nonce of ours. Who has another key than the
// box had when it was enrolled is a stranger, as is one that nobody knows.
func (s *Server) login(ctx context.Context, l https.Login) (string, error) {
	secret, err := s.secrets.get(ctx, s.store)
	if err != nil {
		return "", err
	}
	if _, ok := open(secret, forNonce, l.Nonce, s.now()); !ok {
		return "", errs.Code(op, errs.Busy, "nonce", "the nonce is too old, or no node gave it: take a new one")
	}
	key, revoked, err := s.store.Key(ctx, l.Box)
	switch {
	case err != nil:
		return "", err
	case len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, https.Challenge(l.Box, l.Nonce), l.Signature):
		return "", errs.Code(op, errs.Denied, cloud.CodeStranger, "the box was enrolled with another key")
	case revoked:
		return "", errs.Code(op, errs.Denied, cloud.CodeRevoked, "the box was revoked")
	}
	return stamp(secret, forSession, s.now().Add(sessionLife), []byte(l.Box)), nil
}

// within calls next for the box whose session a request belongs to. Whether the box may
// still is looked up by what next asks of the database.
func (s *Server) within(next func(w http.ResponseWriter, r *http.Request, box string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		box, err := s.whose(r)
		if err == nil {
			err = s.rates.allow("box "+box, callsPerMinute)
		}
		if err == nil {
			err = next(w, r, box)
		}
		if err != nil {
			s.refuse(w, r, box, err)
		}
	}
}

func (s *Server) whose(r *http.Request) (string, error) {
	secret, err := s.secrets.get(r.Context(), s.store)
	if err != nil {
		return "", err
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	box, good := open(secret, forSession, token, s.now())
	if !ok || !good || len(box) == 0 {
		return "", errs.Code(op, errs.Denied, https.CodeSession, "the session is over")
	}
	return string(box), nil
}

func (s *Server) state(w http.ResponseWriter, r *http.Request, box string) error {
	var self cloud.Self
	if err := take(w, r, maxJSON, &self); err != nil {
		return err
	}
	st, err := s.store.State(r.Context(), box, self)
	if err != nil {
		return err
	}
	answer(w, st)
	return nil
}

func (s *Server) down(w http.ResponseWriter, r *http.Request, box string) error {
	q := r.URL.Query()
	since, err := strconv.ParseUint(q.Get("since"), 10, 63)
	if err != nil {
		return errs.Field(op, "since", "bad_number", 0, "must be the number of an item")
	}
	most, err := strconv.ParseUint(q.Get("most"), 10, 31)
	if err != nil || most == 0 {
		return errs.Field(op, "most", "bad_number", mostItems, "must be 1 or more")
	}
	p, err := s.store.Pull(r.Context(), box, since, int(min(most, mostItems)))
	if err != nil {
		return err
	}
	answer(w, clip(p))
	return nil
}

// clip leaves out what would make an answer too large; it comes with the next one.
func clip(p cloud.Page) cloud.Page {
	size := 0
	for i, it := range p.Items {
		size += len(it.Data)
		if i > 0 && size > maxPage {
			return cloud.Page{Items: p.Items[:i], Next: p.Items[i-1].N, More: true}
		}
	}
	return p
}
