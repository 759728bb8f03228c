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

// This file serves the statements resource of xAPI 1.0.3 (part 3, section 2.1), read only.
// Learning record stores fetch the results of lessons from it.

const (
	xapiVersion = "1.0.3"
	xapiHeader  = "X-Experience-API-Version"
)

func (s *Server) xapiRoutes(mux *routes) {
	mux.HandleFunc("GET /xapi/about", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(xapiHeader, xapiVersion)
		writeJSON(w, aboutAnswer{[]string{xapiVersion}})
	})
	read := s.withGrant(pg.MayXAPI, s.handleStatements)
	mux.HandleFunc("GET /xapi/statements", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(xapiHeader, xapiVersion) // errors need it too
		read(w, r)
	})
}

func (s *Server) handleStatements(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	if v := r.Header.Get(xapiHeader); !strings.HasPrefix(v, "1.0") {
		return errs.NewField(op, xapiHeader, "bad_version", 0, "the header must be 1.0.x")
	}
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return err
	}
	store := s.store.Reader(r.Context(), q.Since)
	through, err := store.ConsistentThrough(r.Context()) // before the query: it is never ahead of the answer
	if err != nil {
		return err
	}
	q.School, q.Home = g.School, s.homeURL(r)
	list, next, err := store.Statements(r.Context(), q)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("format") == "ids" {
		for i := range list {
			if list[i], err = reduceToIDs(list[i]); err != nil {
				return err
			}
		}
	}
	w.Header().Set("X-Experience-API-Consistent-Through", through.UTC().Format("2006-01-02T15:04:05.000000Z"))
	if q.ID != "" {
		if len(list) == 0 {
			return errs.NewCode(op, errs.Missing, "no_statement", "there is no such statement")
		}
		writeJSON(w, list[0])
		return nil
	}
	writeJSON(w, struct {
		Statements []json.RawMessage `json:"statements"`
		More       string            `json:"more"`
	}{append([]json.RawMessage{}, list...), nextPage(r.URL.Query(), next)})
	return nil
}

// homeURL returns the IRI prefix of activities and accounts.
func (s *Server) homeURL(r *http.Request) string {
	if s.cfg.Home != "" {
		return strings.TrimRight(s.cfg.Home, "/")
	}
	return (&url.URL{Scheme: "https", Host: r.Host}).String()
}

// nextPage returns the path of the next page with the same filters, or "" at the end.
func nextPage(q url.Values, next string) string {
	if next == "" {
		return ""
	}
	q.Set("more", next)
	return "/xapi/statements?" + q.Encode()
}

// parseQuery parses the parameters. An unknown one is an error (section 2.1.3).
func parseQuery(v url.Values) (q pg.StatementQuery, err error) {
	for key, list := range v {
		if len(list) != 1 {
			return q, badQuery(key, "must be given once")
		}
		if err := setParam(&q, key, list[0]); err != nil {
			return q, err
		}
	}
	for key := range v {
		if q.ID != "" && key != "statementId" && key != "format" && key != "attachments" {
			return q, badQuery(key, "does not go with statementId")
		}
	}
	return q, nil
}

func badQuery(field, text string) error { return errs.NewField(op, field, "bad_query", 0, "%s", text) }

// setParam sets one parameter in q.
func setParam(q *pg.StatementQuery, key, text string) (err error) {
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
		q.Pupil, err = parseAccount(text)
	case "since":
		q.Since, err = parseTime(key, text)
	case "until":
		q.Until, err = parseTime(key, text)
	case "ascending":
		q.Ascending, err = parseBool(key, text)
	case "limit":
		q.Limit, err = strconv.Atoi(text)
		if err != nil || q.Limit < 0 {
			err = badQuery(key, "must be 0 or more")
		}
	case "attachments", "related_activities", "related_agents": // accepted without effect
		_, err = parseBool(key, text)
	case "format":
		if text != "exact" && text != "ids" && text != "canonical" {
			err = badQuery(key, "must be ids, exact or canonical")
		}
	default:
		err = badQuery(key, "is not known here")
	}
	return err
}

func parseTime(key, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, badQuery(key, "must be a time such as 2026-09-01T08:00:00Z")
	}
	return t, nil
}

func parseBool(key, text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, badQuery(key, "must be true or false")
	}
	return text == "true", nil
}

// parseAccount returns the pupil of an agent. Agents without an account match no pupil.
func parseAccount(text string) (string, error) {
	var a struct {
		Account struct {
			Name string `json:"name"`
		} `json:"account"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil || a.Account.Name == "" || strings.ContainsRune(a.Account.Name, 0) {
		return "", badQuery("agent", "must be an agent with an account")
	}
	return a.Account.Name, nil
}
