package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/stick"
	"github.com/livelearn/box/services/errs"
)

const (
	callsOfPeople  = 600 // a minute of an address
	faultsOfPeople = 30  // the same, with a wrong token

	maxStick = 4 << 30 // bytes of a file
)

// people is what a school looks at.
func (s *Server) people(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.may(pg.MayRead, s.page))
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /api/boxes", s.may(pg.MayRead, s.listBoxes))
	mux.HandleFunc("GET /api/dead", s.may(pg.MayRead, s.listDead))
	mux.HandleFunc("POST /import", s.may(pg.MayAdmin, s.takeStick))
}

// handler is what answers somebody with a token.
type handler func(w http.ResponseWriter, r *http.Request, g pg.Grant) error

// may calls next for those whose token allows it.
func (s *Server) may(what string, next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g, err := s.grant(r, what)
		if err == nil {
			err = next(w, r, g)
		}
		if err != nil {
			if errs.BodyOf(err).Code == pg.CodeBadToken {
				w.Header().Set("WWW-Authenticate", `Basic realm="LiveLearn Cloud: any name, and a token", charset="UTF-8"`)
			}
			s.fail(w, r, err)
		}
	}
}

// grant is what the token of a request allows: the password of HTTP Basic, or a bearer.
func (s *Server) grant(r *http.Request, what string) (pg.Grant, error) {
	from := s.from(r)
	if err := s.rates.allow("people "+from, callsOfPeople); err != nil {
		return pg.Grant{}, err
	}
	_, token, ok := r.BasicAuth()
	if !ok {
		token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	if !ok || token == "" {
		return pg.Grant{}, errs.Code(op, errs.Denied, pg.CodeBadToken, "a token is needed")
	}
	g, err := s.store.Token(r.Context(), token)
	switch {
	case errs.BodyOf(err).Code == pg.CodeBadToken:
		if slow := s.rates.allow("fault "+from, faultsOfPeople); slow != nil {
			return g, slow
		}
		return g, err
	case err != nil:
		return g, err
	case !slices.Contains(g.May, what):
		return g, errs.Code(op, errs.Denied, "may_not", "the token is not for this; it would have to be for %q", what)
	}
	return g, nil
}

// school is the school that a request is about; empty: all.
func school(r *http.Request, g pg.Grant) (string, error) {
	asked := r.FormValue("school")
	if g.School != "" && asked != "" && asked != g.School {
		return "", errs.Code(op, errs.Denied, "may_not", "the token is another school's")
	}
	if g.School != "" {
		return g.School, nil
	}
	return asked, nil
}

func (s *Server) listBoxes(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := school(r, g)
	if err != nil {
		return err
	}
	list, err := s.store.Boxes(r.Context(), of)
	if err != nil {
		return err
	}
	answer(w, struct {
		Boxes []pg.BoxState `json:"boxes"`
	}{append([]pg.BoxState{}, list...)})
	return nil
}

func (s *Server) listDead(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	of, err := school(r, g)
	if err != nil {
		return err
	}
	list, err := s.store.Dead(r.Context(), of, r.FormValue("box"))
	if err != nil {
		return err
	}
	answer(w, struct {
		Dead []pg.DeadLetter `json:"dead"`
	}{append([]pg.DeadLetter{}, list...)})
	return nil
}

// taken is the answer to a stick: what became of it, and what its box is to be told.
type taken struct {
	stick.Report
	Code  string `json:"code,omitempty"` // the file is not whole: what was whole is in
	Reply any    `json:"reply"`
}

// takeStick takes in a stick's file. It may be large: it has time as long as it moves.
func (s *Server) takeStick(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	rc := http.NewResponseController(w)
	body := &pausing{r: http.MaxBytesReader(w, r.Body, maxStick), rc: rc, end: time.Now().Add(6 * time.Hour)}
	in, err := stick.NewReader(body)
	if err != nil {
		return unread(err, maxStick)
	}
	of := r.URL.Query().Get("school") // not FormValue: that would read the body
	if g.School != "" && of != "" && of != g.School {
		return errs.Code(op, errs.Denied, "may_not", "the token is another school's")
	}
	if g.School != "" {
		if of, err = s.owned(r.Context(), g.School, of, in.Self.Box); err != nil {
			return err
		}
	}
	rep, reply, err := TakeStick(r.Context(), s.store, of, in)
	_ = rc.SetWriteDeadline(time.Now().Add(time.Minute))
	if err != nil && !rep.Cut {
		return err
	}
	s.log.Info("a stick was taken in", "box", shown(rep.Box), "n", rep.Stored)
	answer(w, taken{rep, errs.BodyOf(err).Code, reply})
	return nil
}

// owned refuses a stick of a box that another school has, for a token of the school own, and
// gives the school that a box becomes which none has.
func (s *Server) owned(ctx context.Context, own, asked, box string) (string, error) {
	mine, err := s.store.Boxes(ctx, own)
	if err != nil || slices.ContainsFunc(mine, func(b pg.BoxState) bool { return b.Box == box }) {
		return "", err
	}
	_, _, err = s.store.Key(ctx, box)
	switch known := errs.BodyOf(err).Code != cloud.CodeStranger; {
	case known && err != nil:
		return "", err
	case known:
		return "", errs.Code(op, errs.Denied, "may_not", "the box is another school's")
	case asked == own:
		return own, nil
	}
	return "", errs.Code(op, errs.Denied, cloud.CodeStranger, "nobody knows the box %q: name its school", shown(box))
}

// operations are what operators' programs already know.
func (s *Server) operations(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // the prober is gone: nobody to tell
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if err := s.store.Ready(ctx); err != nil {
			s.log.Debug("not ready", "err", err)
			http.Error(w, "the database is not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	metrics := promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", s.may(pg.MayRead, func(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
		if g.School != "" {
			return errs.Code(op, errs.Denied, "may_not", "for tokens of all schools")
		}
		metrics.ServeHTTP(w, r)
		return nil
	}))
}
