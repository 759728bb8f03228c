package roster

import (
	"cmp"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/records"
)

// Known is a pupil with all that the roster holds of them.
type Known struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"` // on the class list; of the last lesson for who has left it
	Classes []Class  `json:"-"`    // on whose list the pupil is
	Lessons []Lesson `json:"lessons"`
}

// Pupil is what the roster knows of a pupil. errs.Missing: nothing.
func (r *Roster) Pupil(id string) (k Known, err error) {
	err = r.view("roster.Pupil", func(tx *bbolt.Tx) error {
		k, err = r.known(tx, id)
		return err
	})
	return k, err
}

func (r *Roster) known(tx *bbolt.Tx, id string) (Known, error) {
	k := Known{ID: id, Lessons: []Lesson{}}
	var latest int64
	for _, l := range all[storedLesson](r, tx, bucketLessons, "") {
		name, ok := l.Names[id]
		if !ok {
			continue
		}
		if l.Started >= latest {
			k.Name, latest = name, l.Started
		}
		k.Lessons = append(k.Lessons, l.public(tx))
	}
	for _, c := range all[Class](r, tx, bucketClasses, "") {
		if p, ok := c.pupil(id); ok {
			k.Name = p.Name
			k.Classes = append(k.Classes, c)
		}
	}
	if k.Name == "" {
		return k, errs.Code("roster.Pupil", errs.Missing, "no_pupil", "no such pupil")
	}
	slices.SortFunc(k.Lessons, func(a, b Lesson) int { return cmp.Compare(a.Started, b.Started) })
	return k, nil
}

// ErasePupil takes a pupil's name out of the roster for good: off the class lists, out of
// the past lessons, and the devices are signed out. It gives the lessons that named the
// pupil. The name stays in free pages of the file until the next Open, which copies it
// into a fresh one. errs.Stale (code lesson_open): a lesson of the class is open.
func (r *Roster) ErasePupil(id string) (lessons []string, err error) {
	const op = "roster.ErasePupil"
	if err := journal.CompactNext(r.cfg.Path); err != nil {
		return nil, err
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		k, err := r.known(tx, id)
		if err != nil {
			return err
		}
		for _, c := range k.Classes {
			if _, err := records.Get[string](tx, bucketOpen, c.ID); err == nil {
				return errs.Code(op, errs.Stale, "lesson_open", "a lesson of this class is open: end it first")
			}
			if err := r.voidCards(tx, c.ID, id); err != nil {
				return err
			}
			c.Pupils = slices.DeleteFunc(c.Pupils, func(p Pupil) bool { return p.ID == id })
			if err := records.Put(tx, bucketClasses, c.ID, c); err != nil {
				return err
			}
		}
		for _, l := range k.Lessons {
			if err := eraseFrom(tx, l.ID, id); err != nil {
				return err
			}
			lessons = append(lessons, l.ID)
		}
		return nil
	})
	return lessons, err
}

func eraseFrom(tx *bbolt.Tx, lessonID, pupil string) error {
	l, err := lesson(tx, lessonID)
	if err != nil {
		return err
	}
	delete(l.Names, pupil)
	return records.Put(tx, bucketLessons, lessonID, l)
}
