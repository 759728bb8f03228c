package listimport

import (
	"regexp"
	"slices"
	"strings"
)

// tutorHeadings name a person in most programs, and in some the class of that person: KAMAR writes
// "9KOW" under "Tutor".
var tutorHeadings = newSet([]string{
	"tutor", "form tutor", "tutor code", "form teacher", "homeroom teacher", "kaitiaki", "mentor", "klassenlehrer", "klassenvorstand", "wychowawca",
	"professeur principal", "tuteur", "profesor tutor",
})

var (
	// codePattern matches names of classes with the letters of a person or a house in them: "9KOW", "10 TMA2", "KOW9".
	codePattern = regexp.MustCompile(`^(\d{1,2}[ .\-/]?\p{L}{1,5}\d?|\p{L}{1,5}[ .\-/]?\d{1,2}\p{L}?)$`)
	// initials match the code of a person: "KOW".
	initials = regexp.MustCompile(`^\p{Lu}{1,5}$`)
)

// adoptTutor takes the column of the tutor for the class if it has names of classes and no other
// column is the class.
func (l *layout) adoptTutor(heading record, records []record) {
	if i := l.findTutor(heading, records, codePattern); i >= 0 {
		l.columns[columnClass] = i
	}
}

// findTutor returns the column of the tutor whose cells match, or -1. A list with a class has none.
func (l layout) findTutor(heading record, records []record, cell *regexp.Regexp) int {
	if slices.ContainsFunc([]column{columnClass, section, crowd}, l.hasColumn) {
		return -1
	}
	for i, f := range heading.fields {
		if tutorHeadings[foldHeading(f)] && matchesMost(records, i, cell) {
			return i
		}
	}
	return -1
}

// matchesMost reports a column of which four fifths of the cells match.
func matchesMost(records []record, i int, cell *regexp.Regexp) bool {
	found, all := 0, 0
	for _, r := range records {
		if s := cellAt(r, i); s != "" {
			all++
			if cell.MatchString(s) {
				found++
			}
		}
	}
	return found*5 >= all*4 && found > 0
}

// hasYearedColumn reports a column with an unknown heading whose cells begin with the year of their
// row: "9KOW" beside "9". It may be the class.
func (l layout) hasYearedColumn(heading record, records []record) bool {
	for i := range heading.fields {
		found, all := 0, 0
		for _, r := range records {
			year, s := trimFloat(l.cellOf(r, columnGrade)), cellAt(r, i)
			if year == "" || s == "" {
				continue
			}
			all++
			words := strings.Fields(year)
			if codePattern.MatchString(s) && strings.HasPrefix(s, words[len(words)-1]) && s != year {
				found++
			}
		}
		if !l.known[i] && found >= 2 && found*5 >= all*4 {
			return true
		}
	}
	return false
}
