// Package errs gives every error a kind: it names who acts next.
//
// A kind exists only where another person or program acts differently on it. The HTTP status,
// the socket reply, the log level and the supervisor's answer all follow from it, so a caller
// chooses only the kind.
package errs

import (
	"errors"
	"fmt"
)

// Kind names who acts next.
type Kind uint8

const (
	Internal Kind = iota // a developer: a fault in this program
	Invalid              // the sender: correct the input
	Denied               // the sender: not allowed
	Missing              // the sender: it does not exist
	Stale                // the sender: reload, then try again
	Busy                 // the sender: try again later
	Down                 // us: a part of the box is down, try again later
	Corrupt              // the operator: stored data is damaged
)

var kinds = [...]struct {
	name   string
	status int
}{
	Internal: {"internal", 500},
	Invalid:  {"invalid", 400},
	Denied:   {"denied", 403},
	Missing:  {"missing", 404},
	Stale:    {"stale", 409},
	Busy:     {"busy", 429},
	Down:     {"down", 503},
	Corrupt:  {"internal", 500},
}

// String is the kind's name in a socket reply. Corrupt shows as "internal": the sender can do
// nothing about either.
func (k Kind) String() string { return kinds[k].name }

// KindNamed returns the kind with this String. "internal" is Internal.
func KindNamed(name string) (Kind, bool) {
	for k := range kinds {
		if kinds[k].name == name {
			return Kind(k), true
		}
	}
	return Internal, false
}

// HTTPStatus is the HTTP status code of k.
func (k Kind) HTTPStatus() int { return kinds[k].status }

// Error is an error with its operation and kind, and for bad input the field and
// a code that the pages translate.
type Error struct {
	Op    string // "chat.Handle"
	Kind  Kind
	Code  string // a fixed word for the pages, such as "too_long", may be empty
	Field string // the input's field that is at fault, may be empty
	Limit int64  // the limit that was exceeded, in the field's own unit, 0 means none
	Err   error
}

// New wraps err with the operation and the kind.
func New(op string, k Kind, err error) *Error { return &Error{Op: op, Kind: k, Err: err} }

// Newf is New with a formatted message.
func Newf(op string, k Kind, format string, args ...any) *Error {
	return New(op, k, fmt.Errorf(format, args...))
}

// NewCode is New with a code for the pages and a message.
func NewCode(op string, k Kind, code, format string, args ...any) *Error {
	e := Newf(op, k, format, args...)
	e.Code = code
	return e
}

// NewField makes an Invalid error for one field of the input. The message should name the
// limit, and limit repeats it for programs (0: no limit).
func NewField(op, field, code string, limit int64, format string, args ...any) *Error {
	e := NewCode(op, Invalid, code, format, args...)
	e.Field, e.Limit = field, limit
	return e
}

// Error is the operation, the field and the cause.
func (e *Error) Error() string {
	switch {
	case e.Field != "" && e.Op != "":
		return e.Op + ": " + e.Field + ": " + e.Err.Error()
	case e.Op != "":
		return e.Op + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Body is the part of an error that its sender sees, over the socket and over HTTP alike.
type Body struct {
	Reason  string `json:"reason"`             // the kind
	Code    string `json:"code,omitempty"`     // the pages translate it
	Field   string `json:"field,omitempty"`    // the input's field at fault
	Limit   int64  `json:"limit,omitempty"`    // the exceeded limit, in the field's unit
	Message string `json:"message,omitempty"`  // for developers, in English
	RetryMS int64  `json:"retry_ms,omitempty"` // milliseconds to wait before trying again
}

// BodyOf returns the part of err that its sender may see. The text of an Internal or Corrupt
// error stays in the log: it may name files and people.
func BodyOf(err error) Body {
	k := KindOf(err)
	b := Body{Reason: k.String()}
	e, ok := errors.AsType[*Error](err)
	if !ok || k == Internal || k == Corrupt {
		return b
	}
	b.Code, b.Field, b.Limit, b.Message = e.Code, e.Field, e.Limit, e.Err.Error()
	return b
}
