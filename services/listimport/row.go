package listimport

import (
	"strings"

	"github.com/livelearn/box/services/errs"
)

// rows reads the rows of a text with delimiters (RFC 4180) one after another. A field is a slice
// of the text, and only a field with doubled quotes is a copy.
type rows struct {
	op, file string
	text     string // the part that is not read yet
	line     int    // the number of its first line
	comma    string
	ends     [2]string // the end of a field: with bare quotes as an error, and with bare quotes as text
	cells    int       // so far
	fields   []string  // of the current row, reused for the next
}

// Reasons why the reading of a row ends.
type outcome uint8

const (
	whole   outcome = iota
	bare            // a quotation mark in a field without quotes
	broken          // a quotation mark that is open or has text behind it
	tooLong         // a cell beyond maxCell
	tooMany         // a cell with text beyond maxColumns
)

// next reads a row. fault means that its quotes are broken, and then the record holds one line
// only.
func (r *rows) next() (rec record, fault bool, err error) {
	size, out := r.read(r.text, false)
	if out != whole && out != tooMany {
		size = len(r.text)
		if i := strings.IndexByte(r.text, '\n'); i >= 0 {
			size = i + 1
		}
		_, out = r.read(strings.TrimSuffix(r.text[:size], "\n"), out == bare)
	}
	rec = record{line: r.line, raw: strings.TrimSuffix(r.text[:size], "\n")}
	r.text, r.line = r.text[size:], r.line+strings.Count(r.text[:size], "\n")
	if rec.fields = r.fields; out == whole && rec.isEmpty() {
		return record{}, false, nil
	}
	if out == whole {
		r.cells += len(r.fields)
	}
	switch {
	case out == tooLong:
		return rec, false, cellTooLong(r.op, r.file, rec.line)
	case out == tooMany:
		return rec, false, errs.NewField(r.op, lineField(r.file, rec.line), "too_many_columns", maxColumns,
			"%s, line %d: more than %d columns", r.file, rec.line, maxColumns)
	case r.cells > maxCells:
		return rec, false, errs.NewField(r.op, lineField(r.file, rec.line), "too_many_cells", maxCells,
			"%s, line %d: more than %d cells in the file", r.file, rec.line, maxCells)
	case out != whole:
		return rec, true, nil
	}
	rec.fields = append(make([]string, 0, len(r.fields)), r.fields...)
	if len(rec.raw) <= maxCell && strings.Contains(rec.raw, `"`) {
		rec.raw = strings.Join(rec.fields, r.comma)
	}
	return rec, false, nil
}

// read puts the fields of the first row of s into r.fields and returns its size, the line end
// included. It leaves out blank cells beyond maxColumns, up to maxBlank. lazy accepts bare
// quotation marks.
func (r *rows) read(s string, lazy bool) (size int, out outcome) {
	r.fields = r.fields[:0]
	for count := 1; ; count++ {
		field, n, out := r.readField(s[size:], lazy)
		if out != whole {
			return 0, out
		}
		size += n
		if len(r.fields) < maxColumns {
			r.fields = append(r.fields, field)
		} else if strings.TrimSpace(field) != "" || count > maxBlank {
			return size, tooMany
		}
		switch {
		case size == len(s):
			return size, whole
		case s[size] == '\n':
			return size + 1, whole
		}
		size += len(r.comma)
	}
}

// readField returns the first field of s, and its size in bytes with its quotes.
func (r *rows) readField(s string, lazy bool) (text string, size int, out outcome) {
	if strings.HasPrefix(s, `"`) {
		return r.readQuoted(s)
	}
	ends := r.ends[0]
	if lazy {
		ends = r.ends[1]
	}
	size = strings.IndexAny(s[:min(len(s), maxCell+1)], ends)
	switch {
	case size < 0 && len(s) > maxCell:
		return "", 0, tooLong
	case size < 0:
		size = len(s)
	case s[size] == '"' && !lazy:
		return "", 0, bare
	}
	return s[:size], size, whole
}

// readQuoted returns a field in quotes. A doubled quote means one.
func (r *rows) readQuoted(s string) (text string, size int, out outcome) {
	doubled, end := false, min(len(s), maxCell+2)
	for size = 1; ; size += 2 {
		i := strings.IndexByte(s[size:max(size, end)], '"')
		switch {
		case i < 0 && end < len(s):
			return "", 0, tooLong
		case i < 0:
			return "", 0, broken
		}
		size += i
		if !strings.HasPrefix(s[size+1:], `"`) {
			break
		}
		doubled = true
	}
	text = s[1:size]
	size++
	if rest := s[size:]; rest != "" && rest[0] != '\n' && !strings.HasPrefix(rest, r.comma) {
		return "", 0, broken
	}
	if doubled {
		text = strings.ReplaceAll(text, `""`, `"`)
	}
	return text, size, whole
}
