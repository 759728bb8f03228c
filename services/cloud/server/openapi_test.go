package server_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/server"
	"github.com/livelearn/box/services/openapitest"
)

// pageRoutes are for people, and have no description for programs.
var pageRoutes = []string{
	"GET /style.css", "GET /signin", "POST /signin", "GET /setup", "POST /setup", "POST /signout", "GET /{$}", "GET /box", "POST /rename",
	"GET /revoke", "POST /revoke", "GET /remove", "POST /remove", "GET /schools", "POST /schools", "GET /audit", "GET /audit.csv",
	"GET /updates", "POST /updates", "GET /update", "POST /update",
}

func TestEachRouteIsAPageOrDescribed(t *testing.T) {
	r := newRig(t)
	got, want := r.srv.Patterns(), append(slices.Clone(pageRoutes), server.DocumentedRoutes()...)
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-described +served):\n%s", d)
	}
}

// TestAnswersAreAsDescribed compares the JSON of the node with its description.
func TestAnswersAreAsDescribed(t *testing.T) {
	r := newRig(t)
	c := r.enrolBox("b1")
	b := cloudtest.LessonFacts("b1", 1, 0, 20)
	b.Facts[7].Data = json.RawMessage(`"\u0000"`)
	if _, err := c.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := c.State(t.Context(), cloudtest.NewSelf("b1", 1, 20)); err != nil {
		t.Fatal(err)
	}
	_, head, text := r.get("", "/api/openapi.json")
	var served struct{ OpenAPI string }
	if err := json.Unmarshal([]byte(text), &served); err != nil || served.OpenAPI != "3.1.0" || head.Get("Content-Type") != "application/json" {
		t.Fatalf("got %v %s", err, head)
	}
	doc := server.NewDocument()
	token := r.newToken("", pg.MayRead, pg.MayXAPI)
	for _, path := range []string{"/api/boxes", "/api/dead", "/v1/nonce", "/xapi/about", "/xapi/statements", "/api/nothing", "/api/boxes?school=Typo"} {
		status, _, text := r.get(token, path, "X-Experience-API-Version", "1.0.3")
		path, _, _ = strings.Cut(path, "?")
		if doc.Paths[path] == nil {
			if status != 404 {
				t.Errorf("%s: got %d", path, status)
			}
			continue
		}
		responses := doc.Paths[path].Get.Responses
		described := responses["200"]
		if status != 200 {
			described = responses["4XX"]
		}
		var answer any
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(path, err)
		}
		var result huma.ValidateResult
		huma.Validate(doc.Components.Schemas, described.Content["application/json"].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, answer, &result)
		for _, err := range result.Errors {
			t.Errorf("%s: %v in %s", path, err, text)
		}
	}
	if schema := doc.Components.Schemas.Map()["Self"]; schema == nil || schema.Properties["Incarnation"] == nil {
		t.Errorf("no schema of %T", cloud.Self{})
	}
}

// TestTheDescriptionPassesTheLinter needs redocly.
func TestTheDescriptionPassesTheLinter(t *testing.T) {
	text, err := server.NewDocument().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	openapitest.Lint(t, text)
}
