package intake

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/livelearn/box/services/errs"
)

// table is a Table while a file is read.
type table struct {
	Table
	file    string         // its name
	many    int            // problems that are not listed
	byClass map[string]int // places in Classes by folded name
	seen    map[mark]int   // lines by name and by id
}

// mark is something that a class has once.
type mark struct {
	class int
	what  string
}

func (t *table) problem(file string, line int, text, code, message string) {
	if len(t.Problems) >= MaxProblems {
		t.many++
		return
	}
	t.Problems = append(t.Problems, Problem{File: file, Line: line, Text: short(text), Code: code, Message: message})
}

// fault makes the error of a name or an id a problem.
func (t *table) fault(file string, line int, text string, err error) {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		e = errs.Code("", errs.Invalid, "bad_text", "%v", err)
	}
	t.problem(file, line, text, e.Code, e.Err.Error())
}

// where names a line of a file in the field of an error.
func where(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// done is the table as the caller gets it. A file without any pupil is refused, with its
// first problem as the reason.
func (t *table) done(op string) (Table, error) {
	t.unnamed()
	out := t.Table
	out.Classes = slices.DeleteFunc(out.Classes, func(c Class) bool { return len(c.Pupils) == 0 })
	switch {
	case len(out.Classes) == 0 && len(out.Problems) == 0:
		return Table{}, errs.Field(op, "file", "empty", 1, "%s: there is no name in it", t.file)
	case out.Classes == nil:
		out.Classes = []Class{} // never null for a client
	}
	slices.SortStableFunc(out.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	if t.many > 0 {
		out.Problems = append(out.Problems, Problem{
			File: t.file, Code: "more_problems", Message: fmt.Sprintf("%d more problems are not listed", t.many),
		})
	}
	if out.Problems == nil {
		out.Problems = []Problem{}
	}
	return out, nil
}

// unnamed gives pupils without a class the file's name for one, unless others of the file
// have a class: then it was forgotten.
func (t *table) unnamed() {
	i, ok := t.byClass[""]
	if !ok {
		return
	}
	if len(t.Classes) > 1 {
		for _, p := range t.Classes[i].Pupils {
			t.problem(p.File, p.Line, p.Name, "no_class", "no class is given for this name")
		}
		t.Classes = slices.Delete(t.Classes, i, i+1)
		return
	}
	base := strings.TrimSuffix(t.file, path.Ext(t.file))
	if r := []rune(base); len(r) > MaxName {
		base = string(r[:MaxName])
	}
	t.Classes[i].Name, _ = Clean("", "", strings.ReplaceAll(base, "_", " "), MaxName)
}

// add puts a pupil into a class by its name.
func (t *table) add(className string, r Row, text string) {
	if t.byClass == nil {
		t.byClass = map[string]int{}
	}
	k := Fold(className)
	i, ok := t.byClass[k]
	if !ok {
		i = len(t.Classes)
		t.byClass[k] = i
		t.Classes = append(t.Classes, Class{Name: className, Pupils: []Row{}})
	}
	t.addTo(i, r, text)
}

// addTo refuses a second pupil of the same name or id in a class.
func (t *table) addTo(i int, r Row, text string) {
	if t.seen == nil {
		t.seen = map[mark]int{}
	}
	name, id := mark{i, "n" + Fold(r.Name)}, mark{i, "i" + r.Source}
	if line, ok := t.seen[id]; ok && r.Source != "" {
		t.problem(r.File, r.Line, text, "duplicate", fmt.Sprintf("this id is on line %d already", line))
		return
	}
	if line, ok := t.seen[name]; ok {
		t.problem(r.File, r.Line, text, "duplicate", fmt.Sprintf("this name is on line %d already", line))
		return
	}
	t.seen[name], t.seen[id] = r.Line, r.Line
	t.Classes[i].Pupils = append(t.Classes[i].Pupils, r)
}

// lost is an id that a spreadsheet program rounded to a few digits: others have it too.
var lost = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+?\d+$`)

// dateLike and its like are what no name is.
var (
	dateLike  = regexp.MustCompile(`^\d{1,4}[./\- ]\d{1,2}[./\- ]\d{1,4}([T ].*)?$`)
	digitLike = regexp.MustCompile(`^[\d\s+().,:/%\-]+$`)
)

// isData tells a cell that is neither a name nor a heading.
func isData(cell string) bool {
	cell = strings.TrimSpace(cell)
	return cell == "" || dateLike.MatchString(cell) || digitLike.MatchString(cell) || strings.Contains(cell, "@") ||
		!strings.ContainsFunc(cell, unicode.IsLetter)
}
