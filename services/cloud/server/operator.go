package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// sessionCookie is the name of the cookie of operators. Browsers accept the prefix only for a
// cookie that is Secure, of this host and of all paths.
const sessionCookie = "__Host-livelearn"

const signInsPerMinute = 10 // per address, and per name

// operatorRoutes adds the pages for operators.
func (s *Server) operatorRoutes(mux *routes) {
	mux.HandleFunc("GET /style.css", serveStyle)
	mux.HandleFunc("GET /signin", s.showSignIn)
	mux.HandleFunc("POST /signin", s.withForm(s.handleSignIn))
	mux.HandleFunc("GET /setup", s.showSetup)
	mux.HandleFunc("POST /setup", s.withForm(s.handleSetup))
	mux.HandleFunc("POST /signout", s.withForm(s.handleSignOut))

	mux.HandleFunc("GET /{$}", s.withOperator(s.showFleet))
	mux.HandleFunc("GET /box", s.withOperator(s.showBox))
	mux.HandleFunc("POST /rename", s.withOperator(s.renameBox))
	mux.HandleFunc("GET /revoke", s.withOperator(s.confirmDeed("revoke")))
	mux.HandleFunc("POST /revoke", s.withOperator(s.revokeBox))
	mux.HandleFunc("GET /remove", s.withOperator(s.confirmDeed("remove")))
	mux.HandleFunc("POST /remove", s.withOperator(s.removeBox))
	mux.HandleFunc("GET /schools", s.withOperator(s.showSchools))
	mux.HandleFunc("POST /schools", s.withOperator(s.setSilentHours))
	mux.HandleFunc("GET /updates", s.withOperator(s.showUpdates))
	mux.HandleFunc("POST /updates", s.withOperator(s.startUpdate))
	mux.HandleFunc("GET /update", s.withOperator(s.showUpdate))
	mux.HandleFunc("POST /update", s.withOperator(s.changeUpdate))
	mux.HandleFunc("GET /audit", s.withOperator(s.showAudit))
	mux.HandleFunc("GET /audit.csv", s.withOperator(s.exportAudit))
}

// withOperator finds the operator of a request's session and calls next, whose changes are
// recorded under the operator. Without a session it redirects to the page for signing in.
func (s *Server) withOperator(next handler) http.HandlerFunc {
	return s.withForm(func(w http.ResponseWriter, r *http.Request) error {
		g, err := s.checkSession(r)
		if errs.BodyOf(err).Code == pg.CodeSignIn {
			redirect(w, r, "signin", nil)
			return nil
		}
		if err != nil {
			return err
		}
		who := pg.Actor{Name: g.Name, Address: s.clientAddress(r), School: g.School}
		return next(w, r.WithContext(pg.WithActor(r.Context(), who)), g)
	})
}

// withForm reads the form of a page's request and shows errors of next as a page. A browser tells
// where a form comes from, and a request that does not is refused.
func (s *Server) withForm(next func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.limits.checkRate("people "+s.clientAddress(r), peoplePerMinute)
		// The guard before compares hosts only. The cookie is for HTTPS, so forms are of HTTPS too.
		if err == nil && r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") == "" && !strings.HasPrefix(r.Header.Get("Origin"), "https://") {
			err = errs.NewCode(op, errs.Denied, "no_origin", "the request does not say that it comes from a page of this node")
		}
		if err == nil {
			err = parseForm(w, r)
		}
		if err == nil {
			err = next(w, r)
		}
		if err != nil {
			s.showError(w, r, err)
		}
	}
}

func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxJSON)
	if err := r.ParseForm(); err != nil {
		return bodyError(err, maxJSON)
	}
	if !isLegibleQuery(r.Form) {
		return errs.NewField(op, "form", "unreadable", 0, "must be UTF-8 without U+0000")
	}
	return nil
}

// checkSession returns the grant of the request's operator, or errs.Denied (pg.CodeSignIn).
func (s *Server) checkSession(r *http.Request) (pg.Grant, error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil || !utf8.ValidString(c.Value) {
		return pg.Grant{}, errs.NewCode(op, errs.Denied, pg.CodeSignIn, "nobody is signed in")
	}
	return s.store.CheckSession(r.Context(), c.Value)
}

func setSessionCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// redirect answers with another page of the node. The address is relative, because a proxy may
// serve the node below a path.
func redirect(w http.ResponseWriter, r *http.Request, page string, query url.Values) {
	to := "./" + strings.Repeat("../", strings.Count(r.URL.Path, "/")-1) + page
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// showError answers with an error as a page.
func (s *Server) showError(w http.ResponseWriter, r *http.Request, err error) {
	body := s.reportError(w, r, err)
	v := map[string]any{"Title": "That did not work", "Message": body.Message, "Field": body.Field}
	s.showPage(w, errorStatus(err), "error.html", v)
}

// scope returns the school that the operator asks for and may see, or "" for all.
func (s *Server) scope(ctx context.Context, g pg.Grant, asked string) (string, error) {
	switch {
	case g.School != "" && asked != "" && asked != g.School:
		return "", errs.NewCode(op, errs.Denied, "may_not", "the account or token belongs to another school")
	case g.School != "":
		return g.School, nil
	case asked == "":
		return "", nil
	}
	return asked, s.store.FindSchool(ctx, asked)
}
