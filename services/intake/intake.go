// Package intake reads class lists as schools have them: CSV in any of its dialects, an
// Excel workbook, a OneRoster 1.1 or 1.2 CSV zip, or plain names, one a line.
//
// It is a function of the file's bytes: it opens nothing, writes nothing and knows no
// class of the box. services/roster compares the table with what the box has.
//
// Promises:
//   - A file is read, or refused with the file, the line and the reason. Never half of it
//     in silence: whatever was left out of the table is among its problems.
//   - What says "delete" in a file is told as a problem and is not in the table.
//   - Whatever the bytes are, Parse returns: it does not panic, and what it unpacks and
//     keeps is bounded. It writes no file, so a path in an archive leads nowhere.
package intake

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// Limits on a file. Lengths of names are in characters (runes).
const (
	MaxFile     = 8 << 20
	MaxRows     = 20_000
	MaxName     = 60
	MaxProblems = 500 // listed; one more says how many there are

	maxID      = 128      // characters of a source id
	maxColumns = 256      // of a row; the rest is passed over
	maxUnzip   = 64 << 20 // bytes of all that an archive holds
	maxEntries = 1000     // files in an archive
	maxText    = 80       // characters of a line that a problem quotes
)

// Table is what a file says.
type Table struct {
	Classes  []Class   `json:"classes"`
	Problems []Problem `json:"problems"`
	// Partial tells that the file holds changes only: who is not in it is not missing.
	Partial bool `json:"partial,omitempty"`
}

// Class is a class and its pupils in the order of the file.
type Class struct {
	Source string `json:"source,omitempty"` // its id where the file comes from
	Name   string `json:"name"`             // the file's own name when the file tells none
	Pupils []Row  `json:"pupils"`
}

// Row is one pupil of a class. Names and source ids of a class differ from each other.
type Row struct {
	Source string `json:"source,omitempty"` // the pupil's id where the file comes from
	Name   string `json:"name"`             // cleaned: see Clean
	File   string `json:"file"`
	Line   int    `json:"line"` // from 1; in a workbook the row
}

// Problem is why something of a file was not taken.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`    // from 1; 0: the whole file
	Text    string `json:"text"`    // the line, at most 80 characters of it
	Code    string `json:"code"`    // for the pages to translate
	Message string `json:"message"` // in English
}

// Parse reads a file. name is what the file is called, and names the class when nothing
// in the file does. errs.Invalid: the file is refused as a whole; the message says why.
func Parse(name string, data []byte) (Table, error) {
	const op = "intake.Parse"
	name = fileName(name)
	if len(data) > MaxFile {
		return Table{}, errs.Field(op, "file", "too_large", MaxFile, "%s: at most 8 MB", name)
	}
	t := &table{file: name}
	var err error
	switch kind(data) {
	case kindZip:
		err = t.readZip(op, data)
	case kindText:
		err = t.readText(op, data)
	default:
		err = errs.Field(op, "file", kind(data), 0, "%s: %s", name, unreadable[kind(data)])
	}
	if err != nil {
		return Table{}, err
	}
	return t.done(op)
}

// Kinds of files by their first bytes.
const (
	kindZip  = "zip"
	kindText = "text"
	kindOLE  = "old_excel"
	kindWeb  = "web_page"
	kindNone = "no_list"
)

// unreadable says what to do about a file of a kind that has no list.
var unreadable = map[string]string{
	kindOLE:  "this is an Excel file of the old kind or with a password; save it as .xlsx without one, or as CSV",
	kindWeb:  "this is a web page; open it in a spreadsheet program and save it as .xlsx or CSV",
	kindNone: "this is no text, Excel workbook or OneRoster zip",
}

func kind(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return kindZip
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0")):
		return kindOLE
	case bytes.HasPrefix(data, []byte("%PDF")), bytes.HasPrefix(data, []byte("{\\rtf")):
		return kindNone
	}
	start := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 512)], "\xef\xbb\xbf \t\r\n"))
	for _, tag := range []string{"<!doctype", "<html", "<table", "<?xml"} {
		if bytes.HasPrefix(start, []byte(tag)) {
			return kindWeb
		}
	}
	return kindText
}

// fileName is the last part of a path, fit to be shown.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, "\ufffd"), `\`, "/"))
	name = strings.Join(strings.FieldsFunc(name, hidden), "")
	if name == "." || name == "/" || name == "" {
		return "list"
	}
	return short(name)
}

// short is what of a text fits into a problem.
func short(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	if utf8.RuneCountInString(s) > maxText {
		s = strings.TrimSpace(string([]rune(s)[:maxText]))
	}
	return s
}
