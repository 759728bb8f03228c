package intake

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// record is one row of a file.
type record struct {
	line   int // from 1
	fields []string
	raw    string // as the file has it, or as good as
}

// empty tells a row without anything in it, such as ";;;".
func (r record) empty() bool {
	return !slices.ContainsFunc(r.fields, func(f string) bool { return strings.TrimSpace(f) != "" })
}

// delimiters in the order of preference.
var delimiters = []rune{',', ';', '\t', '|'}

// delimiter is the character that cuts most of the first lines into the same number of
// fields, or 0 when none cuts anything. Excel says it in a first line "sep=;".
func delimiter(lines []string) rune {
	best, most := rune(0), 0
	sample := make([]string, 0, 50)
	for _, l := range lines {
		if strings.TrimSpace(l) != "" && len(sample) < cap(sample) {
			sample = append(sample, l)
		}
	}
	for _, d := range delimiters {
		counts := map[int]int{}
		for _, l := range sample {
			counts[outside(l, d)]++
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

// outside counts a delimiter outside quotes.
func outside(line string, d rune) (n int) {
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

// cut makes records of text: a strict reading first, so that quoted fields may hold line
// breaks, and line by line where quotes are broken, so that one bad line costs itself.
func (t *table) cut(file, text string) (records []record, d rune) {
	lines := strings.Split(text, "\n")
	start := 0
	if sep, ok := strings.CutPrefix(strings.ToLower(strings.TrimSuffix(lines[0], "\n")), "sep="); ok && utf8.RuneCountInString(sep) == 1 {
		d, _ = utf8.DecodeRuneInString(sep)
		start = 1
	}
	if d == 0 || d == '"' || d == utf8.RuneError {
		d = delimiter(lines[start:])
	}
	if d == 0 {
		return plain(lines), 0
	}
	const patience = 20 // broken quotes, each of which costs a reading of the rest
	for broken := 0; start < len(lines) && len(records) <= MaxRows; {
		if broken > patience {
			records = t.single(file, lines[start], start+1, d, records)
			start++
			continue
		}
		var bad int
		records, bad = strict(lines, start, d, records)
		if bad < 0 {
			break
		}
		records = t.single(file, lines[bad], bad+1, d, records)
		start, broken = bad+1, broken+1
	}
	return records, d
}

// plain is a record of each line.
func plain(lines []string) (records []record) {
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		if len(l) > 1 && l[0] == '"' && l[len(l)-1] == '"' {
			l = strings.ReplaceAll(l[1:len(l)-1], `""`, `"`)
		}
		records = append(records, record{line: i + 1, fields: []string{l}, raw: l})
		if len(records) > MaxRows {
			break
		}
	}
	return records
}

// strict reads from a line on until the end, or until a line with broken quotes, whose
// index it gives; -1: there is none.
func strict(lines []string, start int, d rune, records []record) ([]record, int) {
	r := csv.NewReader(strings.NewReader(strings.Join(lines[start:], "\n")))
	r.Comma, r.FieldsPerRecord = d, -1
	for len(records) <= MaxRows {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			return records, start + e.StartLine - 1
		}
		if err != nil {
			break // a strings.Reader has no other
		}
		line, _ := r.FieldPos(0)
		if rec := newRecord(start+line, fields, d); !rec.empty() {
			records = append(records, rec)
		}
	}
	return records, -1
}

// single reads one line whose quotes are broken: `Ben "Big" Smith,7b` is understood.
func (t *table) single(file, line string, number int, d rune, records []record) []record {
	for _, lazy := range []bool{false, true} {
		r := csv.NewReader(strings.NewReader(line))
		r.Comma, r.FieldsPerRecord, r.LazyQuotes = d, -1, lazy
		fields, err := r.Read()
		if err == nil {
			return append(records, newRecord(number, fields, d))
		}
		if errors.Is(err, io.EOF) {
			return records
		}
		if !errors.Is(err, csv.ErrBareQuote) {
			break
		}
	}
	t.problem(file, number, line, "bad_quotes", "a quotation mark is open or stands in a wrong place")
	return records
}

func newRecord(line int, fields []string, d rune) record {
	fields = fields[:min(len(fields), maxColumns)]
	return record{line: line, fields: fields, raw: strings.Join(fields, string(d))}
}
