package main

import (
	"reflect"
	"strings"

	"github.com/livelearn/box/services/room"
)

// field is one field of a payload in JSON.
type field struct {
	name     string
	typ      reflect.Type
	optional bool
	enum     []string // the values of a string; nil: any
	doc      string
}

// fieldsOf are the fields of a struct in their order, those of embedded structs with them.
// The id of a command is not among them: every command has one.
//
// A tag `contract` corrects what the type says: "-" hides a field that clients do not send,
// "optional" and "required" say whether they have to send it.
func fieldsOf(t reflect.Type) (list []field) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		rule := f.Tag.Get("contract")
		switch {
		case rule == "-" || name == "-" || f.Type == reflect.TypeFor[room.ID]():
			continue
		case f.Anonymous && name == "":
			list = append(list, fieldsOf(f.Type)...)
			continue
		}
		out := field{name: name, typ: f.Type, optional: strings.Contains(options, "omitempty"), doc: f.Tag.Get("doc")}
		if values, ok := f.Tag.Lookup("enum"); ok {
			out.enum = strings.Split(values, ",")
		}
		if rule != "" {
			out.optional = rule == "optional"
			if f.Type.Kind() == reflect.Pointer {
				out.typ = f.Type.Elem()
			}
		}
		if out.optional && out.typ.Kind() == reflect.Pointer {
			out.typ = out.typ.Elem()
		}
		list = append(list, out)
	}
	return list
}

// payloadFields are the fields of a payload; nil has none.
func payloadFields(payload any) []field {
	if payload == nil {
		return nil
	}
	return fieldsOf(reflect.TypeOf(payload))
}
