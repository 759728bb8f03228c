package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// The statements resource of xAPI 1.0.3 (part 3, section 2.1), for reading: learning record
// stores fetch from here what came of lessons.

const (
	xapiVersion = "1.0.3"
	xapiHeader  = "X-Experience-API-Version"
)

func (s *Server) xapi(mux *http.ServeMux) {
	mux.HandleFunc("GET /xapi/about", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(xapiHeader, xapiVersion)
		answer(w, struct {
			Version []string `json:"version"`
		}{[]string{xapiVersion}})
	})
	read := s.may(pg.MayXAPI, s.statements)
	mux.HandleFunc("GET /xapi/statements", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(xapiHeader, xapiVersion) // also with errors
		read(w, r)
	})
}

func (s *Server) statements(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	if v := r.Header.Get(xapiHeader); !strings.HasPrefix(v, "1.0") {
		return errs.Field(op, xapiHeader, "bad_version", 0, "the header must be there and say 1.0.x")
	}
	began := s.now()
	q, err := query(r.URL.Query())
	if err != nil {
		return err
	}
	q.School, q.Home = g.School, s.home(r)
	list, next, err := s.store.Statements(r.Context(), q)
	if err != nil {
		return err
	}
	w.Header().Set("X-Experience-API-Consistent-Through", began.UTC().Format(time.RFC3339))
	if q.ID != "" {
		if len(list) == 0 {
			return errs.Code(op, errs.Missing, "no_statement", "there is no such statement")
		}
		answer(w, list[0])
		return nil
	}
	answer(w, struct {
		Statements []json.RawMessage `json:"statements"`
		More       string            `json:"more"`
	}{append([]json.RawMessage{}, list...), onward(r.URL.Query(), next)})
	return nil
}

// home is what ids of activities and people begin with.
func (s *Server) home(r *http.Request) string {
	if s.cfg.Home != "" {
		return strings.TrimRight(s.cfg.Home, "/")
	}
	return (&url.URL{Scheme: "https", Host: r.Host}).String()
}

// onward is where a reader goes on, with all that was asked; empty at the end.
func onward(q url.Values, next string) string {
	if next == "" {
		return ""
	}
	q.Set("more", next)
	return "/xapi/statements?" + q.Encode()
}

// query reads what is asked for. What is not known is an error (section 2.1.3).
func query(v url.Values) (q pg.StatementQuery, err error) {
	for key, list := range v {
		if len(list) != 1 {
			return q, bad(key, "must be given once")
		}
		if err := ask(&q, key, list[0]); err != nil {
			return q, err
		}
	}
	for key := range v {
		if q.ID != "" && key != "statementId" && key != "format" && key != "attachments" {
			return q, bad(key, "does not go with statementId")
		}
	}
	return q, nil
}

func bad(field, text string) error { return errs.Field(op, field, "bad_query", 0, "%s", text) }

// ask adds one parameter to q.
func ask(q *pg.StatementQuery, key, text string) (err error) {
	switch key {
	case "statementId":
		q.ID = text
	case "verb":
		q.Verb = text
	case "activity":
		q.Activity = text
	case "more":
		q.More = text
	case "agent":
		q.Pupil, err = account(text)
	case "since":
		q.Since, err = moment(key, text)
	case "until":
		q.Until, err = moment(key, text)
	case "ascending":
		q.Ascending, err = flag(key, text)
	case "limit":
		q.Limit, err = strconv.Atoi(text)
		if err != nil || q.Limit < 0 {
			err = bad(key, "must be 0 or more")
		}
	case "attachments", "related_activities", "related_agents": // there are none
		_, err = flag(key, text)
	case "format":
		if text != "exact" && text != "ids" && text != "canonical" {
			err = bad(key, "must be ids, exact or canonical")
		}
	default:
		err = bad(key, "is not known here")
	}
	return err
}

func moment(key, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, bad(key, "must be a time such as 2026-09-01T08:00:00Z")
	}
	return t, nil
}

func flag(key, text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, bad(key, "must be true or false")
	}
	return text == "true", nil
}

// account is the pupil that an agent is. Whoever is known by mail only is nobody here.
func account(text string) (string, error) {
	var a struct {
		Account struct {
			Name string `json:"name"`
		} `json:"account"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil || a.Account.Name == "" || strings.ContainsRune(a.Account.Name, 0) {
		return "", bad("agent", "must be an agent with an account")
	}
	return a.Account.Name, nil
}
