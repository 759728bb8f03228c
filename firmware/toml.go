package firmware

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/livelearn/box/firmware/datafolder"
)

// tomlValue is one value of a file.
type tomlValue struct {
	key   toml.Key
	path  string
	value any
}

// parseTOML sets in list what the file says. Each value that cannot be used is an error of
// its own, with the file's name and the line. No value is skipped.
func parseTOML(name, doc string, list []setting, from map[string]string) error {
	if len(doc) > datafolder.MaxConfigSize {
		return settingError(name, "file", fmt.Errorf("%d bytes, at most %d", len(doc), datafolder.MaxConfigSize))
	}
	tree := map[string]any{}
	if _, err := toml.Decode(doc, &tree); err != nil {
		if pe, ok := errors.AsType[toml.ParseError](err); ok {
			return settingError(formatPlace(name, pe.Position.Line), cmp.Or(pe.LastKey, "file"), errors.New(describeParseError(doc, pe, list)))
		}
		return settingError(name, "file", err)
	}
	byPath := map[string]setting{}
	for _, s := range list {
		byPath[s.path] = s
	}
	var faults []error
	for _, f := range flattenTable(nil, tree) {
		where := formatPlace(name, lineOf(doc, f.key))
		s, ok := byPath[f.path]
		err := error(nil)
		if !ok {
			err = unknownSetting(f.path, list)
		} else if err = s.setValue(f.value); err == nil {
			from[f.path] = where
		}
		if err != nil {
			faults = append(faults, settingError(where, f.path, err))
		}
	}
	return errors.Join(faults...)
}

// describeParseError describes why a file is not TOML. The message of the library may hold a part
// of the line, so it is not used for a line with a secret.
func describeParseError(doc string, pe toml.ParseError, list []setting) string {
	lines := strings.Split(doc, "\n")
	var around strings.Builder
	around.WriteString(pe.LastKey)
	// An open quote makes the next line the one at fault.
	for n := max(0, pe.Position.Line-2); n < min(len(lines), pe.Position.Line); n++ {
		around.WriteString("\n" + lines[n])
	}
	for _, s := range list {
		if _, key, _ := strings.Cut(s.path, "."); s.isSecret() && strings.Contains(strings.ToLower(around.String()), key) {
			return `cannot be read; a text is written in "quotes"`
		}
	}
	return pe.Message
}

// flattenTable are the values of a table and of the tables in it, in order of their keys. An
// empty table is a leaf when nothing is known by that name.
func flattenTable(above toml.Key, table map[string]any) []tomlValue {
	var list []tomlValue
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := append(slices.Clone(above), name)
		if below, ok := table[name].(map[string]any); ok && len(key) < 2 {
			list = append(list, flattenTable(key, below)...)
			if len(below) > 0 || isSection(name) {
				continue
			}
		}
		list = append(list, tomlValue{key, key.String(), table[name]})
	}
	return list
}

func isSection(name string) bool {
	for _, s := range listSettings(&Config{}) {
		if strings.HasPrefix(s.path, name+".") {
			return true
		}
	}
	return false
}

// positionTrap fails where it is decoded. The error has the line.
type positionTrap struct{}

func (*positionTrap) UnmarshalTOML(any) error { return errors.New("here") }

// lineOf returns the line where a file sets key, or 0 if it is not known. The library has
// positions in its errors only. So lineOf makes a type that has one field for key, whose
// decoding fails.
func lineOf(doc string, key toml.Key) int {
	t := reflect.TypeFor[positionTrap]()
	for _, name := range slices.Backward(key) {
		if strings.ContainsAny(name, ",\"`\\") {
			return 0 // a struct tag cannot hold it
		}
		t = reflect.StructOf([]reflect.StructField{{Name: "F", Type: t, Tag: reflect.StructTag(`toml:"` + name + `"`)}})
	}
	_, err := toml.Decode(doc, reflect.New(t).Interface())
	pe, _ := errors.AsType[toml.ParseError](err)
	return pe.Position.Line
}

func formatPlace(name string, line int) string {
	if line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// unknownSetting is the error of a path that is none, with the setting that was probably meant.
func unknownSetting(path string, list []setting) error {
	best, least := "", 4
	for _, s := range list {
		if d := editDistance(path, s.path); d < least {
			best, least = s.path, d
		}
	}
	if best == "" {
		return fmt.Errorf("%w", errUnknown)
	}
	return fmt.Errorf("%w; is it %s?", errUnknown, best)
}

// editDistance is how many letters must be put in, left out or replaced to make b of a.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
