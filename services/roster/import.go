package roster

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/intake"
	"github.com/livelearn/box/services/records"
)

// Imported is what comes of a file, or would: a dry run gives the same.
type Imported struct {
	Classes  []ImportedClass  `json:"classes"`
	Problems []intake.Problem `json:"problems"` // the file's own and those with what the box has
}

// ImportedClass is what comes of one class of a file.
type ImportedClass struct {
	ID        string     `json:"id,omitempty"` // empty in a dry run for a class that is new
	Name      string     `json:"name"`
	Added     []NewName  `json:"added"`
	Changed   []Renamed  `json:"changed"`   // known by their id, under another name
	Unchanged []string   `json:"unchanged"` // names that are as they were
	Missing   []LeftOver `json:"missing"`   // on the list and not in the file: left alone
}

// NewName is a name that was not on the list.
type NewName struct {
	Name string `json:"name"`
}

// Renamed is a pupil whose name is another one in the file.
type Renamed struct {
	ID   string `json:"id"`
	From string `json:"from"`
	To   string `json:"to"`
}

// LeftOver is a pupil whom the file does not name.
type LeftOver struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Import brings a file's classes into the roster: all that it gives is on disk when it
// returns, or nothing of it. A class is known by its source id and then by its name, and
// is made when there is none. A pupil is known by the source id and then by the name.
// Nobody is deleted. With into, the class of the file, whatever it is called, is that one;
// of a file with several, the one of that name. A dry run changes nothing.
func (r *Roster) Import(t intake.Table, into string, dry bool) (out Imported, err error) {
	const op = "roster.Import"
	run := func(tx *bbolt.Tx) error {
		im, err := r.newImporter(tx, op, t, into)
		if err != nil {
			return err
		}
		for _, c := range im.table.Classes {
			if err := im.class(c); err != nil {
				return err
			}
		}
		out = im.out
		if dry {
			return nil
		}
		return im.save(tx)
	}
	if dry {
		err = r.view(op, run)
	} else {
		err = r.update(op, run)
	}
	return out, err
}

// importer is one import under way. It works on copies; save writes them.
type importer struct {
	op      string
	into    string
	table   intake.Table
	classes []Class      // those of the box, and new ones, whose ids are empty
	used    map[int]bool // places in classes that a class of the file has
	changed []change
	out     Imported
}

// change is a class to write and its place in the result.
type change struct{ class, result int }

func (r *Roster) newImporter(tx *bbolt.Tx, op string, t intake.Table, into string) (*importer, error) {
	im := &importer{op: op, into: into, table: t, used: map[int]bool{}}
	im.out = Imported{Classes: []ImportedClass{}, Problems: append([]intake.Problem{}, t.Problems...)}
	_, im.classes = collect[Class](r, tx, bucketClasses, "")
	if into == "" {
		return im, nil
	}
	target, err := class(tx, into)
	if err != nil {
		return nil, err
	}
	if len(t.Classes) > 1 {
		im.table.Classes = nil
		for _, c := range t.Classes {
			if c.Source != "" && c.Source == target.Source || fold(c.Name) == fold(target.Name) {
				im.table.Classes = []intake.Class{c}
				im.out.Problems = append(im.out.Problems, intake.Problem{
					Code: "other_classes", Message: fmt.Sprintf("%d other classes of the file were left out", len(t.Classes)-1),
				})
				break
			}
		}
		if im.table.Classes == nil {
			return nil, errs.Field(op, "class", "many_classes", 1, "the file has %d classes and none of this name: choose no class to take all", len(t.Classes))
		}
	}
	return im, nil
}

// class brings one class of the file in.
func (im *importer) class(c intake.Class) error {
	i, err := im.find(c)
	if err != nil {
		return err
	}
	im.used[i] = true
	to := im.classes[i]
	to.Pupils = slices.Clone(to.Pupils)
	m := &matcher{to: &to, rows: im.clean(c.Pupils)}
	result, dirty := m.run()
	if c.Source != to.Source && c.Source != "" && im.bySource(c.Source) < 0 {
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
		im.changed = append(im.changed, change{i, len(im.out.Classes) - 1})
	}
	return nil
}

// find is the place of the class that a class of the file is, made if there is none.
func (im *importer) find(c intake.Class) (int, error) {
	if im.into != "" {
		return slices.IndexFunc(im.classes, func(k Class) bool { return k.ID == im.into }), nil
	}
	name, err := cleanName(im.op, "class", c.Name, MaxName)
	if err != nil {
		return 0, err
	}
	if c.Source != "" {
		if i := im.bySource(c.Source); i >= 0 && !im.used[i] {
			return i, nil
		}
	}
	if i := slices.IndexFunc(im.classes, func(k Class) bool { return fold(k.Name) == fold(name) }); i >= 0 {
		if im.used[i] {
			return 0, errs.Field(im.op, "class", "duplicate", 0, "two classes of the file are the same class of the box")
		}
		return i, nil
	}
	if len(im.classes) >= MaxClasses {
		return 0, errs.Field(im.op, "classes", "too_many", MaxClasses, "at most %d classes", MaxClasses)
	}
	im.classes = append(im.classes, Class{Name: name, Pupils: []Pupil{}})
	return len(im.classes) - 1, nil
}

// bySource is the place of the class with a source id, or -1.
func (im *importer) bySource(id string) int {
	return slices.IndexFunc(im.classes, func(k Class) bool { return k.Source == id })
}

// clean leaves out rows that no list could hold: the table comes from another process.
func (im *importer) clean(rows []intake.Row) (out []intake.Row) {
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

func rowProblem(row intake.Row, code, message string) intake.Problem {
	return intake.Problem{File: row.File, Line: row.Line, Text: row.Name, Code: code, Message: message}
}

// save writes what changed, and gives ids to what is new.
func (im *importer) save(tx *bbolt.Tx) error {
	for _, ch := range im.changed {
		c := im.classes[ch.class]
		if c.ID == "" {
			c.ID = newID("c_")
			im.out.Classes[ch.result].ID = c.ID
		}
		for i := range c.Pupils {
			if c.Pupils[i].ID == "" {
				c.Pupils[i].ID = newID("p_")
			}
		}
		if err := records.Put(tx, bucketClasses, c.ID, c); err != nil {
			return err
		}
	}
	return nil
}
