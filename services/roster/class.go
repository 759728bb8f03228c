package roster

import (
	"slices"
	"strings"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Pupil is one name on a class list.
type Pupil struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Source string  `json:"source,omitempty"` // the id where the class list comes from
	Time   float64 `json:"time,omitempty"`   // times as long for questions: 1 to 3, where 0 means 1
}

// Class is a class list. Its id is also its room's.
type Class struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Source string  `json:"source,omitempty"` // the id where the class list comes from
	Pupils []Pupil `json:"pupils"`
	// Teachers are the ids of those who see and teach the class, in addition to the admins. Empty:
	// all teachers of the box, as classes of an admin, of the cloud and of earlier versions.
	Teachers []string `json:"teachers,omitempty"`
}

func (c Class) findPupil(id string) (Pupil, bool) {
	i := slices.IndexFunc(c.Pupils, func(p Pupil) bool { return p.ID == id })
	if i < 0 {
		return Pupil{}, false
	}
	return c.Pupils[i], true
}

// Added is the result of adding a pasted list.
type Added struct {
	Added     []Pupil   `json:"added"`     // without ids in a dry run
	Unchanged []string  `json:"unchanged"` // names that the class had already
	Problems  []BadLine `json:"problems"`  // lines that are left out
}

// Classes returns the classes by name.
func (r *Roster) Classes() ([]Class, error) {
	list := []Class{} // never null for a client
	err := r.readTx("roster.Classes", func(tx *checkedkv.Tx) error {
		_, all := collectValues[Class](r, tx, bucketClasses, "")
		list = append(list, all...)
		return nil
	})
	slices.SortFunc(list, func(a, b Class) int { return strings.Compare(foldName(a.Name), foldName(b.Name)) })
	return list, err
}

// Class returns one class. errs.Missing: there is none.
func (r *Roster) Class(id string) (c Class, err error) {
	err = r.readTx("roster.Class", func(tx *checkedkv.Tx) error {
		c, err = loadClass(tx, id)
		return err
	})
	return c, err
}

// HasRoom reports whether a room of this id belongs to a class.
func (r *Roster) HasRoom(room string) bool {
	_, err := r.Class(room)
	return err == nil
}

func loadClass(tx *checkedkv.Tx, id string) (Class, error) {
	c, err := checkedkv.Get[Class](tx, bucketClasses, id)
	if err != nil && errs.KindOf(err) == errs.Missing {
		err = errs.NewCode("roster.Class", errs.Missing, "no_class", "no such class")
	}
	return c, err
}

// AddClass adds an empty class for the given teachers, or for all.
func (r *Roster) AddClass(name string, teachers ...string) (Class, error) {
	const op = "roster.AddClass"
	name, err := cleanName(op, "name", name, MaxName)
	if err != nil {
		return Class{}, err
	}
	c := Class{ID: checkedkv.NewID("c_"), Name: name, Pupils: []Pupil{}, Teachers: teachers}
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		if countKeys(tx, bucketClasses) >= MaxClasses {
			return errs.NewField(op, "classes", "too_many", MaxClasses, "at most %d classes", MaxClasses)
		}
		if err := r.checkUniqueName(tx, op, c); err != nil {
			return err
		}
		return checkedkv.Put(tx, bucketClasses, c.ID, c)
	})
	return c, err
}

// checkUniqueName refuses a second class of the same name.
func (r *Roster) checkUniqueName(tx *checkedkv.Tx, op string, c Class) error {
	for id, other := range allValues[Class](r, tx, bucketClasses, "") {
		if id != c.ID && foldName(other.Name) == foldName(c.Name) {
			return errs.NewField(op, "name", "duplicate", 0, "another class has this name")
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
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		if c, err = loadClass(tx, id); err != nil {
			return err
		}
		c.Name = name
		if err := r.checkUniqueName(tx, op, c); err != nil {
			return err
		}
		return checkedkv.Put(tx, bucketClasses, id, c)
	})
	return c, err
}

// DeleteClass deletes a class and its list. Its lessons' facts stay in the journal. errs.Stale
// (code lesson_open): end its lesson first.
func (r *Roster) DeleteClass(id string) error {
	const op = "roster.DeleteClass"
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		if _, err := loadClass(tx, id); err != nil {
			return err
		}
		if _, err := checkedkv.Get[string](tx, bucketOpen, id); err == nil {
			return errs.NewCode(op, errs.Stale, "lesson_open", "a lesson of this class is open: end it first")
		}
		if err := r.voidCards(tx, id, ""); err != nil {
			return err
		}
		return deleteKey(tx, bucketClasses, id)
	})
}

// AddNames adds the names of a typed or pasted list to a class. A dry run only returns the
// result. Nothing is ever deleted.
func (r *Roster) AddNames(id, text string, dry bool) (out Added, err error) {
	names, problems := ParseNames(text)
	add := func(tx *checkedkv.Tx) error {
		c, err := loadClass(tx, id)
		if err != nil {
			return err
		}
		out = mergeNames(&c, names)
		out.Problems = append(append([]BadLine{}, problems...), out.Problems...) // never null for a client
		if dry || len(out.Added) == 0 {
			return nil
		}
		return checkedkv.Put(tx, bucketClasses, id, c)
	}
	if dry {
		err = r.readTx("roster.AddNames", add)
		for i := range out.Added {
			out.Added[i].ID = ""
		}
	} else {
		err = r.writeTx("roster.AddNames", add)
	}
	slices.SortStableFunc(out.Problems, func(a, b BadLine) int { return a.Line - b.Line })
	return out, err
}

// mergeNames adds the names that the class does not have.
func mergeNames(c *Class, names []Line) Added {
	out := Added{Added: []Pupil{}, Unchanged: []string{}, Problems: []BadLine{}}
	have := map[string]bool{}
	for _, p := range c.Pupils {
		have[foldName(p.Name)] = true
	}
	for _, n := range names {
		switch {
		case have[foldName(n.Name)]:
			out.Unchanged = append(out.Unchanged, n.Name)
		case len(c.Pupils) >= MaxPupils:
			out.Problems = append(out.Problems, newBadLine(n.Number, n.Name, "class_full", "a class has at most 200 pupils"))
		default:
			p := Pupil{ID: checkedkv.NewID("p_"), Name: n.Name}
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
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		c, i, err := loadPupil(tx, op, id, pupil)
		if err != nil {
			return err
		}
		for j, other := range c.Pupils {
			if j != i && foldName(other.Name) == foldName(name) {
				return errs.NewField(op, "name", "duplicate", 0, "another pupil of the class has this name")
			}
		}
		c.Pupils[i].Name = name
		p = c.Pupils[i]
		return checkedkv.Put(tx, bucketClasses, id, c)
	})
	return p, err
}

// SetTime sets how many times as long a pupil has for questions: 1 to 3.
func (r *Roster) SetTime(id, pupil string, factor float64) (p Pupil, err error) {
	const op = "roster.SetTime"
	if !(factor >= 1 && factor <= 3) { // neither is NaN
		return p, errs.NewField(op, "time", "out_of_range", 3, "must be 1 to 3")
	}
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		c, i, err := loadPupil(tx, op, id, pupil)
		if err != nil {
			return err
		}
		if c.Pupils[i].Time = factor; factor == 1 {
			c.Pupils[i].Time = 0
		}
		p = c.Pupils[i]
		return checkedkv.Put(tx, bucketClasses, id, c)
	})
	return p, err
}

// DeletePupil removes a pupil from the list, and their device from an open lesson.
func (r *Roster) DeletePupil(id, pupil string) error {
	const op = "roster.DeletePupil"
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		c, i, err := loadPupil(tx, op, id, pupil)
		if err != nil {
			return err
		}
		if lesson, err := checkedkv.Get[string](tx, bucketOpen, id); err == nil {
			if _, err := freeName(tx, lesson, pupil); err != nil {
				return err
			}
		}
		if err := r.voidCards(tx, id, pupil); err != nil {
			return err
		}
		c.Pupils = slices.Delete(c.Pupils, i, i+1)
		return checkedkv.Put(tx, bucketClasses, id, c)
	})
}

func loadPupil(tx *checkedkv.Tx, op, id, pupil string) (Class, int, error) {
	c, err := loadClass(tx, id)
	if err != nil {
		return c, 0, err
	}
	i := slices.IndexFunc(c.Pupils, func(p Pupil) bool { return p.ID == pupil })
	if i < 0 {
		return c, 0, errs.NewCode(op, errs.Missing, "no_pupil", "no such pupil in this class")
	}
	return c, i, nil
}
