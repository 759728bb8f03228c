// Package listimport reads class lists in the formats that schools have: CSV in any of its
// dialects, an Excel workbook, an OpenDocument spreadsheet, a zip of CSV files of OneRoster 1.1 or
// 1.2, School Data Sync or Clever, or plain names, one a line.
//
// Its result depends on the file's bytes only. It opens nothing, writes nothing and knows no
// class of the box. services/roster compares the table with the classes of the box.
//
// Promises:
//   - A file is read, or refused with the file, the line and the reason. Parse never drops a
//     part in silence: the problems of a table list everything that is left out.
//   - A row that says "delete" is a problem and is not in the table.
//   - Parse returns for any bytes. It does not panic, and the data that it unpacks and keeps
//     is bounded. It writes no file, so a path in an archive leads nowhere.
package listimport

import (
	"bytes"
	"path"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Limits of a file. Lengths of names are in characters (runes).
const (
	MaxFile     = 8 << 20
	MaxRows     = 20_000
	MaxName     = 60
	MaxProblems = 500 // listed, and one more with the number of the rest

	maxID      = 128      // characters of a source id
	maxColumns = 1000     // of a row, and blank ones beyond them are skipped
	maxBlank   = 16_384   // columns of a spreadsheet, blank ones included
	maxCells   = 1 << 20  // of a file
	maxCell    = 100_000  // bytes of a cell, since a cell of a spreadsheet holds 32,767 characters
	maxUnzip   = 64 << 20 // bytes of all files of an archive
	maxEntries = 1000     // files in an archive
	maxText    = 80       // characters of a line that a problem quotes

	maxNamesakes = 20 // pupils of a class with the same name
)

// Table is the content of a file.
type Table struct {
	Classes  []Class   `json:"classes"`
	Problems []Problem `json:"problems"`
	// Partial is true if the file holds changes only: pupils who are not in it are not missing.
	Partial bool `json:"partial,omitempty"`
	// Columns is set for a list with columns, so that a person can correct what they mean.
	Columns *Columns `json:"columns,omitempty"`
}

// Class is a class and its pupils in the order of the file.
type Class struct {
	Source string `json:"source,omitempty"` // its id where the file comes from
	Name   string `json:"name"`             // the file's own name if the file has no class
	Pupils []Row  `json:"pupils"`
}

// Row is one pupil of a class. Names and source ids of a class differ from each other.
type Row struct {
	Source string `json:"source,omitempty"` // the pupil's id where the file comes from
	Name   string `json:"name"`             // cleaned by CleanName
	File   string `json:"file"`
	Line   int    `json:"line"` // from 1, and in a workbook the row
}

// Problem is the reason why a part of a file is not in the table.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`    // from 1, or 0 for the whole file
	Text    string `json:"text"`    // the line, at most 80 characters of it
	Code    string `json:"code"`    // for the pages to translate
	Message string `json:"message"` // in English
}

// Parse reads a file. name is the file's name, and becomes the name of the class if the file has
// none. errs.Invalid: the file is refused as a whole, and the message has the reason.
func Parse(name string, data []byte) (Table, error) {
	t := &table{file: fileName(name)}
	return t.parseFile("intake.Parse", data)
}

func (t *table) parseFile(op string, data []byte) (_ Table, err error) {
	name := t.file
	if len(data) > MaxFile {
		return Table{}, errs.NewField(op, "file", "too_large", MaxFile, "%s: at most 8 MB", name)
	}
	switch sniffKind(data) {
	case kindZip:
		err = t.readZip(op, data)
	case kindText:
		err = t.readText(op, data)
	default:
		err = errs.NewField(op, "file", sniffKind(data), 0, "%s: %s", name, unreadable[sniffKind(data)])
	}
	if err != nil {
		return Table{}, err
	}
	return t.toResult(op)
}

// Kinds of files by their first bytes.
const (
	kindZip  = "zip"
	kindText = "text"
	kindOLE  = "old_excel"
	kindWeb  = "web_page"
	kindNone = "no_list"

	kindDocument = "document"
)

// unreadable gives advice for a file of a kind that holds no list.
var unreadable = map[string]string{
	kindOLE:      "this is an Excel file of the old kind or with a password; save it as .xlsx without one, or as CSV",
	kindWeb:      "this is a web page; open it in a spreadsheet program and save it as .xlsx or CSV",
	kindDocument: "this is a document and no table; copy the table into a spreadsheet program and save it as .xlsx or CSV",
	kindNone:     "this is no text, workbook or zip of a school system",
}

func sniffKind(data []byte) string {
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

// fileName returns the last part of a path, ready to be shown.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, "\ufffd"), `\`, "/"))
	name = strings.Join(strings.FieldsFunc(name, isHidden), "")
	if name == "." || name == "/" || name == "" {
		return "list"
	}
	return shortText(name)
}

// shortText cuts a text to the length that a problem quotes.
func shortText(s string) string {
	s = strings.TrimSpace(s)
	s = strings.ToValidUTF8(s[:min(len(s), maxCell)], "\ufffd")
	n := 0
	for i := range s {
		if n == maxText {
			return strings.TrimSpace(s[:i])
		}
		n++
	}
	return s
}
