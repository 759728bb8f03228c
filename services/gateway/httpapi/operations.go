// Package httpapi holds what the operations of all audiences share: how an operation is
// registered, how its caller is found, and how an error is written (RFC 9457).
//
// Every operation names the level that a caller needs. Add checks the level before the
// handler runs.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/livelearn/box/services/errs"
)

// MaxBody is the largest body of an operation in bytes, unless WithMaxBody sets another limit.
const MaxBody = 256 << 10

// Level says which callers may call an operation.
type Level uint8

// The levels, each with the callers that it admits.
const (
	Anybody Level = iota
	Member        // pupils in a lesson, and staff
	Staff
	Admin
)

// Operations is the place where an audience registers its operations.
type Operations struct {
	API     huma.API
	Callers *Callers
	Audit   Audit
	Log     *slog.Logger
	// Guard refuses a person of the staff who may not see the class or lesson of a request. Nil
	// lets all pass.
	Guard func(Caller, *http.Request) error
}

// New makes the API on mux. Its description is at /api/openapi.json and /api/openapi.yaml.
func New(mux *http.ServeMux, version string) huma.API {
	useProblems()
	conf := huma.DefaultConfig("LiveLearn Box", version)
	conf.Info.Description = "What the pages use, and anybody may. Sign in with the cookie `ll` (over HTTPS `__Host-ll`) or a bearer token. What is for staff needs HTTPS, except on the box's own machine."
	conf.Info.License = &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"}
	conf.Servers = []*huma.Server{{URL: "/", Description: "This box"}}
	conf.OpenAPIPath, conf.DocsPath, conf.SchemasPath = "/api/openapi", "", ""
	conf.CreateHooks = nil // no $schema links in answers
	conf.Components.Schemas = describeTypes()
	conf.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: cookieName},
		"bearer":  {Type: "http", Scheme: "bearer"},
	}
	return humago.New(mux, conf)
}

// WithMaxBody sets the largest body of an operation in bytes.
func WithMaxBody(bytes int64) func(*huma.Operation) {
	return func(op *huma.Operation) { op.MaxBodyBytes = bytes }
}

// Add registers an operation. Only callers of the level may call it. The handler finds the
// caller with CallerOf. Add applies the changes before it registers the operation.
func Add[I, O any](ops Operations, method, path, id, summary string, may Level, h func(context.Context, *I) (*O, error),
	changes ...func(*huma.Operation),
) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: MaxBody,
		Errors: []int{400, 401, 403, 404, 409, 429, 503},
	}
	for _, change := range changes {
		change(&op)
	}
	op.Security = []map[string][]string{{}} // none is needed
	if may > Anybody {
		op.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
	}
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		c := ops.Callers.Identify(r)
		err := c.CheckLevel(may)
		if op.Metadata[private] == true && c.exposed {
			err = errTLSNeeded()
		}
		if err == nil && ops.Guard != nil {
			err = ops.Guard(c, r)
		}
		if err != nil {
			ops.auditRefusal(op, c, r)
		} else if op.Metadata[freshPIN] == true {
			err = ops.Callers.CheckFresh(c)
		}
		if err != nil {
			WriteProblem(ctx, c.StatusFor(err), errs.BodyOf(err))
			return
		}
		ctx = huma.WithValue(huma.WithValue(ctx, callerKey{}, c), requestKey{}, r)
		next(huma.WithValue(ctx, actKey{}, newAct(op, r)))
	}}
	huma.Register(ops.API, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, ToProblem(ops.Log, id, err)
		}
		ops.auditAct(ctx)
		return out, nil
	})
	if method == http.MethodPost {
		describeUpload(ops.API.OpenAPI().Paths[path].Post)
	}
}

type (
	callerKey  struct{}
	requestKey struct{}
	actKey     struct{}
)
