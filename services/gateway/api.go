package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/livelearn/box/services/errs"
)

const maxBody = 256 << 10

// build puts the whole door together.
func (g *Gateway) build() http.Handler {
	mux := http.NewServeMux()
	p := newPages(g.Pages)
	for _, path := range []string{
		"/{$}", "/j/{key}", "/c/{token}", "/claim", "/login", "/teach", "/teach/{room}", "/screen/{room}", "/remote/{room}", "/quiz/{id}", "/cards/{class}", "/results/{lesson}", "/capsule/{lesson}", "/lesson", "/admin",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			g.greet(w, r)
			p.index(w, r)
		})
	}
	mux.HandleFunc("GET /assets/", p.asset)
	mux.HandleFunc("GET /socket/websocket", g.socket)
	mux.HandleFunc("GET /ca.crt", g.caFile)
	mux.HandleFunc("GET /slides/{deck}/{file}", g.slide)
	mux.HandleFunc("GET /recordings/{lesson}/{file}", g.recording)
	mux.Handle("/whip/", g.door)
	mux.Handle("/whep/", g.door)
	g.operations(mux)
	g.api(mux)
	return g.guard(g.unhurried(mux))
}

// api is every operation under /api, described at /api/openapi.json and .yaml.
func (g *Gateway) api(mux *http.ServeMux) {
	useProblems()
	conf := huma.DefaultConfig("LiveLearn Box", g.Version)
	conf.Info.Description = "What the pages use, and anybody may. Sign in with the cookie `ll` or a bearer token."
	conf.OpenAPIPath, conf.DocsPath, conf.SchemasPath = "/api/openapi", "", ""
	conf.CreateHooks = nil // no $schema links in answers
	conf.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: cookieName},
		"bearer":  {Type: "http", Scheme: "bearer"},
	}
	a := humago.New(mux, conf)
	g.peopleAPI(a)
	g.staffAPI(a)
	g.classesAPI(a)
	g.intakeAPI(a)
	g.cardsAPI(a)
	g.lessonsAPI(a)
	g.materialsAPI(a)
	g.whipAPI(a)
	g.mediaAPI(a)
	g.resultsAPI(a)
	g.capsuleAPI(a)
	g.privacyAPI(a)
	g.joinAPI(a)
	g.jobsAPI(a)
	g.adminAPI(a)
	g.historyAPI(a)
	g.clockAPI(a)
	g.libraryAPI(a)
	g.updateAPI(mux, a)
	g.systemAPI(a)
	g.cloudAPI(a)
}

// level is who may call an operation.
type level uint8

const (
	anybody level = iota
	member        // a pupil in a lesson, or staff
	staff
	admin
)

// larger lets the body of an operation be of so many bytes.
func larger(bytes int64) func(*huma.Operation) {
	return func(op *huma.Operation) { op.MaxBodyBytes = bytes }
}

// add registers an operation that only those of the level may call. The handler finds
// who it is in the context. The changes are made to it before it is registered.
func add[I, O any](g *Gateway, api huma.API, method, path, id, summary string, may level, h func(context.Context, *I) (*O, error),
	changes ...func(*huma.Operation),
) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: maxBody,
		Errors: []int{400, 401, 403, 404, 409, 429, 503},
	}
	for _, change := range changes {
		change(&op)
	}
	if may > anybody {
		op.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
	}
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		w := g.who(r)
		if err := w.may(may); err != nil {
			b := errs.BodyOf(err)
			writeProblem(ctx, w.status(err), b)
			return
		}
		next(huma.WithValue(huma.WithValue(ctx, callerKey{}, w), requestKey{}, r))
	}}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, g.problem(id, err)
		}
		return out, nil
	})
}

type (
	callerKey  struct{}
	requestKey struct{}
)

// refusal is an error as the client gets it: RFC 9457 with the fields of errs.Body.
type refusal struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	errs.Body
}

// Error implements error.
func (p *refusal) Error() string { return p.Title + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *refusal) GetStatus() int { return p.Status }

// ContentType makes it application/problem+json.
func (p *refusal) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, b errs.Body) *refusal {
	return &refusal{Title: http.StatusText(status), Status: status, Detail: b.Message, Body: b}
}

// problem logs what is ours and tells the sender what is theirs.
func (g *Gateway) problem(op string, err error) error {
	kind := errs.KindOf(err)
	switch kind {
	case errs.Internal, errs.Corrupt:
		g.Log.Error("request failed", "op", op, "kind", kind.String(), "err", err)
	case errs.Busy, errs.Down:
		g.Log.Warn("request refused", "op", op, "kind", kind.String())
	}
	b := errs.BodyOf(err)
	if w, ok := errors.AsType[waiting](err); ok {
		b.RetryMS = w.wait.Milliseconds()
	}
	return newProblem(kind.Status(), b)
}

func writeProblem(ctx huma.Context, status int, b errs.Body) {
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(status)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(newProblem(status, b))
}

// useProblems makes huma's own refusals (a missing field, a wrong type) look like ours.
// huma has one hook for all APIs of a program; ours is the only one.
var useProblems = sync.OnceFunc(func() {
	huma.NewError = func(status int, msg string, list ...error) huma.StatusError {
		b := errs.Body{Reason: errs.Invalid.String(), Code: "bad_request", Message: msg}
		switch {
		case status == http.StatusNotFound:
			b.Reason = errs.Missing.String()
		case status >= 500:
			b = errs.Body{Reason: errs.Internal.String()}
		case status == http.StatusRequestEntityTooLarge:
			b.Code, b.Field, b.Limit = "too_long", "body", maxBody
			_, _ = fmt.Sscanf(msg, "request body is too large limit=%d bytes", &b.Limit) // an operation's own
		}
		for _, err := range list {
			if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
				b.Field = strings.TrimPrefix(strings.TrimPrefix(d.Location, "body"), ".")
				b.Message = fmt.Sprintf("%s: %s", d.Location, d.Message)
				break
			}
		}
		if status == http.StatusUnprocessableEntity {
			status = http.StatusBadRequest
		}
		return newProblem(status, b)
	}
})
