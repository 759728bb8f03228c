package roster

import (
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// MayTeach reports whether a person of the staff sees and teaches a class. An admin sees all.
func (p Person) MayTeach(c Class) bool {
	return p.IsStaff() && (p.Admin || len(c.Teachers) == 0 || slices.Contains(c.Teachers, p.User))
}

// OwnClass returns the teachers of a class that the person makes: a teacher's class is the
// teacher's own, and an admin makes classes for all.
func (p Person) OwnClass() []string { return ownClass(p) }

func ownClass(p Person) []string {
	if p.Admin {
		return nil
	}
	return []string{p.User}
}

func errOtherClass(op string) error {
	return errs.NewCode(op, errs.Denied, "other_class", "this is a class of another teacher, who can share it")
}

// CheckTeaches returns an error (errs.Denied, code other_class) unless the person may see the
// class. errs.Missing: there is no such class.
func (r *Roster) CheckTeaches(p Person, class string) error {
	c, err := r.Class(class)
	if err == nil && !p.MayTeach(c) {
		err = errOtherClass("roster.CheckTeaches")
	}
	return err
}

// CheckUserTeaches is CheckTeaches for the user id of a person of the staff, as the roster knows the
// person now.
func (r *Roster) CheckUserTeaches(user, class string) error {
	var p Person
	err := r.readTx("roster.CheckUserTeaches", func(tx *bbolt.Tx) error {
		s, err := loadStaff(tx, user)
		p = s.toPerson()
		return err
	})
	if err != nil {
		return err
	}
	return r.CheckTeaches(p, class)
}

// CheckTeachesLesson is CheckTeaches for the class of a lesson, open or not. Who held the lesson may
// see it too. A lesson whose class was deleted is for who held it, and for admins.
func (r *Roster) CheckTeachesLesson(p Person, lesson string) error {
	return r.readTx("roster.CheckTeachesLesson", func(tx *bbolt.Tx) error {
		l, err := loadLesson(tx, lesson)
		if err != nil || p.Admin || l.By == p.User {
			return err
		}
		c, err := loadClass(tx, l.Class)
		if err != nil || !p.MayTeach(c) {
			return errOtherClass("roster.CheckTeachesLesson")
		}
		return nil
	})
}

// ShareClass sets who teaches a class, or all with an empty list. It returns the ids of teachers who
// may not see it any more. errs.Invalid (code unknown): there is no such teacher. errs.Denied (code
// self): a teacher cannot give the own class away.
func (r *Roster) ShareClass(by Person, id string, teachers []string) (c Class, gone []string, err error) {
	const op = "roster.ShareClass"
	teachers = slices.Compact(slices.Sorted(slices.Values(teachers)))
	if len(teachers) > MaxStaff {
		return c, nil, errs.NewField(op, "teachers", "too_many", MaxStaff, "at most %d teachers", MaxStaff)
	}
	err = r.writeTx(op, func(tx *bbolt.Tx) error {
		if c, err = loadClass(tx, id); err != nil {
			return err
		}
		for _, t := range teachers {
			if _, err := checkedkv.Get[storedStaff](tx, bucketStaff, t); err != nil {
				return errs.NewField(op, "teachers", "unknown", 0, "no such teacher")
			}
		}
		before := c
		if c.Teachers = teachers; len(teachers) == 0 {
			c.Teachers = nil
		}
		if !by.MayTeach(c) {
			return errs.NewCode(op, errs.Denied, "self", "you cannot give your own class away: an admin can")
		}
		for t, s := range allValues[storedStaff](r, tx, bucketStaff, "") {
			if p := s.toPerson(); p.MayTeach(before) && !p.MayTeach(c) {
				gone = append(gone, t)
			}
		}
		return checkedkv.Put(tx, bucketClasses, id, c)
	})
	return c, gone, err
}
