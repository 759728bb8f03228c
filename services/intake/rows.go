package intake

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/livelearn/box/services/errs"
)

// layout is where a file has what; -1: nowhere.
type layout struct {
	at    [source + 1]int
	whole bool // the row is the name
}

func noLayout() (l layout) {
	for c := range l.at {
		l.at[c] = -1
	}
	return l
}

func (l layout) has(c column) bool { return l.at[c] >= 0 }

func (l layout) named() bool { return l.has(full) || l.has(either) || l.has(given) || l.has(family) }

// cell is a row's text of a column.
func (l layout) cell(r record, c column) string {
	if i := l.at[c]; i >= 0 && i < len(r.fields) {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// name is a pupil's whole name in a row.
func (l layout) name(r record) string {
	first, last, plain := l.cell(r, given), l.cell(r, family), l.cell(r, either)
	switch {
	case l.whole:
		return Unnumber(r.raw)
	case l.has(full) && l.cell(r, full) != "":
		return Unnumber(l.cell(r, full))
	case l.has(given) && l.has(family):
		return first + " " + last
	case l.has(given): // Vorname, Name
		return first + " " + plain
	case l.has(family): // name, surname
		return plain + " " + last
	}
	return Unnumber(plain)
}

// readText reads CSV or plain names.
func (t *table) readText(op string, data []byte) error {
	text, err := decode(op, t.file, data)
	if err != nil {
		return err
	}
	records, _ := t.cut(t.file, text)
	return t.take(op, t.file, records)
}

// take reads the rows of a list.
func (t *table) take(op, file string, records []record) error {
	if len(records) > MaxRows {
		line := records[MaxRows].line
		return errs.Field(op, where(file, line), "too_many_rows", MaxRows, "%s, line %d: at most %d rows", file, line, MaxRows)
	}
	if len(records) == 0 {
		return nil
	}
	start, l := header(records)
	var heading []string
	if start > 0 {
		heading = records[start-1].fields
	} else {
		var ok bool
		if l, ok = guess(records); !ok {
			line := records[0].line
			return errs.Field(op, where(file, line), "no_header", 0,
				`%s, line %d: no column is called a name; begin the file with a line such as "name,class"`, file, line)
		}
	}
	if running(l, records[start:]) {
		l.at[source] = -1
	}
	for _, r := range records[start:] {
		if !slices.Equal(r.fields, heading) { // some programs print the headings on each page
			t.row(file, l, r)
		}
	}
	return nil
}

// running tells a column of ids that only counts the rows: the next list of the school
// gives the same numbers to others.
func running(l layout, records []record) bool {
	for i, r := range records {
		if unfloat(l.cell(r, source)) != strconv.Itoa(i+1) {
			return false
		}
	}
	return len(records) >= 5
}

// row reads one row.
func (t *table) row(file string, l layout, r record) {
	raw := l.name(r)
	if strings.Contains(raw, "\n") {
		t.problem(file, r.line, r.raw, "bad_quotes", "a quotation mark is open or stands in a wrong place")
		return
	}
	if isData(raw) {
		t.problem(file, r.line, r.raw, "no_name", "there is no name on this line")
		return
	}
	name, err := Clean("", "name", raw, MaxName)
	if err != nil {
		t.fault(file, r.line, r.raw, err)
		return
	}
	group := ""
	if raw := l.className(r); raw != "" {
		if group, err = Clean("", "class", raw, MaxName); err != nil {
			t.fault(file, r.line, r.raw, err)
			return
		}
	}
	t.add(group, Row{Source: t.id(file, l, r), Name: name, File: file, Line: r.line}, r.raw)
}

// id is a row's source id. A bad one costs the id and not the pupil.
func (t *table) id(file string, l layout, r record) string {
	raw := unfloat(l.cell(r, source))
	if raw == "" {
		return ""
	}
	if lost.MatchString(raw) {
		t.problem(file, r.line, r.raw, "lost_id", "a spreadsheet program rounded this id; the name is taken without it")
		return ""
	}
	id, err := Clean("", "id", raw, maxID)
	if err != nil {
		t.fault(file, r.line, r.raw, err)
		return ""
	}
	return id
}

// className is the class of a row: the class, the grade, or both when a class is but a
// letter of its grade.
func (l layout) className(r record) string {
	c, g := unfloat(l.cell(r, class)), unfloat(l.cell(r, grade))
	switch {
	case c == "":
		return g
	case g != "" && len([]rune(c)) == 1 && unicode.IsLetter([]rune(c)[0]):
		return g + c
	}
	return c
}

var wholeFloat = regexp.MustCompile(`^\d+\.0$`)

// unfloat undoes what programs do to whole numbers: "7.0".
func unfloat(s string) string {
	if wholeFloat.MatchString(s) {
		return s[:len(s)-2]
	}
	return s
}

// header finds the row of headings among the first ones: titles may stand above it. It
// gives the index of the row below; 0: there is none.
func header(records []record) (int, layout) {
	h := newHeadings()
	for i, r := range records[:min(len(records), 10)] {
		l, sure, likely := h.read(r)
		if !l.named() {
			continue
		}
		data := slices.ContainsFunc(r.fields, func(f string) bool { return strings.TrimSpace(f) != "" && isData(f) })
		cells := 0
		for _, f := range r.fields {
			if strings.TrimSpace(f) != "" {
				cells++
			}
		}
		switch {
		case cells == 1 && (sure == 0 || i > 0): // "Nam" is a name
		case sure+likely >= 2 || sure == 1 || i == 0 && !data:
			return i + 1, l
		}
	}
	return 0, noLayout()
}

// read tells the columns of a row if it is one of headings, and how many headings there
// are without and with a slip. A slip counts only where no other heading says it.
func (h headings) read(r record) (l layout, sure, likely int) {
	l = noLayout()
	guesses := noLayout()
	for i, f := range r.fields {
		c, ok := h.columnOf(f)
		switch {
		case c == other:
		case ok && !l.has(c):
			l.at[c] = i
			sure++
		case !ok && !guesses.has(c):
			guesses.at[c] = i
		}
	}
	whole := l.has(full) || l.has(either) && !l.has(given) && !l.has(family)
	parts := l.has(given) || l.has(family)
	for c := full; c <= source; c++ {
		isPart, isWhole := c == given || c == family, c == full || c == either
		if !guesses.has(c) || l.has(c) || isWhole && (whole || parts) || isPart && l.has(full) {
			continue
		}
		l.at[c] = guesses.at[c]
		likely++
	}
	return l, sure, likely
}

// group is what classes are called when nothing says so: "7b", "10", "3 A", "B2".
var group = regexp.MustCompile(`^(\d{1,2}\s?\.?\s?\p{L}{0,2}|\p{L}{1,2}\s?\d{1,2})$`)

// guess finds the names in a file without headings: names alone, names with commas in
// them, or the only column of words, beside one of classes perhaps.
func guess(records []record) (layout, bool) {
	l := noLayout()
	widest := 0
	for _, r := range records {
		widest = max(widest, len(r.fields))
	}
	if widest == 1 {
		l.at[either] = 0
		return l, true
	}
	if widest == 2 && !slices.ContainsFunc(records, func(r record) bool { return !lastFirst(r) }) {
		l.whole = true
		return l, true
	}
	for i := range widest {
		words, groups, cells := 0, 0, 0
		for _, r := range records {
			if i >= len(r.fields) || strings.TrimSpace(r.fields[i]) == "" {
				continue
			}
			cells++
			switch f := strings.TrimSpace(r.fields[i]); {
			case group.MatchString(f):
				groups++
			case !isData(f) && len([]rune(f)) > 1:
				words++
			}
		}
		switch {
		case cells == 0:
		case words*5 >= cells*4 && l.has(either):
			return l, false // which of the two is it?
		case words*5 >= cells*4:
			l.at[either] = i
		case groups*5 >= cells*4 && hasLetter(records, i) && !l.has(class):
			l.at[class] = i
		}
	}
	return l, l.has(either)
}

// hasLetter tells classes from running numbers.
func hasLetter(records []record, i int) bool {
	return slices.ContainsFunc(records, func(r record) bool {
		return i < len(r.fields) && strings.ContainsFunc(r.fields[i], unicode.IsLetter)
	})
}

// lastFirst tells "Lovelace, Ada".
func lastFirst(r record) bool {
	return len(r.fields) == 1 || len(r.fields) == 2 && strings.HasPrefix(r.fields[1], " ") && strings.Contains(r.raw, ", ") && !isData(r.fields[1])
}
