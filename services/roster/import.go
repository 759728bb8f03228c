package roster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/listimport"
)

// Imported is the result of an import. A dry run returns the same.
type Imported struct {
	Classes  []ImportedClass      `json:"classes"`
	Problems []listimport.Problem `json:"problems"` // the file's own, and conflicts with the box's data
	// Columns is set for a list with columns. If it has a code, someone must say what they mean.
	Columns *listimport.Columns `json:"columns,omitempty"`
}

// ImportedClass is the result for one class of a file.
type ImportedClass struct {
	ID        string     `json:"id,omitempty"` // empty in a dry run for a new class
	Name      string     `json:"name"`
	Added     []NewName  `json:"added"`
	Changed   []Renamed  `json:"changed"`   // the same id under another name
	Unchanged []string   `json:"unchanged"` // names without a change
	Missing   []LeftOver `json:"missing"`   // on the list and not in the file: they stay
}

// NewName is a name that was not on the list.
type NewName struct {
	Name string `json:"name"`
}

// Renamed is a pupil with another name in the file.
type Renamed struct {
	ID   string `json:"id"`
	From string `json:"from"`
	To   string `json:"to"`
}

// LeftOver is a pupil who is not in the file.
type LeftOver struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Import merges a file's classes into the roster. Everything is on disk when it returns, or
// nothing. A class is found by its source id and then by its name, and created if there is none.
// A pupil is found by the source id and then by the name. No pupil is deleted. With into, the
// class of the file, whatever its name, is that class. Of several classes in a file, the one with
// the name of into is used. A dry run changes nothing. by is the person who imports, or none:
// errs.Denied (code other_class) for a class that is not the person's. New classes of a teacher are
// the teacher's own.
func (r *Roster) Import(t listimport.Table, into string, dry bool, by ...Person) (out Imported, err error) {
	const op = "roster.Import"
	run := func(tx *checkedkv.Tx) error {
		im, err := r.newImporter(tx, op, t, into)
		if err != nil {
			return err
		}
		im.by = by
		for _, c := range im.table.Classes {
			if err := im.importClass(c); err != nil {
				return err
			}
		}
		out = im.out
		if dry {
			return nil
		}
		return im.saveChanged(tx)
	}
	if dry {
		err = r.readTx(op, run)
	} else {
		err = r.writeTx(op, run)
	}
	return out, err
}

// importer is the state of one import. It works on copies, and saveChanged writes them.
type importer struct {
	op        string
	intoClass string
	by        []Person // who imports: one, or none
	table     listimport.Table
	classes   []Class      // those of the box, and new ones with an empty id
	matched   map[int]bool // places in classes that belong to a class of the file
	changed   []changedClass
	out       Imported
}

// changedClass is a class to write and its place in the result.
type changedClass struct{ class, result int }

func (r *Roster) newImporter(tx *checkedkv.Tx, op string, t listimport.Table, into string) (*importer, error) {
	im := &importer{op: op, intoClass: into, table: t, matched: map[int]bool{}}
	im.out = Imported{Classes: []ImportedClass{}, Problems: append([]listimport.Problem{}, t.Problems...), Columns: t.Columns}
	_, im.classes = collectValues[Class](r, tx, bucketClasses, "")
	if into == "" {
		return im, nil
	}
	target, err := loadClass(tx, into)
	if err != nil {
		return nil, err
	}
	if len(t.Classes) > 1 {
		im.table.Classes = nil
		for _, c := range t.Classes {
			if c.Source != "" && c.Source == target.Source || foldName(c.Name) == foldName(target.Name) {
				im.table.Classes = []listimport.Class{c}
				im.out.Problems = append(im.out.Problems, listimport.Problem{
					Code: "other_classes", Message: fmt.Sprintf("%d other classes of the file were left out", len(t.Classes)-1),
				})
				break
			}
		}
		if im.table.Classes == nil {
			return nil, errs.NewField(op, "class", "many_classes", 1, "the file has %d classes and none of this name: choose no class to take all", len(t.Classes))
		}
	}
	return im, nil
}

// importClass merges one class of the file.
func (im *importer) importClass(c listimport.Class) error {
	i, err := im.findClass(c)
	if err != nil {
		return err
	}
	im.matched[i] = true
	to := im.classes[i]
	for _, p := range im.by {
		if to.ID == "" {
			to.Teachers = ownClass(p)
		} else if !p.MayTeach(to) {
			return errOtherClass(im.op)
		}
	}
	to.Pupils = slices.Clone(to.Pupils)
	m := &matcher{class: &to, rows: im.cleanRows(c.Pupils)}
	result, dirty := m.matchRows()
	if c.Source != to.Source && c.Source != "" && im.findBySource(c.Source) < 0 {
		to.Source, dirty = c.Source, true
	}
	dirty = dirty || to.ID == ""
	im.classes[i] = to
	result.ID, result.Name = to.ID, to.Name
	if im.table.Partial {
		result.Missing = []LeftOver{}
	}
	im.out.Classes = append(im.out.Classes, result)
	im.out.Problems = append(im.out.Problems, m.problems...)
	if dirty {
		im.changed = append(im.changed, changedClass{i, len(im.out.Classes) - 1})
	}
	return nil
}

// findClass returns the place of the class for a class of the file. It adds a class if there is
// none.
func (im *importer) findClass(c listimport.Class) (int, error) {
	if im.intoClass != "" {
		return slices.IndexFunc(im.classes, func(k Class) bool { return k.ID == im.intoClass }), nil
	}
	name, err := cleanName(im.op, "class", c.Name, MaxName)
	if err != nil {
		return 0, err
	}
	if c.Source != "" {
		if i := im.findBySource(c.Source); i >= 0 && !im.matched[i] {
			return i, nil
		}
	}
	if i := slices.IndexFunc(im.classes, func(k Class) bool { return foldName(k.Name) == foldName(name) }); i >= 0 {
		if im.matched[i] {
			return 0, errs.NewField(im.op, "class", "duplicate", 0, "two classes of the file are the same class of the box")
		}
		return i, nil
	}
	if len(im.classes) >= MaxClasses {
		return 0, errs.NewField(im.op, "classes", "too_many", MaxClasses, "at most %d classes", MaxClasses)
	}
	im.classes = append(im.classes, Class{Name: name, Pupils: []Pupil{}})
	return len(im.classes) - 1, nil
}

// findBySource returns the place of the class with a source id, or -1.
func (im *importer) findBySource(id string) int {
	return slices.IndexFunc(im.classes, func(k Class) bool { return k.Source == id })
}

// cleanRows removes rows with invalid names, since the table comes from another process.
func (im *importer) cleanRows(rows []listimport.Row) (out []listimport.Row) {
	for _, row := range rows {
		name, err := cleanName(im.op, "name", row.Name, MaxName)
		if e, ok := errors.AsType[*errs.Error](err); ok {
			im.out.Problems = append(im.out.Problems, rowProblem(row, e.Code, e.Err.Error()))
			continue
		}
		row.Name = name
		out = append(out, row)
	}
	return out
}

func rowProblem(row listimport.Row, code, message string) listimport.Problem {
	return listimport.Problem{File: row.File, Line: row.Line, Text: row.Name, Code: code, Message: message}
}

// saveChanged writes the changed classes, and gives ids to new ones.
func (im *importer) saveChanged(tx *checkedkv.Tx) error {
	for _, ch := range im.changed {
		c := im.classes[ch.class]
		if c.ID == "" {
			c.ID = checkedkv.NewID("c_")
			im.out.Classes[ch.result].ID = c.ID
		}
		for i := range c.Pupils {
			if c.Pupils[i].ID == "" {
				c.Pupils[i].ID = checkedkv.NewID("p_")
			}
		}
		if err := checkedkv.Put(tx, bucketClasses, c.ID, c); err != nil {
			return err
		}
	}
	return nil
}
