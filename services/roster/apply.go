package roster

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/intake"
	"github.com/livelearn/box/services/records"
)

// Sent is a class list as the cloud keeps it.
type Sent struct {
	Name   string
	Pupils []SentPupil
}

// SentPupil is one name on it.
type SentPupil struct {
	ID   string // the cloud's
	Name string
	Time float64 // times as long for questions: 1 to 3; 0 leaves what the box has
}

// Applied is what came of a class list from the cloud.
type Applied struct {
	Done     bool   // false: it was applied before, and the rest is empty
	Class    string // id; empty: the box never had it
	Name     string
	Added    []NewName
	Changed  []Renamed
	LeftOver []LeftOver // on the box's list and not on the cloud's: left alone
	Gone     bool       // the school has the class no more: it is left alone
	Problems []intake.Problem
}

// ApplyClass brings a class list of the cloud into the roster, and item number n of it is
// done then: both are on disk when it returns, or neither. An item up to the cursor does
// nothing. A class is known by the cloud's id, then by its source id and then by its name;
// a pupil by the source id and then by the name. Nobody and no class is deleted. An open
// lesson of the class is no obstacle. errs.Invalid: the list is refused, and the cursor
// stays where it is.
func (r *Roster) ApplyClass(n uint64, id string, c Sent, gone bool) (out Applied, err error) {
	const op = "roster.ApplyClass"
	err = r.update(op, func(tx *bbolt.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		if gone {
			out, err = leave(tx, id)
		} else {
			out, err = r.take(tx, op, id, c)
		}
		if err != nil {
			return err
		}
		out.Done = true
		return records.Put(tx, bucketDown, keyCursor, n)
	})
	if err != nil {
		return Applied{}, err
	}
	return out, nil
}

func keyOfClass(id string) string { return "class/" + id }

// leave tells of a class that the cloud has no more.
func leave(tx *bbolt.Tx, id string) (Applied, error) {
	out := Applied{Gone: true}
	room, err := records.Get[string](tx, bucketDown, keyOfClass(id))
	if err != nil {
		return out, nil // it never came here
	}
	if c, err := class(tx, room); err == nil {
		out.Class, out.Name = c.ID, c.Name
	}
	return out, remove(tx, bucketDown, keyOfClass(id))
}

// take is one class list as an import of one class, which also gives names and time.
func (r *Roster) take(tx *bbolt.Tx, op, id string, c Sent) (out Applied, err error) {
	if id == "" || len(id) > maxSource {
		return out, errs.Field(op, "id", "out_of_range", maxSource, "must have 1 to %d bytes", maxSource)
	}
	if c.Name, err = cleanName(op, "name", c.Name, MaxName); err != nil {
		return out, err
	}
	file := intake.Class{Source: id, Name: c.Name, Pupils: sentRows(c.Pupils)}
	im, err := r.newImporter(tx, op, intake.Table{Classes: []intake.Class{file}}, "")
	if err != nil {
		return out, err
	}
	if im.into, err = r.target(tx, im, file); err != nil {
		return out, err
	}
	if err := im.class(file); err != nil {
		return out, err
	}
	i := im.place()
	renamed, timed := im.rename(i, c.Name), im.giveTime(i, c.Pupils)
	if renamed || timed {
		im.changed = []change{{i, 0}}
	}
	if err := im.save(tx); err != nil {
		return out, err
	}
	got := im.out.Classes[0]
	return Applied{
		Class: got.ID, Name: im.classes[i].Name, Added: got.Added, Changed: got.Changed, LeftOver: got.Missing, Problems: im.out.Problems,
	}, records.Put(tx, bucketDown, keyOfClass(id), got.ID)
}

// sentRows are the pupils as rows of a file, each id once.
func sentRows(pupils []SentPupil) (rows []intake.Row) {
	seen := map[string]bool{"": true}
	for n, p := range pupils {
		row := intake.Row{Source: p.ID, Name: p.Name, Line: n + 1}
		if p.ID != "" && seen[p.ID] || len(p.ID) > maxSource {
			row.Source = "" // known by the name then, or nobody
		}
		seen[p.ID] = true
		rows = append(rows, row)
	}
	return rows
}

// target is the id of the class that a class of the cloud is here; empty: a new one.
// errs.Invalid (code duplicate): the one of that name is another class of the cloud.
func (r *Roster) target(tx *bbolt.Tx, im *importer, c intake.Class) (string, error) {
	if room, err := records.Get[string](tx, bucketDown, keyOfClass(c.Source)); err == nil {
		if _, err := class(tx, room); err == nil {
			return room, nil
		}
	}
	owner := map[string]string{} // of classes here, which one of the cloud
	for key, room := range all[string](r, tx, bucketDown, keyOfClass("")) {
		owner[room] = key
	}
	free := func(k Class) bool { return owner[k.ID] == "" || owner[k.ID] == keyOfClass(c.Source) }
	if i := im.bySource(c.Source); i >= 0 && free(im.classes[i]) {
		return im.classes[i].ID, nil
	}
	i := slices.IndexFunc(im.classes, func(k Class) bool { return fold(k.Name) == fold(c.Name) })
	switch {
	case i < 0:
		return "", nil
	case !free(im.classes[i]):
		return "", errs.Field(im.op, "name", "duplicate", 0, "another class of the cloud has this name")
	}
	return im.classes[i].ID, nil
}

// place is where the one class of an import is.
func (im *importer) place() int {
	for i := range im.used {
		return i
	}
	return -1
}

// rename gives a class the name that the cloud has for it, unless another one has it.
func (im *importer) rename(i int, name string) bool {
	if im.classes[i].Name == name {
		return false
	}
	for j, k := range im.classes {
		if j != i && fold(k.Name) == fold(name) {
			im.out.Problems = append(im.out.Problems, intake.Problem{Text: name, Code: "duplicate", Message: "another class has this name"})
			return false
		}
	}
	im.classes[i].Name = name
	return true
}

// giveTime gives pupils times as long, where the cloud says how much.
func (im *importer) giveTime(i int, sent []SentPupil) (changed bool) {
	times := map[string]float64{}
	for _, p := range sent {
		switch {
		case p.Time == 0 || p.ID == "":
		case p.Time >= 1 && p.Time <= 3: // neither is NaN
			times[p.ID] = p.Time
		default:
			im.out.Problems = append(im.out.Problems, intake.Problem{
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
