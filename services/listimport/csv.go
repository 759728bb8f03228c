package listimport

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// record is one row of a file.
type record struct {
	line   int // from 1
	fields []string
	raw    string // as in the file, or nearly
}

// isEmpty reports a row without any text, such as ";;;".
func (r record) isEmpty() bool {
	return !slices.ContainsFunc(r.fields, func(f string) bool { return strings.TrimSpace(f) != "" })
}

// delimiters are in the order of preference.
var delimiters = []rune{',', ';', '\t', '|'}

// findDelimiter returns the character that cuts most of the first lines into the same number of
// fields, or 0 if none cuts anything. Excel names it in a first line "sep=;".
func findDelimiter(text string) rune {
	best, most := rune(0), 0
	sample := make([]string, 0, 50)
	for _, l := range linesOf(text) {
		if strings.TrimSpace(l) != "" {
			sample = append(sample, l[:min(len(l), maxCell)])
		}
		if len(sample) == cap(sample) {
			break
		}
	}
	for _, d := range delimiters {
		counts := map[int]int{}
		for _, l := range sample {
			counts[countUnquoted(l, d)]++
		}
		score := 0
		for n, lines := range counts {
			if n > 0 {
				score = max(score, lines*1000+min(n, 100))
			}
		}
		if score > most {
			best, most = d, score
		}
	}
	return best
}

// countUnquoted counts a delimiter outside quotes.
func countUnquoted(line string, d rune) (n int) {
	quoted := false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == d && !quoted:
			n++
		}
	}
	return n
}

// linesOf iterates over the lines of a text with their numbers, from 1.
func linesOf(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for n := 1; ; n++ {
			line, rest, more := strings.Cut(text, "\n")
			if !yield(n, line) || !more {
				return
			}
			text = rest
		}
	}
}

// splitRecords cuts a text into records. It reads a row strictly first, so that quoted fields may
// hold line breaks. If the quotes are broken it reads the first line alone, so that one bad line
// costs only itself. Records are slices of the text where possible.
func (t *table) splitRecords(op, file, text string) ([]record, error) {
	r := rows{op: op, file: file, text: text, line: 1}
	first, rest, _ := strings.Cut(text, "\n")
	d := rune(0)
	if sep, ok := strings.CutPrefix(strings.ToLower(first[:min(len(first), 10)]), "sep="); ok && utf8.RuneCountInString(sep) == 1 {
		d, _ = utf8.DecodeRuneInString(sep)
		r.text, r.line = rest, 2
	}
	if d == 0 || d == '"' || d == utf8.RuneError {
		d = findDelimiter(r.text)
	}
	if d == 0 {
		return plainRecords(op, file, text)
	}
	r.comma = string(d)
	r.ends = [2]string{r.comma + "\n\"", r.comma + "\n"}
	var records []record
	for r.text != "" && len(records) <= MaxRows {
		rec, fault, err := r.next()
		switch {
		case err != nil:
			return nil, err
		case fault:
			t.addProblem(file, rec.line, rec.raw, "bad_quotes", "a quotation mark is open or stands in a wrong place")
		case !rec.isEmpty():
			records = append(records, rec)
		}
	}
	return records, nil
}

// plainRecords makes a record of each line.
func plainRecords(op, file, text string) (records []record, err error) {
	for n, l := range linesOf(text) {
		if strings.TrimSpace(l) == "" {
			continue
		}
		if len(l) > maxCell {
			return nil, cellTooLong(op, file, n)
		}
		if len(l) > 1 && l[0] == '"' && l[len(l)-1] == '"' {
			l = strings.ReplaceAll(l[1:len(l)-1], `""`, `"`)
		}
		records = append(records, record{line: n, fields: []string{l}, raw: l})
		if len(records) > MaxRows {
			break
		}
	}
	return records, nil
}

func cellTooLong(op, file string, line int) error {
	return errs.NewField(op, lineField(file, line), "cell_too_long", maxCell,
		"%s, line %d: a cell has more than %d bytes, or a quotation mark is open", file, line, maxCell)
}
