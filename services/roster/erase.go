package roster

import (
	"cmp"
	"errors"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// KnownPupil is a pupil with all data that the roster holds of them.
type KnownPupil struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"` // on the class list, or of the last lesson for a pupil who has left it
	Classes []Class  `json:"-"`    // the classes with the pupil on their lists
	Lessons []Lesson `json:"lessons"`
}

// Pupil returns the roster's data of a pupil. errs.Missing: there is none.
func (r *Roster) Pupil(id string) (k KnownPupil, err error) {
	err = r.readTx("roster.Pupil", func(tx *checkedkv.Tx) error {
		k, err = r.knownPupil(tx, id)
		return err
	})
	return k, err
}

func (r *Roster) knownPupil(tx *checkedkv.Tx, id string) (KnownPupil, error) {
	k := KnownPupil{ID: id, Lessons: []Lesson{}}
	var latest int64
	for _, l := range allValues[storedLesson](r, tx, bucketLessons, "") {
		name, ok := l.Names[id]
		if !ok {
			continue
		}
		if l.Started >= latest {
			k.Name, latest = name, l.Started
		}
		k.Lessons = append(k.Lessons, l.toLesson(tx))
	}
	for _, c := range allValues[Class](r, tx, bucketClasses, "") {
		if p, ok := c.findPupil(id); ok {
			k.Name = p.Name
			k.Classes = append(k.Classes, c)
		}
	}
	if k.Name == "" {
		return k, errs.NewCode("roster.Pupil", errs.Missing, "no_pupil", "no such pupil")
	}
	slices.SortFunc(k.Lessons, func(a, b Lesson) int { return cmp.Compare(a.Started, b.Started) })
	return k, nil
}

// ErasePupil removes a pupil's name from the roster for good: from the class lists and from the
// past lessons. It signs the devices out. It returns the lessons that named the pupil. When
// it returns, neither the file nor its copy holds the name any more.
// errs.Stale (code lesson_open): a lesson of the class is open.
func (r *Roster) ErasePupil(id string) (lessons []string, err error) {
	const op = "roster.ErasePupil"
	if err := checkedkv.CompactNext(r.cfg.Path); err != nil { // for a power cut before ZeroFree
		return nil, err
	}
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		k, err := r.knownPupil(tx, id)
		if err != nil {
			return err
		}
		for _, c := range k.Classes {
			if _, err := checkedkv.Get[string](tx, bucketOpen, c.ID); err == nil {
				return errs.NewCode(op, errs.Stale, "lesson_open", "a lesson of this class is open: end it first")
			}
			if err := r.voidCards(tx, c.ID, id); err != nil {
				return err
			}
			c.Pupils = slices.DeleteFunc(c.Pupils, func(p Pupil) bool { return p.ID == id })
			if err := checkedkv.Put(tx, bucketClasses, c.ID, c); err != nil {
				return err
			}
		}
		for _, l := range k.Lessons {
			if err := eraseFromLesson(tx, l.ID, id); err != nil {
				return err
			}
			lessons = append(lessons, l.ID)
		}
		return nil
	})
	if err == nil || errs.KindOf(err) == errs.Missing { // missing: an earlier try was cut off
		err = errors.Join(err, checkedkv.ZeroFree(r.db), r.Copy())
	}
	return lessons, err
}

func eraseFromLesson(tx *checkedkv.Tx, lessonID, pupil string) error {
	l, err := loadLesson(tx, lessonID)
	if err != nil {
		return err
	}
	delete(l.Names, pupil)
	return checkedkv.Put(tx, bucketLessons, lessonID, l)
}
