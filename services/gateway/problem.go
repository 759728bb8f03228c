package gateway

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/livelearn/box/services/errs"
)

// Problem is what a refused request is told: RFC 9457, with the fields of errs.Body.
type Problem struct {
	Type    string `json:"type" doc:"Always about:blank: code tells more"`
	Title   string `json:"title" doc:"The status in words"`
	Status  int    `json:"status" doc:"The HTTP status"`
	Detail  string `json:"detail,omitempty" doc:"The same as message"`
	Reason  string `json:"reason" enum:"invalid,denied,missing,stale,busy,down,internal" doc:"Who acts next"`
	Code    string `json:"code,omitempty" doc:"A fixed word for programs"`
	Field   string `json:"field,omitempty" doc:"The input's field at fault"`
	Limit   int64  `json:"limit,omitempty" doc:"The limit passed, in the field's unit"`
	Message string `json:"message,omitempty" doc:"For developers, in English"`
	RetryMS int64  `json:"retry_ms,omitempty" doc:"Milliseconds to wait before trying again"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Reason + ": " + p.Message }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryMS > 0 {
		h.Set("Retry-After", strconv.FormatInt((p.RetryMS+999)/1000, 10))
	}
	return h
}

const problemType = "application/problem+json"

// later is an errs.Busy with the time after which it may go better.
type later struct {
	error
	after time.Duration
}

// Unwrap gives the error.
func (l *later) Unwrap() error { return l.error }

// problemOf is what err's sender is told.
func problemOf(err error) *Problem {
	b := errs.BodyOf(err)
	p := problem(errs.KindOf(err).Status(), b)
	if l, ok := errors.AsType[*later](err); ok {
		p.RetryMS = l.after.Milliseconds()
	}
	return p
}

func problem(status int, b errs.Body) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: b.Message,
		Reason: b.Reason, Code: b.Code, Field: b.Field, Limit: b.Limit, Message: b.Message, RetryMS: b.RetryMS,
	}
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the sender is gone; nobody to tell
}

// refuse answers with err outside of the API, and refuseWith with a status that no kind
// of error has.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	g.note(r, err)
	writeProblem(w, problemOf(err))
}

func (g *Gateway) refuseWith(w http.ResponseWriter, r *http.Request, status int, err error) {
	g.note(r, err)
	writeProblem(w, problem(status, errs.BodyOf(err)))
}

// note logs a refusal at the level of who has to act. Refusals that a script of a pupil
// could cause by the thousand stay below the default level.
func (g *Gateway) note(r *http.Request, err error) {
	level := slog.LevelDebug
	switch errs.KindOf(err) {
	case errs.Internal, errs.Corrupt:
		level = slog.LevelError
	case errs.Down:
		level = slog.LevelWarn
	}
	g.log.Log(r.Context(), level, "request refused", "kind", routeOf(r), "err", err)
}
