package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
)

// TestStatementsAreReadAsTheConformanceSuiteAsks has those requirements of adlnet's conformance suite
// for xAPI 1.0.3 that apply to a store that is only read, and has no attachments and no registrations.
func TestStatementsAreReadAsTheConformanceSuiteAsks(t *testing.T) {
	r := newRig(t)
	addGradedLesson(t, r)
	token := r.newToken(cloudtest.School, pg.MayXAPI)
	get := func(query string) (int, http.Header, string) {
		return r.get(token, "/xapi/statements"+query, "X-Experience-API-Version", "1.0.3")
	}
	_, _, text := get("?limit=1")
	var first struct{ Statements []struct{ ID, Stored string } }
	if err := json.Unmarshal([]byte(text), &first); err != nil || len(first.Statements) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	id, stored := first.Statements[0].ID, url.QueryEscape(first.Statements[0].Stored)
	for _, c := range []struct {
		requirement, query string
		status             int
		has, lacks         string
	}{
		{"no parameter is needed", "", 200, id, ""},
		{"statementId returns one statement", "?statementId=" + id, 200, id, `"more"`},
		{"a statement that is not there is 404", "?statementId=6c1b0b0e-0000-4000-8000-000000000000", 404, "", id},
		{"statementId goes with format and attachments only", "?statementId=" + id + "&limit=1", 400, "", id},
		{"statementId with both", "?statementId=" + id + "&format=exact&attachments=false", 200, id, ""},
		{"agent must be JSON", "?agent=ada", 400, "", id},
		{"an agent that is not there has no statement", "?agent=" + url.QueryEscape(`{"account":{"homePage":"https://x.example","name":"p_none"}}`), 200, `"statements":[]`, id},
		{"verb filters", "?verb=" + url.QueryEscape("https://x.example/none"), 200, `"statements":[]`, id},
		{"activity filters", "?activity=" + url.QueryEscape("https://x.example/none"), 200, `"statements":[]`, id},
		{"since is later than stored", "?since=" + stored + "&limit=1&ascending=true", 200, "", id},
		{"until has what was stored then", "?until=" + stored, 200, id, ""},
		{"since must be a time", "?since=yesterday", 400, "", id},
		{"until must be a time", "?until=1", 400, "", id},
		{"limit 0 is the most that the server gives", "?limit=0", 200, id, ""},
		{"limit must not be negative", "?limit=-1", 400, "", id},
		{"ascending must be a truth value", "?ascending=up", 400, "", id},
		{"format exact has names", "?statementId=" + id + "&format=exact", 200, `"display"`, ""},
		{"format canonical has names", "?statementId=" + id + "&format=canonical", 200, `"display"`, ""},
		{"format ids has no verb's name", "?statementId=" + id + "&format=ids", 200, id, `"display"`},
		{"format ids has no activity's definition", "?limit=0&format=ids", 200, id, `"definition"`},
		{"format must be one of three", "?format=short", 400, "", id},
		{"an unknown parameter is refused", "?foo=bar", 400, "", id},
		{"parameters have their case", "?StatementID=" + id, 400, "", id},
	} {
		status, head, text := get(c.query)
		if status != c.status || !strings.Contains(text, c.has) || c.lacks != "" && status == 200 && strings.Contains(text, c.lacks) {
			t.Errorf("%s: %s: got %d %s", c.requirement, c.query, status, text)
		}
		if head.Get("X-Experience-API-Version") != "1.0.3" || status == 200 && (head.Get("X-Experience-API-Consistent-Through") == "" || !strings.HasPrefix(head.Get("Content-Type"), "application/json")) {
			t.Errorf("%s: %s: headers %v", c.requirement, c.query, head)
		}
	}
}
