package listimport

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/livelearn/box/services/errs"
)

// readText reads CSV or plain names.
func (t *table) readText(op string, data []byte) error {
	text, err := Decode(op, t.file, data)
	if err != nil {
		return err
	}
	records, err := t.splitRecords(op, t.file, text)
	if err != nil {
		return err
	}
	return t.readRows(op, t.file, records)
}

// readRows reads the rows of a list.
func (t *table) readRows(op, file string, records []record) error {
	if len(records) > MaxRows {
		line := records[MaxRows].line
		return errs.NewField(op, lineField(file, line), "too_many_rows", MaxRows, "%s, line %d: at most %d rows", file, line, MaxRows)
	}
	if len(records) == 0 {
		return nil
	}
	start, l, err := t.findColumns(op, file, records)
	if err != nil {
		return err
	}
	var heading record
	if start > 0 {
		heading = records[start-1]
		t.dropMarks(file, &l, heading, records[start:])
		l.turn = l.findTurned(records[start:])
	}
	if onlyCounts(l, records[start:]) || isShared(l, records[start:]) {
		l.columns[columnSource] = -1
	}
	for _, r := range records[start:] {
		if !slices.Equal(r.fields, heading.fields) { // some programs print the headings on each page
			t.readRow(file, l, r)
		}
	}
	return nil
}

// findColumns returns the columns of a list and the index of its first row of data: as a person
// chose them, by the headings, or by their content.
func (t *table) findColumns(op, file string, records []record) (start int, l layout, err error) {
	start, l = findHeader(records)
	chosen := len(t.choice.Meanings) > 0
	switch {
	case t.choice.Headless:
		start = 0
	case start == 0 && chosen:
		start = headingRow(records) + 1
	}
	if chosen {
		if l, err = t.chosenLayout(op); err == nil {
			t.describeColumns(l, headingAt(records, start), records[start:])
		}
		return start, l, err
	}
	if start == 0 {
		var ok bool
		if l, ok = guessLayout(records); ok {
			return 0, l, nil
		}
		at := headingRow(records)
		t.describeColumns(newLayout(), records[at], records[at+1:])
		line := records[0].line
		return 0, l, errs.NewField(op, lineField(file, line), "no_header", 0,
			`%s, line %d: no column is called a name; begin the file with a line such as "name,class"; it has the columns %s`,
			file, line, quoteHeadings(records[0].fields))
	}
	heading, rows := records[start-1], records[start:]
	l.adoptTutor(heading, rows)
	t.describeColumns(l, heading, rows)
	if err = l.checkNames(op, file, heading, rows); err == nil && t.Columns != nil && l.asksForClass(heading, rows) {
		t.Columns.Code, t.Columns.Field, t.Columns.Message = "half_class", lineField(file, heading.line), "no column is called a class, and one looks like it"
	}
	return start, l, err
}

func headingAt(records []record, start int) record {
	if start == 0 {
		return record{}
	}
	return records[start-1]
}

// onlyCounts reports a column of ids that only number the rows: the next list of the school gives
// the same numbers to other pupils.
func onlyCounts(l layout, records []record) bool {
	for i, r := range records {
		if trimFloat(l.cellOf(r, columnSource)) != strconv.Itoa(i+1) {
			return false
		}
	}
	return len(records) >= 5
}

// isShared reports a column of ids that many pupils have in common: those of their school.
func isShared(l layout, records []record) bool {
	differ, all := map[string]bool{}, 0
	for _, r := range records {
		if id := l.cellOf(r, columnSource); id != "" && !isData(l.pupilName(r)) {
			all++
			differ[id] = true
		}
	}
	return all >= 4 && len(differ)*2 <= all || all > 1 && all < 4 && len(differ) == 1
}

// readRow reads one row.
func (t *table) readRow(file string, l layout, r record) {
	raw := l.pupilName(r)
	if t.findClassLine(r) {
		return
	}
	if strings.Contains(raw, "\n") {
		t.addProblem(file, r.line, r.raw, "bad_quotes", "a quotation mark is open or stands in a wrong place")
		return
	}
	if isData(raw) {
		t.addProblem(file, r.line, r.raw, "no_name", "there is no name on this line")
		return
	}
	switch {
	case isAdultRole(l.cellOf(r, role)):
		t.addProblem(file, r.line, r.raw, "adult", "this is a teacher or another adult, and was left out")
		return
	case foldHeading(l.cellOf(r, state)) == "tobedeleted":
		t.addProblem(file, r.line, r.raw, "to_be_deleted", "the file wants this deleted; the box deletes nothing by a file")
		return
	case isOff(l.cellOf(r, enabled)) || slices.Contains(offStates, foldHeading(l.cellOf(r, state))):
		t.addProblem(file, r.line, r.raw, "disabled", "this user is disabled and was left out")
		return
	case isSummaryLine(raw):
		t.addProblem(file, r.line, r.raw, "summary", "this line sums up the list and was left out")
		return
	}
	name, err := CleanName("", "name", raw, MaxName)
	if err != nil {
		t.addError(file, r.line, r.raw, err)
		return
	}
	group := t.lineClass
	if raw := l.className(r); raw != "" {
		if group, err = CleanName("", "class", raw, MaxName); err != nil {
			t.addError(file, r.line, r.raw, err)
			return
		}
	}
	t.addPupil(group, Row{Source: t.sourceID(file, l, r), Name: name, File: file, Line: r.line}, r.raw, l.cellOf(r, login), l.cellOf(r, born))
}

// classLine matches a line of plain names that says a class, such as "Class 7B".
var classLine = regexp.MustCompile(`(?i)^(?:class|form|year|grade|classe|clase|klasse|klas|turma|grupo|group|الصف|الفصل)\s*:?\s+(\d{1,2}[. \-/]?\p{L}{0,3}|\p{L}{1,2})\s*:?$`)

// findClassLine reports a line that says the class of the names below it, in a list without columns.
func (t *table) findClassLine(r record) bool {
	if t.Columns != nil || len(r.fields) != 1 {
		return false
	}
	m := classLine.FindStringSubmatch(strings.TrimSpace(r.fields[0]))
	if m == nil {
		return false
	}
	t.lineClass = strings.TrimSpace(m[1])
	return true
}

// offStates are states of accounts that are switched off.
var offStates = []string{"inactive", "suspended", "disabled", "archived", "withdrawn", "transferred", "left", "leaver", "transferido", "transferida", "baja", "evadido", "desistente"}

func isOff(cell string) bool {
	k := foldHeading(cell)
	return k == "false" || k == "no" || k == "0"
}

// sourceID returns a row's source id. A bad one costs the id and not the pupil.
func (t *table) sourceID(file string, l layout, r record) string {
	raw := trimFloat(l.cellOf(r, columnSource))
	if raw == "" {
		return ""
	}
	if roundedID.MatchString(raw) {
		t.addProblem(file, r.line, r.raw, "lost_id", "a spreadsheet program rounded this id; the name is taken without it")
		return ""
	}
	id, err := CleanName("", "id", raw, maxID)
	if err != nil {
		t.addError(file, r.line, r.raw, err)
		return ""
	}
	return id
}

// findHeader finds the row of headings among the first rows, below possible titles. It returns
// the index of the row after it, or 0 if there is none.
func findHeader(records []record) (int, layout) {
	h := newHeadings()
	widest := 0
	for i, r := range records[:min(len(records), 10)] {
		above := widest
		cells := countFilled(r)
		widest = max(widest, cells)
		l, sure, likely := h.layoutOf(r)
		if !l.hasName() {
			continue
		}
		data := slices.ContainsFunc(r.fields, func(f string) bool { return strings.TrimSpace(f) != "" && isData(f) })
		switch {
		case cells == 1 && (sure == 0 || i > 0): // "Nam" is a name
		case sure+likely >= 2 || sure == 1 && cells > above || i == 0 && !data: // "Pupil" may be a role in a list
			return i + 1, l
		}
	}
	return 0, newLayout()
}

func countFilled(r record) (n int) {
	for _, f := range r.fields {
		if strings.TrimSpace(f) != "" {
			n++
		}
	}
	return n
}

// layoutOf returns the columns of a row of headings, and the number of headings without and with
// a typing error. A typing error counts only if no other heading names the same column.
func (h headings) layoutOf(r record) (l layout, sure, likely int) {
	l = newLayout()
	guesses := newLayout()
	for i, f := range r.fields {
		c, ok := h.columnOf(f)
		l.eastern = l.eastern || ok && c == columnFamilyName && easternHeadings[foldHeading(f)]
		switch {
		case c == columnOther:
			l.known[i] = ok
		case c == middle && ok:
			l.middles = append(l.middles, i)
			l.known[i] = true
		case ok && !l.hasColumn(c):
			l.columns[c], l.known[i] = i, true
			sure++
		case !ok && !guesses.hasColumn(c):
			guesses.columns[c] = i
		case ok:
			l.known[i] = true
		}
	}
	return l, sure, l.addGuesses(guesses)
}

// addGuesses adds the columns whose headings have a typing error, and returns their number. It adds no
// column of whole names where another column has names, and no part of a name beside full names.
func (l *layout) addGuesses(guesses layout) (added int) {
	named := slices.ContainsFunc([]column{columnFullName, columnName, columnGivenName, columnFamilyName}, l.hasColumn)
	for c := columnFullName; c < columns; c++ {
		isPart, isWhole := c == columnGivenName || c == columnFamilyName, c == columnFullName || c == columnName
		if !guesses.hasColumn(c) || l.hasColumn(c) || isWhole && named || isPart && l.hasColumn(columnFullName) {
			continue
		}
		l.columns[c], l.known[guesses.columns[c]] = guesses.columns[c], true
		added++
	}
	return added
}

// easternHeadings are headings of last names in languages that write them first.
var easternHeadings = newSet([]string{"姓", "姓氏", "성", "ho", "họ và tên đệm", "họ đệm", "vezetéknév", "családnév"})

// classPattern matches usual names of classes, for files without headings: "7b", "10", "3 A",
// "B2".
var classPattern = regexp.MustCompile(`^(\d{1,2}\s?\.?\s?\p{L}{0,2}|\p{L}{1,2}\s?\d{1,2})$`)

// guessLayout finds the names in a file without headings: names alone, names with commas in them,
// or the only column of words, perhaps next to a column of classes.
func guessLayout(records []record) (layout, bool) {
	l := newLayout()
	widest := 0
	for _, r := range records {
		widest = max(widest, len(r.fields))
	}
	if widest == 1 {
		l.columns[columnName] = 0
		return l, true
	}
	if widest == 2 && !slices.ContainsFunc(records, func(r record) bool { return !hasLastFirst(r) }) {
		l.whole = true
		return l, true
	}
	for i := range widest {
		words, groups, cells := countCells(records, i)
		if cells > 1 && isHeadingRow(records, i, words) {
			return l, false // with headings that we do not know
		}
		switch {
		case cells == 0:
		case words*5 >= cells*4 && l.hasColumn(columnName):
			return l, false // it may be either of the two
		case words*5 >= cells*4:
			l.columns[columnName] = i
		case groups*5 >= cells*4 && hasLetter(records, i) && !l.hasColumn(columnClass):
			l.columns[columnClass] = i
		}
	}
	return l, l.hasColumn(columnName)
}

// countCells counts the cells of a column that are not blank, and of these the words and the
// names of classes.
func countCells(records []record, i int) (words, groups, cells int) {
	for _, r := range records {
		if i >= len(r.fields) || strings.TrimSpace(r.fields[i]) == "" {
			continue
		}
		cells++
		switch f := strings.TrimSpace(r.fields[i]); {
		case classPattern.MatchString(f):
			groups++
		case !isData(f) && len([]rune(f)) > 1:
			words++
		}
	}
	return words, groups, cells
}

// isHeadingRow reports whether the first row is a row of headings: a word above a column of dates,
// numbers or classes alone.
func isHeadingRow(records []record, i, words int) bool {
	if i >= len(records[0].fields) {
		return false
	}
	first := strings.TrimSpace(records[0].fields[i])
	return words == 1 && !isData(first) && !classPattern.MatchString(first) && len([]rune(first)) > 1
}

// hasLetter separates classes from running numbers.
func hasLetter(records []record, i int) bool {
	return slices.ContainsFunc(records, func(r record) bool {
		return i < len(r.fields) && strings.ContainsFunc(r.fields[i], unicode.IsLetter)
	})
}

func hasDigit(records []record, i int) bool {
	return slices.ContainsFunc(records, func(r record) bool { return strings.ContainsFunc(cellAt(r, i), unicode.IsDigit) })
}

// hasLastFirst reports a name like "Lovelace, Ada".
func hasLastFirst(r record) bool {
	return len(r.fields) == 1 || len(r.fields) == 2 && strings.HasPrefix(r.fields[1], " ") && strings.Contains(r.raw, ", ") && !isData(r.fields[1])
}
