package httpapi

import (
	"cmp"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/quiz/item"
)

// The types below describe types that encode themselves.
type (
	roleName  string
	levelName string
	kindName  string

	// authoredItem is item.Authored in JSON.
	authoredItem struct {
		item.Item
		Key itemKey `json:"key"`
	}
	itemKey struct {
		Weights  map[string]float64     `json:"weights,omitempty"`
		Texts    []item.Accepted        `json:"texts,omitempty"`
		Numbers  []item.Range           `json:"numbers,omitempty"`
		Order    []string               `json:"order,omitempty"`
		Pairs    map[string]string      `json:"pairs,omitempty"`
		Regions  []item.Region          `json:"regions,omitempty"`
		Gaps     map[string]item.GapKey `json:"gaps,omitempty"`
		Feedback map[string]string      `json:"feedback,omitempty"`
		General  string                 `json:"general,omitempty"`
	}
)

var _ = itemKey(item.Key{}) // the fields are the same

// Schema implements huma.SchemaProvider.
func (roleName) Schema(huma.Registry) *huma.Schema {
	return describeEnum(event.Pupil, event.Screen, event.Teacher)
}

// Schema implements huma.SchemaProvider.
func (levelName) Schema(huma.Registry) *huma.Schema {
	return describeEnum(health.OK, health.Warn, health.Fail)
}

// Schema implements huma.SchemaProvider.
func (kindName) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, k := range item.Kinds {
		s.Enum = append(s.Enum, string(k))
	}
	return s
}

func describeEnum[T interface{ String() string }](values ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, v.String())
	}
	return s
}

// describeTypes returns the types of the document, with those that encode themselves. A list in
// an answer is never null.
func describeTypes() huma.Registry {
	huma.DefaultArrayNullable = false
	r := huma.NewMapRegistry("#/components/schemas/", nameType)
	r.RegisterTypeAlias(reflect.TypeFor[event.Role](), reflect.TypeFor[roleName]())
	r.RegisterTypeAlias(reflect.TypeFor[health.Level](), reflect.TypeFor[levelName]())
	r.RegisterTypeAlias(reflect.TypeFor[item.Kind](), reflect.TypeFor[kindName]())
	r.RegisterTypeAlias(reflect.TypeFor[item.Authored](), reflect.TypeFor[authoredItem]())
	return r
}

// nameType names a type by its package and its own name, as the types of the facts are named.
// The packages of the gateway have no part in a name.
func nameType(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	name := raise(cmp.Or(t.Name(), hint))
	if strings.Contains(t.PkgPath(), "services/gateway") || t.Name() == "" {
		return name
	}
	if prefix := raise(path.Base(t.PkgPath())); !strings.HasPrefix(name, prefix) {
		return prefix + name
	}
	return name
}

func raise(s string) string { return strings.ToUpper(s[:min(len(s), 1)]) + s[min(len(s), 1):] }

// Describes describes the type A as B, in requests and answers.
func Describes[A, B any](ops Operations) {
	ops.API.OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[A](), reflect.TypeFor[B]())
}

// WithFile describes the answer as a file of one of the media types.
func WithFile(types ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: describeFile(types)}}
	}
}

// WithUpload describes the request as a file of one of the media types. The operation reads it
// by itself.
func WithUpload(types ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		setMetadata(op, uploadTypes, types)
	}
}

const uploadTypes = "upload"

// describeUpload adds the request to the document after the registration, which would make huma
// read the file.
func describeUpload(op *huma.Operation) {
	if types, ok := op.Metadata[uploadTypes].([]string); ok {
		op.RequestBody = &huma.RequestBody{Required: true, Content: describeFile(types)}
	}
}

func describeFile(types []string) map[string]*huma.MediaType {
	content := map[string]*huma.MediaType{}
	for _, t := range types {
		s := &huma.Schema{Type: huma.TypeString, Format: "binary"}
		if strings.HasPrefix(t, "multipart/") {
			s = &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeArray, Items: s}}}
		}
		content[t] = &huma.MediaType{Schema: s}
	}
	return content
}

// WithAnswer describes the answer as JSON of type T. The operation writes it as it is stored.
func WithAnswer[T any](ops Operations) func(*huma.Operation) {
	return func(op *huma.Operation) {
		s := ops.API.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, op.OperationID+"Response")
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: s}}}}
	}
}

// WithRawBody leaves the checks of a body to the operation, whose errors name the field.
func WithRawBody(op *huma.Operation) { op.SkipValidateBody = true }
