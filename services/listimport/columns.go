package listimport

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// maxShown bounds the columns that a person is asked about, and samples the rows of each.
const (
	maxShown = 100
	samples  = 3
)

// Columns are the columns of a list as a person sees them, with what was understood.
type Columns struct {
	Key      string     `json:"key"`      // the same for lists with the same headings
	Headings []string   `json:"headings"` // empty if the list has none
	Samples  [][]string `json:"samples"`  // the first rows
	Meanings []string   `json:"meanings"` // one a column, see Choice
	// Code and Message are set if the list was understood by half: someone must say what the columns
	// mean. Then the table has no classes.
	Code    string `json:"code,omitempty"`
	Field   string `json:"field,omitempty"` // the place in the file
	Message string `json:"message,omitempty"`
	// Remembered is true if the school has said earlier what lists with these headings mean.
	Remembered bool `json:"remembered,omitempty"`
}

// Choice is what a person says about the columns of a list. The zero value leaves it to Read.
type Choice struct {
	// Meanings has one of the words of columnMeanings for each column.
	Meanings []string `json:"meanings,omitempty"`
	// Headless is true if the first line is a pupil and no heading.
	Headless bool `json:"headless,omitempty"`
}

// columnMeanings are the words of a Choice.
var columnMeanings = map[string]column{
	"other": columnOther, "full": columnFullName, "given": columnGivenName, "family": columnFamilyName, "middle": middle,
	"preferred": called, "class": columnClass, "year": columnGrade, "section": section, "id": columnSource, "email": login, "role": role,
}

// shownMeanings are the words for columns that have none of their own.
var shownMeanings = map[column]string{usage: "family", second: "middle", prefix: "middle", columnName: "full", crowd: "class"}

func (c column) meaning() string {
	for word, of := range columnMeanings {
		if of == c {
			return word
		}
	}
	if word := shownMeanings[c]; word != "" {
		return word
	}
	return "other"
}

// Read reads a file as Parse does, with a person's word about its columns. A list that is
// understood by half has no classes and says so in Columns, instead of an error.
func Read(name string, data []byte, choice Choice) (Table, error) {
	t := &table{file: fileName(name), choice: choice}
	out, err := t.parseFile("intake.Read", data)
	if c := t.Columns; c != nil && (err != nil || c.Code != "") {
		if e := half(err); e != nil {
			c.Code, c.Field, c.Message = e.Code, e.Field, e.Err.Error()
		}
		if c.Code != "" {
			return Table{Classes: []Class{}, Problems: []Problem{}, Columns: c}, nil
		}
	}
	return out, err
}

// half returns the error of a list that is understood by half.
func half(err error) *errs.Error {
	if e, ok := errorOf(err); ok && (e.Code == "half_name" || e.Code == "no_header") {
		return e
	}
	return nil
}

// describeColumns keeps what a person needs to see of a list with several columns.
func (t *table) describeColumns(l layout, heading record, rows []record) {
	width := len(heading.fields)
	for _, r := range rows[:min(len(rows), samples)] {
		width = max(width, len(r.fields))
	}
	if width = min(width, maxShown); width < 2 {
		return
	}
	c := &Columns{Headings: []string{}, Samples: [][]string{}, Meanings: make([]string, width)}
	for i := range width {
		if len(heading.fields) > 0 {
			c.Headings = append(c.Headings, shortText(cellAt(heading, i)))
		}
		c.Meanings[i] = "other"
	}
	for _, r := range rows[:min(len(rows), samples)] {
		row := make([]string, width)
		for i := range row {
			row[i] = shortText(cellAt(r, i))
		}
		c.Samples = append(c.Samples, row)
	}
	for of, i := range l.columns {
		if i >= 0 && i < width {
			c.Meanings[i] = column(of).meaning()
		}
	}
	for _, i := range l.middles {
		if i < width {
			c.Meanings[i] = "middle"
		}
	}
	c.Key = keyOf(heading.fields)
	t.Columns = c
}

// keyOf returns the same text for the same headings.
func keyOf(fields []string) string {
	var list []string
	for _, f := range fields {
		list = append(list, foldHeading(f[:min(len(f), 200)]))
	}
	sum := sha256.Sum256([]byte(strings.Join(list, "\n")))
	return hex.EncodeToString(sum[:12])
}

// chosenLayout returns the layout that a person chose.
func (t *table) chosenLayout(op string) (layout, error) {
	l := newLayout()
	if len(t.choice.Meanings) > maxShown {
		return l, errs.NewField(op, "columns", "too_many", maxShown, "at most %d columns", maxShown)
	}
	for i, word := range t.choice.Meanings {
		c, ok := columnMeanings[word]
		switch {
		case !ok:
			return l, errs.NewField(op, "columns", "unknown", 0, "%q is no meaning of a column", shortText(word))
		case c == middle:
			l.middles = append(l.middles, i)
		case c != columnOther && l.hasColumn(c):
			return l, errs.NewField(op, "columns", "duplicate", 0, "two columns are %q", word)
		case c != columnOther:
			l.columns[c] = i
		}
		l.known[i] = true
	}
	if !l.hasName() {
		return l, errs.NewField(op, "columns", "no_name", 1, "one column must hold the names")
	}
	return l, nil
}

// headingRow finds the line of the headings in a list whose headings are not known: the first that
// is as wide as the list, below possible titles.
func headingRow(records []record) int {
	best, most := 0, 0
	for i, r := range records[:min(len(records), 10)] {
		if cells := countFilled(r); cells > most {
			best, most = i, cells
		}
	}
	return best
}

// asksForClass reports a list without a class in which a column with an unknown heading looks like
// one: "7B", "8C". In a list with the years that is a column of years with something behind them, or
// the codes of tutors.
func (l layout) asksForClass(heading record, records []record) bool {
	if l.findTutor(heading, records, initials) >= 0 {
		return true
	}
	if slices.ContainsFunc([]column{columnClass, section, crowd}, l.hasColumn) {
		return false
	}
	if l.hasColumn(columnGrade) {
		return l.hasYearedColumn(heading, records)
	}
	for i := range heading.fields {
		if _, groups, cells := countCells(records, i); !l.known[i] && cells >= 2 && groups == cells && hasLetter(records, i) && hasDigit(records, i) {
			return true
		}
	}
	return false
}
