package server

import (
	"cmp"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// operation is an operation for programs. The pages for people have no description.
type operation struct {
	route   string // as in the mux
	summary string
	tag     string
	auth    string // name of the security scheme, empty means none
	params  []*huma.Param
	body    any    // of the request, nil means none
	kind    string // media type of a body or an answer that is not JSON
	answer  any    // of status 200, nil means a file or a text
}

// Names of the security schemes.
const (
	authBox   = "box"
	authToken = "token"
	authBasic = "password"
)

// answers of the API, by their JSON.
type (
	boxesAnswer struct {
		Boxes []pg.BoxState `json:"boxes"`
	}
	deadAnswer struct {
		Dead []pg.DeadLetter `json:"dead"`
	}
	statementsAnswer struct {
		Statements []map[string]any `json:"statements"`
		More       string           `json:"more" doc:"Path of the next page; empty at the end."`
	}
	aboutAnswer struct {
		Version []string `json:"version"`
	}
)

func query(name, kind, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: kind}}
}

// operations returns the operations for programs.
func operations() []operation {
	school := query("school", "string", "Name of a school. Without it: all that the token may read.")
	unsigned := query("unsigned", "integer", "1: take a file without a signature, which an earlier program of the box wrote.")
	trustKey := query("trust_key", "integer", "1: from now on, take the key of the file as that of the box. It needs the school.")
	since := query("since", "string", "Date or RFC 3339 time: only lessons that became visible after it.")
	export := func(name, kind, summary string, params ...*huma.Param) operation {
		return operation{route: "GET /export/" + name, summary: summary, tag: "exports", auth: authToken, params: append([]*huma.Param{school, since}, params...), kind: kind}
	}
	return []operation{
		{route: "POST /v1/enrol", summary: "A box joins the school of a code", tag: "boxes", body: https.Enrolment{}, answer: https.Enrolled{}},
		{route: "GET /v1/nonce", summary: "A text for a box to sign", tag: "boxes", answer: https.Nonce{}},
		{route: "POST /v1/session", summary: "A box opens a session with the signed text", tag: "boxes", body: https.Login{}, answer: https.Session{}},
		{route: "POST /v1/state", summary: "A box tells how it is, and learns what the cloud has of it", tag: "boxes", auth: authBox, body: cloud.Self{}, answer: cloud.State{}},
		{route: "POST /v1/facts", summary: "A batch of facts", tag: "boxes", auth: authBox, body: []byte{}, kind: https.TypeBatch, answer: cloud.Receipt{}},
		{route: "GET /v1/down", summary: "Class lists, quizzes, pictures, policy, updates and erasures for a box", tag: "boxes", auth: authBox, answer: cloud.Page{}, params: []*huma.Param{
			query("since", "integer", "Number of the last item that the box has."), query("most", "integer", "Most items of the answer."),
		}},
		{route: "GET /api/boxes", summary: "The boxes and how they are", tag: "fleet", auth: authToken, params: []*huma.Param{school}, answer: boxesAnswer{}},
		{route: "GET /api/dead", summary: "The facts that the database refused", tag: "fleet", auth: authToken, params: []*huma.Param{school, query("box", "string", "Id of a box.")}, answer: deadAnswer{}},
		{route: "POST /import", summary: "The file of a box's USB stick", tag: "fleet", auth: authToken, params: []*huma.Param{school, unsigned, trustKey}, body: []byte{}, kind: "application/octet-stream", answer: importAnswer{}},
		export("results.csv", "text/csv", "What each pupil reached"),
		export("attendance.csv", "text/csv", "Who was in which lesson"),
		export("oneroster.zip", "application/zip", "Results as OneRoster 1.2 CSV"),
		{route: "GET /xapi/about", summary: "The version of xAPI", tag: "xapi", answer: aboutAnswer{}},
		{route: "GET /xapi/statements", summary: "Statements of xAPI 1.0.3", tag: "xapi", auth: authToken, answer: statementsAnswer{}, params: []*huma.Param{
			{Name: xapiHeader, In: "header", Required: true, Description: "1.0.3", Schema: &huma.Schema{Type: "string"}},
			query("statementId", "string", "Id of one statement."), query("agent", "string", "Agent as JSON, with an account."), query("verb", "string", "IRI."),
			query("activity", "string", "IRI."), query("since", "string", "RFC 3339 time."), query("until", "string", "RFC 3339 time."),
			query("ascending", "boolean", "Oldest first."), query("limit", "integer", "Most statements of the answer."), query("more", "string", "From the answer before."),
		}},
		{route: "GET /healthz", summary: "Whether the program runs", tag: "operation", kind: "text/plain"},
		{route: "GET /readyz", summary: "Whether the database takes data, or why not", tag: "operation", kind: "text/plain"},
		{route: "GET /metrics", summary: "Metrics for Prometheus", tag: "operation", auth: authToken, kind: "text/plain"},
		{route: "GET /api/openapi.json", summary: "This description", tag: "operation", answer: map[string]any{}},
	}
}

// newDocument returns the description of the operations for programs (OpenAPI 3.1). Its schemas
// are those of the Go types.
func newDocument() *huma.OpenAPI {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "LiveLearn Cloud", Version: "1", License: &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"},
			Description: "What a node of the cloud offers to boxes and programs. People use its pages.",
		},
		Servers: []*huma.Server{{URL: "/", Description: "This node"}},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
			authBox:   {Type: "http", Scheme: "bearer", Description: "The token of POST /v1/session."},
			authToken: {Type: "http", Scheme: "bearer", Description: "A token of livelearn cloud token."},
			authBasic: {Type: "http", Scheme: "basic", Description: "Any name, and a token as the password."},
		}},
	}
	fault := schemas.Schema(reflect.TypeFor[errs.Body](), true, "")
	for _, o := range operations() {
		doc.AddOperation(o.describe(schemas, fault))
	}
	for _, name := range []string{"Dead", "DeadLetter"} { // a number of 64 bits is a text in JSON
		schemas.Map()[name].Properties["incarnation"] = &huma.Schema{Type: "string"}
	}
	return doc
}

// describe returns an operation as OpenAPI has it.
func (o operation) describe(schemas huma.Registry, fault *huma.Schema) *huma.Operation {
	method, path, _ := strings.Cut(o.route, " ")
	d := &huma.Operation{
		Method: method, Path: path, Summary: o.summary, Tags: []string{o.tag}, Parameters: o.params, Security: []map[string][]string{},
		OperationID: strings.ToLower(method) + strings.NewReplacer("/", "-", ".", "-").Replace(path),
		Responses:   map[string]*huma.Response{},
	}
	switch o.auth {
	case authBox:
		d.Security = []map[string][]string{{authBox: {}}}
	case authToken:
		d.Security = []map[string][]string{{authToken: {}}, {authBasic: {}}}
	}
	media := func(v any, kind string) map[string]*huma.MediaType {
		if v == nil || kind != "" {
			return map[string]*huma.MediaType{cmp.Or(kind, "text/plain"): {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
		}
		t := reflect.TypeOf(v)
		return map[string]*huma.MediaType{typeJSON: {Schema: schemas.Schema(t, true, d.OperationID)}}
	}
	if o.body != nil {
		d.RequestBody = &huma.RequestBody{Required: true, Content: media(o.body, o.kind)}
		d.Responses["200"] = &huma.Response{Description: "Done", Content: media(o.answer, "")}
	} else {
		d.Responses["200"] = &huma.Response{Description: "Done", Content: media(o.answer, o.kind)}
	}
	d.Responses["4XX"] = &huma.Response{Description: "Refused", Content: map[string]*huma.MediaType{typeJSON: {Schema: fault}}}
	d.Responses["5XX"] = &huma.Response{Description: "A fault of the node, or of its database", Content: map[string]*huma.MediaType{typeJSON: {Schema: fault}}}
	if path == "/readyz" {
		d.Responses["503"] = &huma.Response{Description: "Not ready: the text says why", Content: media(nil, "")}
	}
	return d
}

// documentRoutes adds the description of the API.
func (s *Server) documentRoutes(mux *routes) {
	data, err := newDocument().MarshalJSON()
	if err != nil {
		panic(err) // the table of operations is wrong
	}
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeJSON)
		_, _ = w.Write(data)
	})
}

// routes is a mux that remembers its patterns.
type routes struct {
	*http.ServeMux
	patterns []string
}

// HandleFunc registers a handler.
func (m *routes) HandleFunc(pattern string, handler http.HandlerFunc) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, handler)
}
