package server

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/sheet"
)

const auditPage = 100 // entries of a page

type auditData struct {
	basePage
	Text    string
	Deeds   []pg.Deed
	Earlier string // address of the page with the entries before
	Export  string // address of the same entries as a file
}

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	q := auditQuery(r, g)
	q.Before, _ = strconv.ParseInt(r.Form.Get("before"), 10, 64) // nonsense is the newest page
	q.Limit = auditPage + 1
	v := auditData{basePage: s.newBasePage(r, g, "audit", "Audit log"), Text: q.Text, Export: "audit.csv?" + url.Values{"q": {q.Text}}.Encode()}
	for d, err := range s.store.Deeds(r.Context(), q) {
		if err != nil {
			return err
		}
		v.Deeds = append(v.Deeds, d)
	}
	if len(v.Deeds) > auditPage {
		v.Deeds = v.Deeds[:auditPage]
		v.Earlier = "?" + url.Values{"q": {q.Text}, "before": {strconv.FormatInt(v.Deeds[auditPage-1].ID, 10)}}.Encode()
	}
	s.showPage(w, http.StatusOK, "audit.html", v)
	return nil
}

// auditQuery returns the query of a page. An operator of a school sees the entries of the school.
func auditQuery(r *http.Request, g pg.Grant) pg.DeedQuery {
	return pg.DeedQuery{School: g.School, Text: strings.TrimSpace(r.Form.Get("q"))}
}

// exportAudit answers with the audit log as CSV.
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request, g pg.Grant) error {
	q := auditQuery(r, g)
	return s.exportFile("audit.csv", "text/csv; charset=utf-8", func(ctx context.Context, _ *pg.Store, out io.Writer, _ pg.Period) error {
		head := []string{"time", "operator", "address", "school", "action", "object", "detail"}
		return writeRows(out, head, s.store.Deeds(ctx, q), func(d pg.Deed) []string {
			return []string{
				d.At.UTC().Format(time.RFC3339), sheet.Text(d.Operator), sheet.Text(d.Address), sheet.Text(d.School),
				sheet.Text(d.Action), sheet.Text(d.Object), sheet.Text(d.Detail),
			}
		})
	})(w, r, g)
}
