package firmware

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/livelearn/box/firmware/appliance/provision"
	"github.com/livelearn/box/services/errs"
)

// setting is one value of a Config: a field of one package's own Config, by its path in
// the file: "room.mailbox". It points into the Config that it was made from.
type setting struct {
	path  string
	value reflect.Value
}

// settings lists what a Config holds, section by section in the order of its fields.
// Fields that no file sets (paths inside the data folder, functions) are left out.
func settings(c *Config) []setting {
	var list []setting
	whole := reflect.ValueOf(c).Elem()
	for i := range whole.NumField() {
		section := whole.Type().Field(i)
		if section.Type.Kind() != reflect.Struct || !section.IsExported() {
			continue
		}
		for j := range section.Type.NumField() {
			field := section.Type.Field(j)
			path := snake(section.Name) + "." + snake(field.Name)
			if field.IsExported() && !derived[path] && settable(field.Type) {
				list = append(list, setting{path, whole.Field(i).Field(j)})
			}
		}
	}
	return list
}

// secret tells that nobody may see the value.
func (s setting) secret() bool { return s.value.Type() == reflect.TypeFor[provision.Secret]() }

func settable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64, reflect.String:
		return true
	}
	return t == reflect.TypeFor[[]string]()
}

// snake is a field's name as a key of the file: "MaxRestarts" is "max_restarts".
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(runes[i-1]) || next && unicode.IsUpper(runes[i-1]) {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

var (
	errUnknown = errors.New("no such setting")
	durations  = reflect.TypeFor[time.Duration]()
)

// set gives the setting a value of a TOML file: a bool, int64, float64, string or list.
func (s setting) set(v any) error {
	switch x := v.(type) {
	case bool:
		if s.value.Kind() == reflect.Bool {
			s.value.SetBool(x)
			return nil
		}
	case int64:
		return s.setInt(x)
	case float64:
		if s.value.Kind() == reflect.Float64 {
			s.value.SetFloat(x)
			return nil
		}
	case string:
		if s.value.Type() == durations || s.value.Kind() == reflect.String {
			return s.setText(x)
		}
	case []any:
		return s.setList(x)
	}
	return s.wrong()
}

func (s setting) setInt(n int64) error {
	switch {
	case s.value.Type() == durations:
		return s.wrong() // ten what?
	case s.value.Kind() == reflect.Float64:
		s.value.SetFloat(float64(n))
		return nil
	case !s.value.CanInt():
		return s.wrong()
	case s.value.OverflowInt(n):
		return fmt.Errorf("%d is too large", n)
	}
	s.value.SetInt(n)
	return nil
}

func (s setting) setList(list []any) error {
	if s.value.Type() != reflect.TypeFor[[]string]() {
		return s.wrong()
	}
	texts := make([]string, 0, len(list))
	for _, e := range list {
		text, ok := e.(string)
		if !ok {
			return s.wrong()
		}
		texts = append(texts, text)
	}
	s.value.Set(reflect.ValueOf(texts))
	return nil
}

// setText gives the setting a value that was written as a text, by a flag or by the
// admin page. The items of a list are separated by commas.
func (s setting) setText(text string) error {
	switch {
	case s.value.Type() == durations:
		d, err := time.ParseDuration(text)
		if err != nil {
			return s.wrong()
		}
		s.value.SetInt(int64(d))
		return nil
	case s.value.Kind() == reflect.String:
		s.value.SetString(text)
		return nil
	case s.value.Kind() == reflect.Slice:
		s.value.Set(reflect.ValueOf(strings.Split(text, ",")))
		return nil
	}
	if b, err := strconv.ParseBool(text); err == nil && s.value.Kind() == reflect.Bool {
		return s.set(b)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return s.set(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return s.set(f)
	}
	return s.wrong()
}

// wrong says what the value must be.
func (s setting) wrong() error {
	what := map[reflect.Kind]string{
		reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Int64: "a whole number",
		reflect.Float64: "a number", reflect.String: `a text in "quotes"`, reflect.Slice: `a list of texts: ["a", "b"]`,
	}[s.value.Kind()]
	if s.value.Type() == durations {
		what = `a time with its unit in quotes: "10s", "5m"`
	}
	return fmt.Errorf("must be %s", what)
}

// text is the value as the file would have it.
func (s setting) text() string {
	switch v := s.value.Interface().(type) {
	case time.Duration:
		return strconv.Quote(v.String())
	case string:
		return quote(v)
	case provision.Secret:
		return quote(v.String())
	case []string:
		quoted := make([]string, len(v))
		for i, e := range v {
			quoted[i] = quote(e)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.ContainsAny(text, ".nN") {
			text += ".0"
		}
		return strings.ToLower(strings.TrimPrefix(text, "+"))
	default:
		return fmt.Sprint(v)
	}
}

// quote writes a TOML basic string. Go's escapes are not quite TOML's.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// fault is what to say of a setting: where it was set, its path, and what is wrong.
func fault(where, path string, err error) error {
	e := errs.Field("", path, "config", 0, "%w", err)
	e.Op = where
	return e
}
