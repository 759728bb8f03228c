package event

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Erasure takes one person out of the facts of a stream, oldest first.
type Erasure struct {
	User string // the person's id
	As   string // the id that takes its place
	// Written names what the person wrote in this lesson. The Erase of one kind fills it
	// for the Erase of another kind whose facts repeat those words without an author. It is
	// never nil.
	Written map[string]bool
}

// Rename replaces the id of the person by the other one. It reports whether it was there.
func (x Erasure) Rename(id *string) bool {
	if *id != x.User {
		return false
	}
	*id = x.As
	return true
}

// RenameKey is Rename for a map by user id.
func RenameKey[V any](x Erasure, m map[string]V) bool {
	v, ok := m[x.User]
	if ok {
		delete(m, x.User)
		m[x.As] = v
	}
	return ok
}

// EraseIn makes a Def.Erase for payloads of type T. f takes the person out of a payload and
// reports whether it changed. A payload that is not exactly a T stays unchanged: the caller
// has to look for the person in it by other means.
func EraseIn[T any](f func(x Erasure, payload *T) bool) func(Erasure, Event) (json.RawMessage, bool) {
	return func(x Erasure, e Event) (json.RawMessage, bool) {
		var payload T
		d := json.NewDecoder(bytes.NewReader(e.Data))
		d.DisallowUnknownFields()
		if d.Decode(&payload) != nil || !f(x, &payload) {
			return e.Data, false
		}
		data, err := json.Marshal(payload)
		if err != nil {
			panic(fmt.Sprintf("event: %T does not encode: %v", payload, err)) // a feature's own type
		}
		return data, true
	}
}
