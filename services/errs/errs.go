// Package errs gives every error a kind: who acts next.
//
// A kind exists only where another person or program acts differently on it. The
// HTTP status, the socket reply, the log level and the supervisor's answer all
// follow from it, so a caller chooses the kind and nothing else.
package errs

import (
	"errors"
	"fmt"
)

// Kind tells who acts next.
type Kind uint8

const (
	Internal Kind = iota // a developer: a fault in this program
	Invalid              // the sender: correct the input
	Denied               // the sender: not allowed
	Missing              // the sender: there is no such thing
	Stale                // the sender: reload, then try again
	Busy                 // the sender: try again later
	Down                 // us: something of ours is away, try again later
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

// String is the word that a socket reply carries. Corrupt shows as "internal":
// the sender can do nothing about either.
func (k Kind) String() string { return kinds[k].name }

// KindNamed is the kind that a word of String is of, Internal for that of Corrupt.
func KindNamed(name string) (Kind, bool) {
	for k := range kinds {
		if kinds[k].name == name {
			return Kind(k), true
		}
	}
	return Internal, false
}

// Status is the HTTP status code of k.
func (k Kind) Status() int { return kinds[k].status }

// Error is an error with its operation and kind, and for bad input the field and
// a code that the pages translate.
type Error struct {
	Op    string // "chat.Handle"
	Kind  Kind
	Code  string // a fixed word for the pages, such as "too_long"; may be empty
	Field string // the input's field that is at fault; may be empty
	Limit int64  // the limit that was passed, in the field's own unit; 0 is none
	Err   error
}

// New wraps err with the operation and the kind.
func New(op string, k Kind, err error) *Error { return &Error{Op: op, Kind: k, Err: err} }

// Newf is New with a formatted message.
func Newf(op string, k Kind, format string, args ...any) *Error {
	return New(op, k, fmt.Errorf(format, args...))
}

// Code is New with a code for the pages and a message.
func Code(op string, k Kind, code, format string, args ...any) *Error {
	e := Newf(op, k, format, args...)
	e.Code = code
	return e
}

// Field tells that an input's field is at fault. The message should name the limit;
// limit repeats it for programs (0: there is none).
func Field(op, field, code string, limit int64, format string, args ...any) *Error {
	e := Code(op, Invalid, code, format, args...)
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

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Body is what a sender is told of an error, over the socket and over HTTP alike.
type Body struct {
	Reason  string `json:"reason"`             // the kind
	Code    string `json:"code,omitempty"`     // what the pages translate
	Field   string `json:"field,omitempty"`    // the input's field at fault
	Limit   int64  `json:"limit,omitempty"`    // the limit passed, in the field's unit
	Message string `json:"message,omitempty"`  // for developers, in English
	RetryMS int64  `json:"retry_ms,omitempty"` // milliseconds to wait before trying again
}

// BodyOf is what err's sender may know. The text of an Internal or Corrupt error
// stays in the log: it may name files and people.
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
