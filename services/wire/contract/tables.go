package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/livelearn/box/services/room"
)

// fillTables writes the tables into the document, each between its two markers:
//
//	<!-- events: generated --> ... <!-- end -->
func fillTables(document []byte, kinds []room.Kind) ([]byte, error) {
	for name, table := range map[string]string{"events": eventTable(kinds), "commands": commandTable(kinds)} {
		begin, end := []byte("<!-- "+name+": by go generate ./services/wire -->\n"), []byte("<!-- end -->")
		before, rest, ok := bytes.Cut(document, begin)
		_, after, closed := bytes.Cut(rest, end)
		if !ok || !closed {
			return nil, fmt.Errorf("%s has no place for the %s", protocolFile, name)
		}
		document = bytes.Join([][]byte{before, begin, []byte(table), end, after}, nil)
	}
	return document, nil
}

func eventTable(kinds []room.Kind) string {
	var table strings.Builder
	table.WriteString("| event | data | who sees it |\n|---|---|---|\n")
	for _, k := range kinds {
		for _, d := range k.Events {
			who := d.SeenBy
			if who == "" {
				who = "all"
			}
			table.WriteString(row(string(d.Kind), describe(d.Payload, d.Doc), who))
		}
	}
	return table.String()
}

func commandTable(kinds []room.Kind) string {
	var table strings.Builder
	table.WriteString("| command | payload | who |\n|---|---|---|\n")
	for _, k := range kinds {
		for _, c := range k.Commands {
			if !c.Box {
				table.WriteString(row(c.Name, describe(c.Payload, c.Doc), mayUse(c)))
			}
		}
	}
	return table.String()
}

func row(name, data, who string) string {
	return strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s |\n", name, data, who), "|  |", "| |")
}

// mayUse says who may give a command.
func mayUse(c room.Command) string {
	switch {
	case c.Who != "":
		return c.Who
	case c.Lock != "" && c.Speech:
		return "all, unless locked or muted"
	case c.Lock != "":
		return "all, unless locked"
	case c.Screen:
		return "all, screens too"
	case c.Pupil:
		return "all"
	}
	return "teacher"
}

// describe lists the fields of a payload, then the remark.
func describe(payload any, remark string) string {
	var parts []string
	for _, f := range payloadFields(payload) {
		var text strings.Builder
		text.WriteString(f.name)
		if f.optional {
			text.WriteString("?")
		}
		if inner := innerFields(f.typ); inner != "" {
			text.WriteString(": " + inner)
		}
		if f.enum == nil {
			f.enum = enums[f.typ]
		}
		if f.enum != nil {
			text.WriteString(":")
			for _, v := range f.enum {
				if v == "" {
					v = "empty"
				} else {
					v = "`" + v + "`"
				}
				text.WriteString(" " + v)
			}
		}
		if f.doc != "" {
			text.WriteString(" (" + f.doc + ")")
		}
		parts = append(parts, text.String())
	}
	if remark != "" {
		return strings.TrimPrefix(strings.Join(parts, ", ")+"; "+remark, "; ")
	}
	return strings.Join(parts, ", ")
}

// innerFields names the fields of a struct or of the structs in a list. Those of questions
// have a section of their own in the document.
func innerFields(t reflect.Type) string {
	if t.Kind() == reflect.Slice {
		if inner := innerFields(t.Elem()); inner != "" {
			return "[" + inner + "]"
		}
		return ""
	}
	if t.Kind() != reflect.Struct || strings.HasSuffix(t.PkgPath(), "/item") || encodedAs[t] != nil {
		return ""
	}
	var names []string
	for _, f := range fieldsOf(t) {
		names = append(names, f.name)
	}
	return "{" + strings.Join(names, ", ") + "}"
}
