package listimport

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// layout has the column of each part of a row, or -1 if there is none.
type layout struct {
	columns [columns]int
	middles []int
	known   map[int]bool // columns with a known heading, needed or not
	whole   bool         // the row is the name
	turn    bool         // full names are "Last, First"
	eastern bool         // headings of a language in which the last name comes first
}

func newLayout() (l layout) {
	for c := range l.columns {
		l.columns[c] = -1
	}
	l.known = map[int]bool{}
	return l
}

func (l layout) hasColumn(c column) bool { return l.columns[c] >= 0 }

func (l layout) hasName() bool {
	return slices.ContainsFunc([]column{columnFullName, columnName, columnGivenName, columnFamilyName, called}, l.hasColumn)
}

// cellOf returns a row's text of a column.
func (l layout) cellOf(r record, c column) string { return cellAt(r, l.columns[c]) }

func cellAt(r record, i int) string {
	if i >= 0 && i < len(r.fields) {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// pupilName returns a pupil's full name in a row. It prefers the name in use to the official one.
func (l layout) pupilName(r record) string {
	if l.whole {
		return StripListMark(r.raw)
	}
	if s := l.cellOf(r, columnFullName); s != "" {
		return l.turnName(StripListMark(s))
	}
	first, last, plain := l.cellOf(r, columnGivenName), l.last(r), l.cellOf(r, columnName)
	switch {
	case l.hasColumn(columnGivenName) || l.hasColumn(called):
		if last == "" {
			last = plain // Vorname, Name
		}
	case l.hasColumn(columnFamilyName) || l.hasColumn(usage): // name, surname
		first = plain
	default:
		last = l.turnName(StripListMark(plain))
	}
	parts := []string{first}
	if use := l.cellOf(r, called); use != "" {
		if last != "" && strings.HasSuffix(FoldName(use), " "+FoldName(last)) {
			return use // some programs have the full name here
		}
		parts = []string{use}
	} else {
		for _, i := range l.middles {
			parts = append(parts, cellAt(r, i))
		}
	}
	if l.eastern {
		parts = append([]string{last}, parts...)
	} else {
		parts = append(parts, last)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// turnName makes "First Last" of "Last, First" if the names of the list are written so.
func (l layout) turnName(s string) string {
	if last, first, ok := splitLastFirst(s); ok && l.turn {
		return first + " " + last
	}
	return s
}

// splitLastFirst cuts a name like "Lovelace, Ada" into its parts.
func splitLastFirst(s string) (last, first string, ok bool) {
	last, first, ok = strings.Cut(s, ",")
	if !ok {
		last, first, ok = strings.Cut(s, "،")
	}
	last, first = strings.TrimSpace(last), strings.TrimSpace(first)
	ok = ok && nameWord.MatchString(last+" ") && nameWord.MatchString(first+" ") && !slices.Contains(nameSuffixes, foldHeading(first))
	return last, first, ok
}

// nameSuffixes follow a comma and are no first names.
var nameSuffixes = []string{"jr", "sr", "ii", "iii", "iv", "phd", "md", "junior", "senior"}

// findTurned reports a list whose full names are "Last, First" in most rows. A single one may be
// anything.
func (l layout) findTurned(records []record) bool {
	turned, all := 0, 0
	for _, r := range records {
		s := cmp.Or(l.cellOf(r, columnFullName), l.cellOf(r, columnName))
		if isData(s) || isSummaryLine(s) {
			continue
		}
		all++
		if _, _, ok := splitLastFirst(s); ok {
			turned++
		}
	}
	return turned*5 >= all*4 && turned > 0
}

func (l layout) last(r record) string {
	if use := l.cellOf(r, usage); use != "" {
		return use
	}
	return strings.Join(strings.Fields(l.cellOf(r, prefix)+" "+l.cellOf(r, columnFamilyName)+" "+l.cellOf(r, second)), " ")
}

// className returns the class of a row: the class, the year, or both if neither is a part of the
// other.
func (l layout) className(r record) string {
	year, part := trimFloat(l.cellOf(r, columnClass)), trimFloat(l.cellOf(r, section))
	if year == "" {
		year = trimFloat(l.cellOf(r, crowd))
	}
	if year == "" || part == "" {
		part = year + part
		if year = trimFloat(l.cellOf(r, columnGrade)); utf8.RuneCountInString(part) > 2 {
			return part // a class with a name of its own
		}
	}
	if year == "" || part == "" || hasYear(year, part) {
		return cmp.Or(part, year)
	}
	last, _ := utf8.DecodeLastRuneInString(year)
	first, _ := utf8.DecodeRuneInString(part)
	switch {
	case unicode.IsDigit(last) && unicode.IsDigit(first):
		return year + "/" + part
	case unicode.IsDigit(last) && utf8.RuneCountInString(part) == 1:
		return year + part
	}
	return year + " " + part
}

// hasYear reports whether a class has its year in its name: "8C" of "Year 8".
func hasYear(year, part string) bool {
	words := strings.Fields(FoldName(year))
	rest, ok := strings.CutPrefix(FoldName(part), words[len(words)-1])
	next, _ := utf8.DecodeRuneInString(rest)
	return ok && !unicode.IsDigit(next) && (rest != "" || !isData(part))
}

var wholeFloat = regexp.MustCompile(`^\d+\.0$`)

// trimFloat undoes the decimals that programs add to whole numbers: "7.0".
func trimFloat(s string) string {
	if wholeFloat.MatchString(s) {
		return s[:len(s)-2]
	}
	return s
}

// checkNames refuses a list in which one part of the names is known and another column looks like
// the other part. Otherwise the box would have pupils with half of their names.
func (l layout) checkNames(op, file string, heading record, records []record) error {
	first, last := l.hasColumn(columnGivenName) || l.hasColumn(called), l.hasColumn(columnFamilyName) || l.hasColumn(usage)
	if l.hasColumn(columnFullName) || first && last || l.hasColumn(columnName) && (first || last || !isSingleWords(records, l.columns[columnName])) {
		return nil
	}
	for i := range heading.fields {
		if !l.known[i] && looksLikeNames(records, i) {
			had := cellAt(heading, max(l.columns[columnGivenName], l.columns[called], l.columns[columnFamilyName], l.columns[usage], l.columns[columnName]))
			return errs.NewField(op, lineField(file, heading.line), "half_name", 0,
				"%s, line %d: %q has one part of the names, and %q looks like the other; call them \"first name\" and \"last name\", or %q something that is no name",
				file, heading.line, shortText(had), shortText(cellAt(heading, i)), shortText(cellAt(heading, i)))
		}
	}
	return nil
}

// isSingleWords reports a column of single words.
func isSingleWords(records []record, i int) bool {
	one, all := 0, 0
	for _, r := range records {
		if n := len(strings.Fields(cellAt(r, i))); n > 0 {
			all++
			if n == 1 {
				one++
			}
		}
	}
	return one*5 >= all*4
}

var nameWord = regexp.MustCompile(`^[\p{L}\p{M}][\p{L}\p{M}'’ʼ.\- ]+$`)

// looksLikeNames reports a column that may hold names: words, most of which differ.
func looksLikeNames(records []record, i int) bool {
	all, words, differ := 0, 0, map[string]bool{}
	for _, r := range records {
		s := cellAt(r, i)
		if s == "" {
			continue
		}
		all++
		if nameWord.MatchString(s) && len(strings.Fields(s)) <= 4 && !classPattern.MatchString(s) {
			words++
			differ[FoldName(s)] = true
		}
	}
	return all > 0 && words*5 >= all*4 && len(differ)*2 >= all
}

// markPattern matches marks of pupils, which no year looks like. Years end with 13.
var (
	markPattern = regexp.MustCompile(`^([A-Fa-f]|[A-Fa-f][+\-−–*]|\d{1,3}([.,]\d+)?\s?%|\d{1,3}[.,]\d+|\d{1,3}\s?/\s?(10|20|50|100)|1[4-9]|[2-9]\d|100)$`)
	plainly     = regexp.MustCompile(`^([A-Fa-f][+\-−–]|\d{1,3}([.,]\d+)?\s?%)$`)
)

// dropMarks ignores a column of marks for classes: "grade" means both.
func (t *table) dropMarks(file string, l *layout, heading record, records []record) {
	for _, c := range []column{columnClass, section, crowd, columnGrade} {
		mark, marks, all := plainly, 0, 0
		if c == columnGrade {
			mark = markPattern
		}
		for _, r := range records {
			if s := trimFloat(l.cellOf(r, c)); s != "" {
				all++
				if mark.MatchString(s) {
					marks++
				}
			}
		}
		if l.hasColumn(c) && marks*2 >= all && marks > 0 {
			t.addProblem(file, heading.line, cellAt(heading, l.columns[c]), "marks", "this column has marks and no classes, and was passed over")
			l.columns[c] = -1
		}
	}
}

// isAdultRole reports a role of a person who is not a pupil.
func isAdultRole(role string) bool {
	k := foldHeading(role)
	has := func(w string) bool { return strings.Contains(k, foldHeading(w)) }
	return k != "" && slices.ContainsFunc(adults, has) && !slices.ContainsFunc(learners, has)
}

// isSummaryLine reports a line with totals of a list: "Class average", "Total: 28", "28 pupils".
func isSummaryLine(name string) bool {
	return summarySet[strings.TrimFunc(foldHeading(name), unicode.IsDigit)]
}

var summarySet = newSet(summaries)

// quoteHeadings returns the first headings of a row in quotes.
func quoteHeadings(fields []string) string {
	var list []string
	for _, f := range fields[:min(len(fields), 8)] {
		list = append(list, `"`+shortText(f)+`"`)
	}
	return strings.Join(list, ", ")
}
