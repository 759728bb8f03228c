package roster

import (
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Pupil is one name on a class list.
type Pupil struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Source string  `json:"source,omitempty"` // the id where the class list comes from
	Time   float64 `json:"time,omitempty"`   // times as long for questions: 1 to 3; 0 is 1
}

// Class is a class list. Its id is also its room's.
type Class struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Source string  `json:"source,omitempty"` // the id where the class list comes from
	Pupils []Pupil `json:"pupils"`
}

func (c Class) pupil(id string) (Pupil, bool) {
	i := slices.IndexFunc(c.Pupils, func(p Pupil) bool { return p.ID == id })
	if i < 0 {
		return Pupil{}, false
	}
	return c.Pupils[i], true
}

// Added is what came of a pasted list.
type Added struct {
	Added     []Pupil   `json:"added"`     // without ids in a dry run
	Unchanged []string  `json:"unchanged"` // names that the class had already
	Problems  []BadLine `json:"problems"`  // lines that were not taken
}

// Classes lists the classes by name.
func (r *Roster) Classes() ([]Class, error) {
	list := []Class{} // never null for a client
	err := r.view("roster.Classes", func(tx *bbolt.Tx) error {
		_, all := collect[Class](r, tx, bucketClasses, "")
		list = append(list, all...)
		return nil
	})
	slices.SortFunc(list, func(a, b Class) int { return strings.Compare(fold(a.Name), fold(b.Name)) })
	return list, err
}

// Class is one class. errs.Missing: there is none.
func (r *Roster) Class(id string) (c Class, err error) {
	err = r.view("roster.Class", func(tx *bbolt.Tx) error {
		c, err = class(tx, id)
		return err
	})
	return c, err
}

// Exists tells that a room of this id belongs to a class.
func (r *Roster) Exists(room string) bool {
	_, err := r.Class(room)
	return err == nil
}

func class(tx *bbolt.Tx, id string) (Class, error) {
	c, err := records.Get[Class](tx, bucketClasses, id)
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = errs.Code("roster.Class", errs.Missing, "no_class", "no such class")
	}
	return c, err
}

// AddClass adds an empty class.
func (r *Roster) AddClass(name string) (Class, error) {
	const op = "roster.AddClass"
	name, err := cleanName(op, "name", name, MaxName)
	if err != nil {
		return Class{}, err
	}
	c := Class{ID: newID("c_"), Name: name, Pupils: []Pupil{}}
	err = r.update(op, func(tx *bbolt.Tx) error {
		if count(tx, bucketClasses) >= MaxClasses {
			return errs.Field(op, "classes", "too_many", MaxClasses, "at most %d classes", MaxClasses)
		}
		if err := r.unique(tx, op, c); err != nil {
			return err
		}
		return records.Put(tx, bucketClasses, c.ID, c)
	})
	return c, err
}

// unique refuses a second class of the same name.
func (r *Roster) unique(tx *bbolt.Tx, op string, c Class) error {
	for id, other := range all[Class](r, tx, bucketClasses, "") {
		if id != c.ID && fold(other.Name) == fold(c.Name) {
			return errs.Field(op, "name", "duplicate", 0, "another class has this name")
		}
	}
	return nil
}

// RenameClass gives a class another name.
func (r *Roster) RenameClass(id, name string) (c Class, err error) {
	const op = "roster.RenameClass"
	if name, err = cleanName(op, "name", name, MaxName); err != nil {
		return c, err
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		if c, err = class(tx, id); err != nil {
			return err
		}
		c.Name = name
		if err := r.unique(tx, op, c); err != nil {
			return err
		}
		return records.Put(tx, bucketClasses, id, c)
	})
	return c, err
}

// DeleteClass deletes a class and its list. Its lessons' facts stay in the journal.
// errs.Stale (code lesson_open): end its lesson first.
func (r *Roster) DeleteClass(id string) error {
	const op = "roster.DeleteClass"
	return r.update(op, func(tx *bbolt.Tx) error {
		if _, err := class(tx, id); err != nil {
			return err
		}
		if _, err := records.Get[string](tx, bucketOpen, id); err == nil {
			return errs.Code(op, errs.Stale, "lesson_open", "a lesson of this class is open: end it first")
		}
		if err := r.voidCards(tx, id, ""); err != nil {
			return err
		}
		return remove(tx, bucketClasses, id)
	})
}

// AddNames adds the names of a typed or pasted list to a class. A dry run only tells
// what would come of it. Nothing is ever deleted.
func (r *Roster) AddNames(id, text string, dry bool) (out Added, err error) {
	names, problems := ParseNames(text)
	add := func(tx *bbolt.Tx) error {
		c, err := class(tx, id)
		if err != nil {
			return err
		}
		out = merge(&c, names)
		out.Problems = append(append([]BadLine{}, problems...), out.Problems...) // never null for a client
		if dry || len(out.Added) == 0 {
			return nil
		}
		return records.Put(tx, bucketClasses, id, c)
	}
	if dry {
		err = r.view("roster.AddNames", add)
		for i := range out.Added {
			out.Added[i].ID = ""
		}
	} else {
		err = r.update("roster.AddNames", add)
	}
	slices.SortStableFunc(out.Problems, func(a, b BadLine) int { return a.Line - b.Line })
	return out, err
}

// merge adds to the class what it does not have.
func merge(c *Class, names []Line) Added {
	out := Added{Added: []Pupil{}, Unchanged: []string{}, Problems: []BadLine{}}
	have := map[string]bool{}
	for _, p := range c.Pupils {
		have[fold(p.Name)] = true
	}
	for _, n := range names {
		switch {
		case have[fold(n.Name)]:
			out.Unchanged = append(out.Unchanged, n.Name)
		case len(c.Pupils) >= MaxPupils:
			out.Problems = append(out.Problems, problem(n.Number, n.Name, "class_full", "a class has at most 200 pupils"))
		default:
			p := Pupil{ID: newID("p_"), Name: n.Name}
			c.Pupils = append(c.Pupils, p)
			out.Added = append(out.Added, p)
		}
	}
	return out
}

// RenamePupil corrects a pupil's name.
func (r *Roster) RenamePupil(id, pupil, name string) (p Pupil, err error) {
	const op = "roster.RenamePupil"
	if name, err = cleanName(op, "name", name, MaxName); err != nil {
		return p, err
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		c, i, err := pupilOf(tx, op, id, pupil)
		if err != nil {
			return err
		}
		for j, other := range c.Pupils {
			if j != i && fold(other.Name) == fold(name) {
				return errs.Field(op, "name", "duplicate", 0, "another pupil of the class has this name")
			}
		}
		c.Pupils[i].Name = name
		p = c.Pupils[i]
		return records.Put(tx, bucketClasses, id, c)
	})
	return p, err
}

// SetTime gives a pupil times as long for questions: 1 to 3.
func (r *Roster) SetTime(id, pupil string, factor float64) (p Pupil, err error) {
	const op = "roster.SetTime"
	if !(factor >= 1 && factor <= 3) { // neither is NaN
		return p, errs.Field(op, "time", "out_of_range", 3, "must be 1 to 3")
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		c, i, err := pupilOf(tx, op, id, pupil)
		if err != nil {
			return err
		}
		if c.Pupils[i].Time = factor; factor == 1 {
			c.Pupils[i].Time = 0
		}
		p = c.Pupils[i]
		return records.Put(tx, bucketClasses, id, c)
	})
	return p, err
}

// DeletePupil takes a pupil off the list, and their device out of an open lesson.
func (r *Roster) DeletePupil(id, pupil string) error {
	const op = "roster.DeletePupil"
	return r.update(op, func(tx *bbolt.Tx) error {
		c, i, err := pupilOf(tx, op, id, pupil)
		if err != nil {
			return err
		}
		if lesson, err := records.Get[string](tx, bucketOpen, id); err == nil {
			if _, err := free(tx, lesson, pupil); err != nil {
				return err
			}
		}
		if err := r.voidCards(tx, id, pupil); err != nil {
			return err
		}
		c.Pupils = slices.Delete(c.Pupils, i, i+1)
		return records.Put(tx, bucketClasses, id, c)
	})
}

func pupilOf(tx *bbolt.Tx, op, id, pupil string) (Class, int, error) {
	c, err := class(tx, id)
	if err != nil {
		return c, 0, err
	}
	i := slices.IndexFunc(c.Pupils, func(p Pupil) bool { return p.ID == pupil })
	if i < 0 {
		return c, 0, errs.Code(op, errs.Missing, "no_pupil", "no such pupil in this class")
	}
	return c, i, nil
}
