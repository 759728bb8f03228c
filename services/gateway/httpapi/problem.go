package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
)

// Refusal is an error as the client gets it (RFC 9457) with the fields of errs.Body.
type Refusal struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	errs.Body
}

// Error implements error.
func (p *Refusal) Error() string { return p.Title + ": " + p.Detail }

// Cause is the error that a box answered with, for a box that passes it on.
func (p *Refusal) Cause() error {
	kind, _ := errs.KindNamed(p.Reason) // another version's word is Internal
	e := &errs.Error{Kind: kind, Code: p.Code, Field: p.Field, Limit: p.Limit, Err: errors.New(p.Message)}
	if p.RetryMS > 0 {
		return RetryError{Err: e, Wait: time.Duration(p.RetryMS) * time.Millisecond}
	}
	return e
}

// GetStatus implements huma.StatusError.
func (p *Refusal) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Refusal) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, b errs.Body) *Refusal {
	return &Refusal{Title: http.StatusText(status), Status: status, Detail: b.Message, Body: b}
}

// ToProblem logs faults of the box and returns the error for the client.
func ToProblem(log *slog.Logger, op string, err error) error {
	kind := errs.KindOf(err)
	switch kind {
	case errs.Internal, errs.Corrupt:
		log.Error("request failed", "op", op, "kind", kind.String(), "err", err)
	case errs.Busy, errs.Down:
		log.Warn("request refused", "op", op, "kind", kind.String())
	}
	b := errs.BodyOf(err)
	if w, ok := errors.AsType[RetryError](err); ok {
		b.RetryMS = w.Wait.Milliseconds()
	}
	return newProblem(kind.HTTPStatus(), b)
}

// WriteProblem answers a request with an error before its handler runs.
func WriteProblem(ctx huma.Context, status int, b errs.Body) {
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(status)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(newProblem(status, b))
}

// useProblems gives the errors of huma (a missing field, a wrong type) the form of Refusal.
// huma has one hook for all APIs of a program. This program has one API.
var useProblems = sync.OnceFunc(func() {
	huma.NewError = func(status int, msg string, list ...error) huma.StatusError {
		b := errs.Body{Reason: errs.Invalid.String(), Code: "bad_request", Message: msg}
		switch {
		case status == http.StatusNotFound:
			b.Reason = errs.Missing.String()
		case status >= 500:
			b = errs.Body{Reason: errs.Internal.String()}
		case status == http.StatusRequestEntityTooLarge:
			b.Code, b.Field, b.Limit = "too_long", "body", MaxBody
			_, _ = fmt.Sscanf(msg, "request body is too large limit=%d bytes", &b.Limit) // the limit of this operation
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

// WriteError answers a request outside of the API with an error in the form of the API.
func WriteError(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, errs.BodyOf(err))) // fails only when the client is gone
}

// RetryError is an error with the time after which the client may try again.
type RetryError struct {
	Err  *errs.Error
	Wait time.Duration
}

// Error implements error.
func (w RetryError) Error() string { return w.Err.Error() }

// Unwrap returns the error with its kind.
func (w RetryError) Unwrap() error { return w.Err }
