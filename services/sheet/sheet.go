// Package sheet writes CSV files of which a spreadsheet runs nothing, whichever character
// it takes for the separator. Results and the cloud's exports are written with it.
//
// A file is separated by commas, or by what its owner chooses. Excel splits it by semicolons where a comma is the
// decimal sign, and then a quote within a line means nothing: a cell begins after each
// semicolon and each line break. So quoting alone does not help, and Text marks what
// looks like a formula at each such place.
package sheet

import (
	"bufio"
	"io"
	"regexp"
	"strings"
)

// formula is a formula sign where a cell may begin. Spaces, quotes and characters without
// a shape may precede it: some spreadsheets drop them. Full-width and small forms of the
// signs count as well, as East Asian versions of Excel take them for the sign.
var formula = regexp.MustCompile(`([;\t\r\n]|^)([\pZ\p{Cc}\p{Cf}"]*)([-=+@＝＋－＠﹦﹢﹣﹫])`)

// Text is s with an apostrophe before everything that a spreadsheet might take for a
// formula. Numbers that the program computes do not need it.
func Text(s string) string {
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		s = "'" + s
	}
	return formula.ReplaceAllStringFunc(s, func(found string) string {
		part := formula.FindStringSubmatch(found)
		sign := part[3]
		if strings.ContainsAny(part[2], ";\t\r\n") {
			sign = "'" + sign
		}
		return part[1] + "'" + part[2] + sign
	})
}

// Writer writes rows as RFC 4180 has them, and quotes cells that hold any of the
// separators that spreadsheets know. Its owner calls Flush at the end.
type Writer struct {
	Comma rune // between cells: ',', ';' or '\t'
	out   *bufio.Writer
}

// NewWriter makes a Writer that writes to w.
func NewWriter(w io.Writer) Writer { return Writer{Comma: ',', out: bufio.NewWriter(w)} }

// Write writes one row.
func (w Writer) Write(row []string) error {
	for i, cell := range row {
		if i > 0 {
			_, _ = w.out.WriteRune(w.Comma) // the last write returns the error of any
		}
		if strings.ContainsAny(cell, ",;\t\r\n\"") || strings.TrimSpace(cell) != cell {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		_, _ = w.out.WriteString(cell)
	}
	_, err := w.out.WriteString("\r\n")
	return err
}

// Flush writes the buffered rows.
func (w Writer) Flush() error { return w.out.Flush() }
