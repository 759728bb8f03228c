package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/errs"
)

const (
	peoplePerMinute    = 600 // per address
	badTokensPerMinute = 30  // failures per address

	maxStick = 4 << 30 // bytes of a file
)

// peopleRoutes adds the routes of the API.
func (s *Server) peopleRoutes(mux *routes) {
	mux.HandleFunc("GET /api/boxes", s.withGrant(pg.MayRead, s.listBoxes))
	mux.HandleFunc("GET /api/dead", s.withGrant(pg.MayRead, s.listDead))
	mux.HandleFunc("POST /import", s.withGrant(pg.MayAdmin, s.handleImport))
}

// handler answers a request with a valid token.
type handler func(w http.ResponseWriter, r *http.Request, g pg.Grant) error

// withGrant checks the token of a request, or the session of an operator, and calls next if it has
// the right. An operator whose session is over is sent to the page for signing in.
func (s *Server) withGrant(what string, next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g, err := s.checkToken(r, what)
		if errs.BodyOf(err).Code == pg.CodeSignIn {
			redirect(w, r, "signin", nil)
			return
		}
		if err == nil {
			err = next(w, r, g)
		}
		if err != nil {
			if errs.BodyOf(err).Code == pg.CodeBadToken {
				w.Header().Set("WWW-Authenticate", `Basic realm="LiveLearn Cloud: any name, and a token", charset="UTF-8"`)
			}
			s.writeError(w, r, err)
		}
	}
}

// checkToken returns the grant of a request's token. The token is the password of HTTP Basic or a
// bearer token.
func (s *Server) checkToken(r *http.Request, what string) (pg.Grant, error) {
	from := s.clientAddress(r)
	if err := s.limits.checkRate("people "+from, peoplePerMinute); err != nil {
		return pg.Grant{}, err
	}
	if _, err := r.Cookie(sessionCookie); err == nil && r.Header.Get("Authorization") == "" {
		return s.checkOperator(r, what)
	}
	_, token, ok := r.BasicAuth()
	if !ok {
		token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	if !ok || token == "" {
		return pg.Grant{}, errs.NewCode(op, errs.Denied, pg.CodeBadToken, "a token is needed")
	}
	g, err := s.store.CheckToken(r.Context(), token)
	switch {
	case errs.BodyOf(err).Code == pg.CodeBadToken:
		if slow := s.limits.checkRate("fault "+from, badTokensPerMinute); slow != nil {
			return g, slow
		}
		return g, err
	case err != nil:
		return g, err
	case !slices.Contains(g.May, what):
		return g, errs.NewCode(op, errs.Denied, "may_not", "the token lacks the right %q", what)
	}
	return g, nil
}

// checkOperator returns the grant of a request's operator.
func (s *Server) checkOperator(r *http.Request, what string) (pg.Grant, error) {
	g, err := s.checkSession(r)
	if err == nil && !slices.Contains(g.May, what) {
		err = errs.NewCode(op, errs.Denied, "may_not", "an operator's account lacks the right %q: use a token", what)
	}
	return g, err
}

// school returns the school of a request, or "" for all.
func (s *Server) school(r *http.Request, g pg.Grant) (string, error) {
	return s.scope(r.Context(), g, r.FormValue("school"))
}

func (s *Server) listBoxes(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := s.school(r, g)
	if err != nil {
		return err
	}
	list, err := s.store.Boxes(r.Context(), of)
	if err != nil {
		return err
	}
	writeJSON(w, boxesAnswer{append([]pg.BoxState{}, list...)})
	return nil
}

func (s *Server) listDead(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := s.school(r, g)
	if err != nil {
		return err
	}
	list, err := s.store.DeadLetters(r.Context(), of, r.FormValue("box"))
	if err != nil {
		return err
	}
	writeJSON(w, deadAnswer{append([]pg.DeadLetter{}, list...)})
	return nil
}

// importAnswer is the answer to a USB stick file: a report and the reply for its box.
type importAnswer struct {
	usbfile.Report
	Code  string `json:"code,omitempty"` // the file was cut, its whole batches are stored
	Reply any    `json:"reply"`
}

// handleImport imports the file of a USB stick. The file may be large, so each read extends the
// deadline.
func (s *Server) handleImport(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	rc := http.NewResponseController(w)
	body := &pacedReader{r: http.MaxBytesReader(w, r.Body, maxStick), rc: rc, end: time.Now().Add(6 * time.Hour)}
	in, err := usbfile.NewReader(body)
	if err != nil {
		return bodyError(err, maxStick)
	}
	of := r.URL.Query().Get("school") // FormValue would read the body
	if g.School != "" && of != "" && of != g.School {
		return errs.NewCode(op, errs.Denied, "may_not", "the token belongs to another school")
	}
	if g.School != "" {
		if of, err = s.checkOwner(r.Context(), g.School, of, in.Self.Box); err != nil {
			return err
		}
	}
	q := r.URL.Query()
	accept := StickOptions{School: of, Unsigned: q.Get("unsigned") == "1", TrustKey: q.Get("trust_key") == "1"}
	if accept.School == "" {
		accept.School = g.School // checkOwner has found the box there
	}
	who := pg.Actor{Name: g.Name, Address: s.clientAddress(r), School: g.School}
	if !g.Operator {
		who.Name = "token " + g.Name
	}
	rep, reply, err := ImportStick(pg.WithActor(r.Context(), who), s.store, accept, in)
	_ = rc.SetWriteDeadline(time.Now().Add(time.Minute))
	if err != nil && !rep.Cut {
		return err
	}
	s.log.Info("a stick file was imported", "box", loggableID(rep.Box), "n", rep.Stored)
	writeJSON(w, importAnswer{rep, errs.BodyOf(err).Code, reply})
	return nil
}

// checkOwner refuses a file of another school's box if the token belongs to school own. It returns
// the school for a box that has none yet.
func (s *Server) checkOwner(ctx context.Context, own, asked, box string) (string, error) {
	mine, err := s.store.Boxes(ctx, own)
	if err != nil || slices.ContainsFunc(mine, func(b pg.BoxState) bool { return b.Box == box }) {
		return "", err
	}
	_, _, err = s.store.BoxKey(ctx, box)
	switch known := errs.BodyOf(err).Code != cloud.CodeStranger; {
	case known && err != nil:
		return "", err
	case known:
		return "", errs.NewCode(op, errs.Denied, "may_not", "the box belongs to another school")
	case asked == own:
		return own, nil
	}
	return "", errs.NewCode(op, errs.Denied, cloud.CodeStranger, "the box %q is unknown: name its school", loggableID(box))
}

// opsRoutes adds the routes for monitoring.
func (s *Server) opsRoutes(mux *routes) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // the prober may be gone
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if err := s.store.CheckReady(ctx); err != nil {
			s.log.Debug("not ready", "err", err)
			http.Error(w, cmp.Or(pg.ExplainError(err), "the database is not ready"), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	metrics := promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", s.withGrant(pg.MayRead, func(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
		if g.School != "" {
			return errs.NewCode(op, errs.Denied, "may_not", "only a token for all schools may read the metrics")
		}
		metrics.ServeHTTP(w, r)
		return nil
	}))
}
