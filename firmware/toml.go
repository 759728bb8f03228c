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
)

// maxFile bounds a configuration file.
const maxFile = 1 << 20

// found is one value of a file.
type found struct {
	key   toml.Key
	path  string
	value any
}

// parse sets in list what the file says. Each value that cannot be used is an error of
// its own, with the file's name and the line; nothing is passed over.
func parse(name, doc string, list []setting, from map[string]string) error {
	if len(doc) > maxFile {
		return fault(name, "file", fmt.Errorf("%d bytes, at most %d", len(doc), maxFile))
	}
	tree := map[string]any{}
	if _, err := toml.Decode(doc, &tree); err != nil {
		if pe, ok := errors.AsType[toml.ParseError](err); ok {
			return fault(place(name, pe.Position.Line), cmp.Or(pe.LastKey, "file"), errors.New(told(doc, pe, list)))
		}
		return fault(name, "file", err)
	}
	byPath := map[string]setting{}
	for _, s := range list {
		byPath[s.path] = s
	}
	var faults []error
	for _, f := range leaves(nil, tree) {
		where := place(name, line(doc, f.key))
		s, ok := byPath[f.path]
		err := error(nil)
		if !ok {
			err = unknown(f.path, list)
		} else if err = s.set(f.value); err == nil {
			from[f.path] = where
		}
		if err != nil {
			faults = append(faults, fault(where, f.path, err))
		}
	}
	return errors.Join(faults...)
}

// told is what to say of a file that is no TOML. The library's own words may hold a piece of
// the line, which must not be one with a secret.
func told(doc string, pe toml.ParseError, list []setting) string {
	lines := strings.Split(doc, "\n")
	var around strings.Builder
	around.WriteString(pe.LastKey)
	// An open quote makes the next line the one at fault.
	for n := max(0, pe.Position.Line-2); n < min(len(lines), pe.Position.Line); n++ {
		around.WriteString("\n" + lines[n])
	}
	for _, s := range list {
		if _, key, _ := strings.Cut(s.path, "."); s.secret() && strings.Contains(strings.ToLower(around.String()), key) {
			return `cannot be read; a text is written in "quotes"`
		}
	}
	return pe.Message
}

// leaves are the values of a table and of the tables in it, in order of their keys. An
// empty table is a leaf when nothing is known by that name.
func leaves(above toml.Key, table map[string]any) []found {
	var list []found
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := append(slices.Clone(above), name)
		if below, ok := table[name].(map[string]any); ok && len(key) < 2 {
			list = append(list, leaves(key, below)...)
			if len(below) > 0 || section(name) {
				continue
			}
		}
		list = append(list, found{key, key.String(), table[name]})
	}
	return list
}

func section(name string) bool {
	for _, s := range settings(&Config{}) {
		if strings.HasPrefix(s.path, name+".") {
			return true
		}
	}
	return false
}

// trap fails where it is decoded, which tells the line.
type trap struct{}

func (*trap) UnmarshalTOML(any) error { return errors.New("here") }

// line is where a file sets key; 0 when that cannot be told. The library keeps the
// positions to itself but writes them into its errors, so a type is made in which
// nothing but key can be decoded, and that with an error.
func line(doc string, key toml.Key) int {
	t := reflect.TypeFor[trap]()
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

func place(name string, line int) string {
	if line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// unknown is the error of a path that is none, with the setting that was probably meant.
func unknown(path string, list []setting) error {
	best, least := "", 4
	for _, s := range list {
		if d := distance(path, s.path); d < least {
			best, least = s.path, d
		}
	}
	if best == "" {
		return fmt.Errorf("%w", errUnknown)
	}
	return fmt.Errorf("%w; is it %s?", errUnknown, best)
}

// distance is how many letters must be put in, left out or replaced to make b of a.
func distance(a, b string) int {
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
