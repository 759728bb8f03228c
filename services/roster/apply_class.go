package roster

import (
	"fmt"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/listimport"
)

// CloudClass is a class list of the cloud.
type CloudClass struct {
	Name   string
	Pupils []CloudPupil
}

// CloudPupil is one name on it.
type CloudPupil struct {
	ID   string // the cloud's
	Name string
	Time float64 // times as long for questions: 1 to 3, or 0 to keep the box's value
}

// ApplyResult is the outcome of applying a class list of the cloud.
type ApplyResult struct {
	Done     bool   // false: an earlier call applied it, and the other fields are empty
	Class    string // id, or empty if the box never had it
	Name     string
	Added    []NewName
	Changed  []Renamed
	LeftOver []LeftOver // on the box's list and not on the cloud's: they stay
	Gone     bool       // the school does not have the class any more: it stays
	Problems []listimport.Problem
}

// ApplyClass merges a class list of the cloud into the roster and moves the cursor to n, its item
// number. Both are on disk when it returns, or neither. An item up to the cursor does nothing. A
// class is found by the cloud's id, then by its source id and then by its name. A pupil is found
// by the source id and then by the name. No pupil and no class is deleted. It works during a
// lesson of the class. errs.Invalid: the list is refused, and the cursor does not move.
func (r *Roster) ApplyClass(n uint64, id string, c CloudClass, gone bool) (out ApplyResult, err error) {
	const op = "roster.ApplyClass"
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		if gone {
			out, err = unlinkClass(tx, id)
		} else {
			out, err = r.applyCloudClass(tx, op, id, c)
		}
		if err != nil {
			return err
		}
		out.Done = true
		return checkedkv.Put(tx, bucketDown, keyCursor, n)
	})
	if err != nil {
		return ApplyResult{}, err
	}
	return out, nil
}

func keyOfClass(id string) string { return "class/" + id }

// unlinkClass forgets which class a class of the cloud is. The class stays.
func unlinkClass(tx *checkedkv.Tx, id string) (ApplyResult, error) {
	out := ApplyResult{Gone: true}
	room, err := checkedkv.Get[string](tx, bucketDown, keyOfClass(id))
	if errs.KindOf(err) == errs.Missing && err != nil {
		//lint:ignore nilerr a class that never came here has no link
		return out, nil
	}
	if c, err := loadClass(tx, room); err == nil {
		out.Class, out.Name = c.ID, c.Name
	}
	return out, deleteKey(tx, bucketDown, keyOfClass(id))
}

// applyCloudClass applies one class list as an import of one class, and adds names and extra
// time.
func (r *Roster) applyCloudClass(tx *checkedkv.Tx, op, id string, c CloudClass) (out ApplyResult, err error) {
	if id == "" || len(id) > maxSource {
		return out, errs.NewField(op, "id", "out_of_range", maxSource, "must have 1 to %d bytes", maxSource)
	}
	if c.Name, err = cleanName(op, "name", c.Name, MaxName); err != nil {
		return out, err
	}
	file := listimport.Class{Source: id, Name: c.Name, Pupils: cloudRows(c.Pupils)}
	im, err := r.newImporter(tx, op, listimport.Table{Classes: []listimport.Class{file}}, "")
	if err != nil {
		return out, err
	}
	if im.intoClass, err = r.targetClass(tx, im, file); err != nil {
		return out, err
	}
	if err := im.importClass(file); err != nil {
		return out, err
	}
	i := im.firstMatched()
	renamed, timed := im.renameClass(i, c.Name), im.giveTime(i, c.Pupils)
	if renamed || timed {
		im.changed = []changedClass{{i, 0}}
	}
	if err := im.saveChanged(tx); err != nil {
		return out, err
	}
	got := im.out.Classes[0]
	return ApplyResult{
		Class: got.ID, Name: im.classes[i].Name, Added: got.Added, Changed: got.Changed, LeftOver: got.Missing, Problems: im.out.Problems,
	}, checkedkv.Put(tx, bucketDown, keyOfClass(id), got.ID)
}

// cloudRows converts pupils to rows of a file, each id once.
func cloudRows(pupils []CloudPupil) (rows []listimport.Row) {
	seen := map[string]bool{"": true}
	for n, p := range pupils {
		row := listimport.Row{Source: p.ID, Name: p.Name, Line: n + 1}
		if p.ID != "" && seen[p.ID] || len(p.ID) > maxSource {
			row.Source = "" // the name identifies the pupil then
		}
		seen[p.ID] = true
		rows = append(rows, row)
	}
	return rows
}

// targetClass returns the id of the box's class for a class of the cloud, or "" for a new one.
// errs.Invalid (code duplicate): the class with this name belongs to another class of the cloud.
func (r *Roster) targetClass(tx *checkedkv.Tx, im *importer, c listimport.Class) (string, error) {
	if room, err := checkedkv.Get[string](tx, bucketDown, keyOfClass(c.Source)); err == nil {
		if _, err := loadClass(tx, room); err == nil {
			return room, nil
		}
	}
	owner := map[string]string{} // the cloud's class by the box's class
	for key, room := range allValues[string](r, tx, bucketDown, keyOfClass("")) {
		owner[room] = key
	}
	free := func(k Class) bool { return owner[k.ID] == "" || owner[k.ID] == keyOfClass(c.Source) }
	if i := im.findBySource(c.Source); i >= 0 && free(im.classes[i]) {
		return im.classes[i].ID, nil
	}
	i := slices.IndexFunc(im.classes, func(k Class) bool { return foldName(k.Name) == foldName(c.Name) })
	switch {
	case i < 0:
		return "", nil
	case !free(im.classes[i]):
		return "", errs.NewField(im.op, "name", "duplicate", 0, "another class of the cloud has this name")
	}
	return im.classes[i].ID, nil
}

// firstMatched returns the place of the one class of an import.
func (im *importer) firstMatched() int {
	for i := range im.matched {
		return i
	}
	return -1
}

// renameClass gives a class the name that the cloud has for it, unless another class has that
// name.
func (im *importer) renameClass(i int, name string) bool {
	if im.classes[i].Name == name {
		return false
	}
	for j, k := range im.classes {
		if j != i && foldName(k.Name) == foldName(name) {
			im.out.Problems = append(im.out.Problems, listimport.Problem{Text: name, Code: "duplicate", Message: "another class has this name"})
			return false
		}
	}
	im.classes[i].Name = name
	return true
}

// giveTime sets the pupils' extra time, where the cloud has a value.
func (im *importer) giveTime(i int, sent []CloudPupil) (changed bool) {
	times := map[string]float64{}
	for _, p := range sent {
		switch {
		case p.Time == 0 || p.ID == "":
		case p.Time >= 1 && p.Time <= 3: // neither is NaN
			times[p.ID] = p.Time
		default:
			im.out.Problems = append(im.out.Problems, listimport.Problem{
				Text: p.Name, Code: "out_of_range", Message: fmt.Sprintf("times as long must be 1 to 3, not %g", p.Time),
			})
		}
	}
	for n := range im.classes[i].Pupils {
		p := &im.classes[i].Pupils[n]
		t := times[p.Source]
		if t == 1 && p.Time != 0 {
			p.Time, changed = 0, true
		} else if t > 1 && t != p.Time {
			p.Time, changed = t, true
		}
	}
	return changed
}
