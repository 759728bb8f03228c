package listimport

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livelearn/box/services/errs"
)

// table is a Table during the reading of a file.
type table struct {
	lineClass string // the class that a line above said, in a list without columns
	Table
	file       string             // its name
	choice     Choice             // a person's word about the columns
	unlisted   int                // problems that are not listed
	byClass    map[string]int     // places in Classes by folded name
	firstLines map[uniqueKey]seen // lines by name and by id
}

// seen holds the line of a name or id, and the ids that only this pupil has.
type seen struct {
	line  int
	marks []string
}

// uniqueKey is a name or an id that a class has once.
type uniqueKey struct {
	class int
	what  string
}

func (t *table) addProblem(file string, line int, text, code, message string) {
	if len(t.Problems) >= MaxProblems {
		t.unlisted++
		return
	}
	t.Problems = append(t.Problems, Problem{File: file, Line: line, Text: shortText(text), Code: code, Message: message})
}

// addError makes a problem of the error of a name or an id.
func (t *table) addError(file string, line int, text string, err error) {
	e, ok := errorOf(err)
	if !ok {
		e = errs.NewCode("", errs.Invalid, "bad_text", "%v", err)
	}
	t.addProblem(file, line, text, e.Code, e.Err.Error())
}

func errorOf(err error) (*errs.Error, bool) { return errors.AsType[*errs.Error](err) }

// lineField names a line of a file in the field of an error.
func lineField(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// toResult returns the table for the caller. It refuses a file without pupils, with the first
// problem as the reason.
func (t *table) toResult(op string) (Table, error) {
	t.nameDefaultClass()
	out := t.Table
	out.Classes = slices.DeleteFunc(out.Classes, func(c Class) bool { return len(c.Pupils) == 0 })
	switch {
	case len(out.Classes) == 0 && len(out.Problems) == 0:
		return Table{}, errs.NewField(op, "file", "empty", 1, "%s: there is no name in it", t.file)
	case out.Classes == nil:
		out.Classes = []Class{} // never null for a client
	}
	slices.SortStableFunc(out.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	if t.unlisted > 0 {
		out.Problems = append(out.Problems, Problem{
			File: t.file, Code: "more_problems", Message: fmt.Sprintf("%d more problems are not listed", t.unlisted),
		})
	}
	if out.Problems == nil {
		out.Problems = []Problem{}
	}
	return out, nil
}

// nameDefaultClass names the class of pupils without one after the file. If other pupils of the
// file have a class, a missing one is an error in the file.
func (t *table) nameDefaultClass() {
	i, ok := t.byClass[""]
	if !ok {
		return
	}
	if len(t.Classes) > 1 {
		for _, p := range t.Classes[i].Pupils {
			t.addProblem(p.File, p.Line, p.Name, "no_class", "no class is given for this name")
		}
		t.Classes = slices.Delete(t.Classes, i, i+1)
		return
	}
	base := strings.TrimSuffix(t.file, path.Ext(t.file))
	if r := []rune(base); len(r) > MaxName {
		base = string(r[:MaxName])
	}
	t.Classes[i].Name, _ = CleanName("", "", strings.ReplaceAll(base, "_", " "), MaxName)
}

// addPupil puts a pupil into a class by its name. apart are the marks in which namesakes may
// differ.
func (t *table) addPupil(className string, r Row, text string, apart ...string) {
	if t.byClass == nil {
		t.byClass = map[string]int{}
	}
	k := FoldName(className)
	i, ok := t.byClass[k]
	if !ok {
		i = len(t.Classes)
		t.byClass[k] = i
		t.Classes = append(t.Classes, Class{Name: className, Pupils: []Row{}})
	}
	t.addTo(i, r, text, apart...)
}

// addTo refuses a second pupil of the same name or id in a class. Namesakes with different ids,
// addresses or dates of birth are two pupils and get a number.
func (t *table) addTo(i int, r Row, text string, apart ...string) {
	if t.firstLines == nil {
		t.firstLines = map[uniqueKey]seen{}
	}
	apart = append(apart, r.Source)
	id := uniqueKey{i, "i" + r.Source}
	if had, ok := t.firstLines[id]; ok && r.Source != "" {
		t.addProblem(r.File, r.Line, text, "duplicate", fmt.Sprintf("this id is on line %d already", had.line))
		return
	}
	plain := r.Name
	for n := 2; ; n++ {
		had, ok := t.firstLines[uniqueKey{i, "n" + FoldName(r.Name)}]
		if !ok {
			break
		}
		name := fmt.Sprintf("%s (%d)", plain, n)
		if n > maxNamesakes || !had.differs(apart) || utf8.RuneCountInString(name) > MaxName {
			t.addProblem(r.File, r.Line, text, "duplicate", fmt.Sprintf("this name is on line %d already", had.line))
			return
		}
		r.Name = name
	}
	if r.Name != plain {
		t.addProblem(r.File, r.Line, r.Name, "namesake", "another pupil has this name: a number keeps them apart")
	}
	t.firstLines[uniqueKey{i, "n" + FoldName(r.Name)}], t.firstLines[id] = seen{r.Line, apart}, seen{r.Line, apart}
	t.Classes[i].Pupils = append(t.Classes[i].Pupils, r)
}

// differs reports whether one of the marks that both have is different.
func (s seen) differs(marks []string) bool {
	for n, m := range marks {
		if n < len(s.marks) && m != "" && s.marks[n] != "" && FoldName(m) != FoldName(s.marks[n]) {
			return true
		}
	}
	return false
}

// roundedID matches an id that a spreadsheet program rounded to a few digits: other pupils have
// it too.
var roundedID = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+?\d+$`)

// dateLike and its neighbours match texts that are not names.
var (
	dateLike  = regexp.MustCompile(`^(\d{1,4}[./\- ]\d{1,2}[./\- ]\d{1,4}([T ].*)?|\d{1,2}[. \-]{1,2}\p{L}{3,12}[., \-]{1,2}\d{2,4}|\p{L}{3,12}\.? \d{1,2},? \d{4})$`)
	digitLike = regexp.MustCompile(`^[\d\s+().,:/%\-]+$`)
)

// isData reports a cell that is neither a name nor a heading.
func isData(cell string) bool {
	cell = strings.TrimSpace(cell)
	return cell == "" || dateLike.MatchString(cell) || digitLike.MatchString(cell) || strings.Contains(cell, "@") ||
		!strings.ContainsFunc(cell, unicode.IsLetter)
}
