package httpapi

import (
	"strings"
)

// Body is a request or a response that has nothing but a body.
type Body[T any] struct{ Body T }

// ToResponse makes the result of a call a response.
func ToResponse[T any](v T, err error) (*Body[T], error) {
	if err != nil {
		return nil, err
	}
	return &Body[T]{v}, nil
}

// IDPath is the input of an operation on one thing.
type IDPath struct {
	ID string `path:"id" maxLength:"64"`
}

// WithID is the input of an operation on one thing that also has a body.
type WithID[T any] struct {
	ID   string `path:"id" maxLength:"64"`
	Body T
}

// Named is a body with a name.
type Named struct {
	Name string `json:"name"`
}

// ClockState is the box's time as the pages know it.
type ClockState struct {
	Now     int64 `json:"now" doc:"Milliseconds since 1970."`
	Trusted bool  `json:"trusted" doc:"It comes from a time server or from a teacher's browser."`
}

// FileName replaces the characters of s that a file name on some system may not have.
func FileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, s)
	return strings.Trim(s, " .")
}
