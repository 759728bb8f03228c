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

// listSettings lists what a Config holds, section by section in the order of its fields.
// Fields that no file sets (paths inside the data folder, functions) are left out.
func listSettings(c *Config) []setting {
	var list []setting
	whole := reflect.ValueOf(c).Elem()
	for i := range whole.NumField() {
		section := whole.Type().Field(i)
		if section.Type.Kind() != reflect.Struct || !section.IsExported() {
			continue
		}
		for j := range section.Type.NumField() {
			field := section.Type.Field(j)
			path := toSnakeCase(section.Name) + "." + toSnakeCase(field.Name)
			if field.IsExported() && !derivedSettings[path] && isSettable(field.Type) {
				list = append(list, setting{path, whole.Field(i).Field(j)})
			}
		}
	}
	return list
}

// isSecret says whether the value must not be shown.
func (s setting) isSecret() bool { return s.value.Type() == reflect.TypeFor[provision.Secret]() }

func isSettable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64, reflect.String:
		return true
	}
	return t == reflect.TypeFor[[]string]()
}

// toSnakeCase is a field's name as a key of the file: "MaxRestarts" is "max_restarts".
func toSnakeCase(name string) string {
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
	errUnknown   = errors.New("no such setting")
	durationType = reflect.TypeFor[time.Duration]()
)

// setValue gives the setting a value of a TOML file: a bool, int64, float64, string or list.
func (s setting) setValue(v any) error {
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
		if s.value.Type() == durationType || s.value.Kind() == reflect.String {
			return s.setText(x)
		}
	case []any:
		return s.setList(x)
	}
	return s.typeError()
}

func (s setting) setInt(n int64) error {
	switch {
	case s.value.Type() == durationType:
		return s.typeError() // ten what?
	case s.value.Kind() == reflect.Float64:
		s.value.SetFloat(float64(n))
		return nil
	case !s.value.CanInt():
		return s.typeError()
	case s.value.OverflowInt(n):
		return fmt.Errorf("%d is too large", n)
	}
	s.value.SetInt(n)
	return nil
}

func (s setting) setList(list []any) error {
	if s.value.Type() != reflect.TypeFor[[]string]() {
		return s.typeError()
	}
	texts := make([]string, 0, len(list))
	for _, e := range list {
		text, ok := e.(string)
		if !ok {
			return s.typeError()
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
	case s.value.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return s.typeError()
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
		return s.setValue(b)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return s.setValue(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return s.setValue(f)
	}
	return s.typeError()
}

// typeError says what the value must be.
func (s setting) typeError() error {
	what := map[reflect.Kind]string{
		reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Int64: "a whole number",
		reflect.Float64: "a number", reflect.String: `a text in "quotes"`, reflect.Slice: `a list of texts: ["a", "b"]`,
	}[s.value.Kind()]
	if s.value.Type() == durationType {
		what = `a time with its unit in quotes: "10s", "5m"`
	}
	return fmt.Errorf("must be %s", what)
}

// formatValue is the value as the file would have it.
func (s setting) formatValue() string {
	switch v := s.value.Interface().(type) {
	case time.Duration:
		return strconv.Quote(v.String())
	case string:
		return quoteTOML(v)
	case provision.Secret:
		return quoteTOML(v.String())
	case []string:
		quoted := make([]string, len(v))
		for i, e := range v {
			quoted[i] = quoteTOML(e)
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

// quoteTOML writes a TOML basic string. Go's escapes are not quite TOML's.
func quoteTOML(s string) string {
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

// settingError returns an error with the place of a setting, its path and its fault.
func settingError(where, path string, err error) error {
	e := errs.NewField("", path, "config", 0, "%w", err)
	e.Op = where
	return e
}
