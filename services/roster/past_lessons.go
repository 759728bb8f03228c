package roster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Past is a lesson that has ended.
type Past struct {
	Lesson
	Pupils int `json:"pupils"` // who had joined
}

// markEnded stores the end of a lesson, and the data that its results need after the class has
// changed.
func (l *storedLesson) markEnded(tx *checkedkv.Tx, joined int, at int64) {
	l.Ended, l.Joined, l.Names = at, joined, map[string]string{}
	c, _ := loadClass(tx, l.Class) // if the class is damaged, the results name ids
	l.ClassName = c.Name
	for _, p := range c.Pupils {
		l.Names[p.ID] = p.Name
	}
}

// PastLessons returns the lessons that have ended, newest first.
func (r *Roster) PastLessons() ([]Past, error) {
	list := []Past{} // never null for a client
	err := r.readTx("roster.Past", func(tx *checkedkv.Tx) error {
		for _, l := range allValues[storedLesson](r, tx, bucketLessons, "") {
			if l.Ended != 0 {
				list = append(list, Past{l.toLesson(tx), l.Joined})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Past) int {
		return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(a.ID, b.ID))
	})
	return list, err
}

// PupilsOf returns the names of a lesson's pupils by id: the class at the end of the lesson, or
// the class now while the lesson is open. A name that was corrected since is the new one.
func (r *Roster) PupilsOf(lessonID string) (names map[string]string, err error) {
	names = map[string]string{}
	err = r.readTx("roster.PupilsOf", func(tx *checkedkv.Tx) error {
		l, err := loadLesson(tx, lessonID)
		if err != nil {
			return err
		}
		c, err := loadClass(tx, l.Class)
		if err != nil && errs.KindOf(err) != errs.Missing {
			return err
		}
		maps.Copy(names, l.Names)
		for _, p := range c.Pupils {
			if _, was := l.Names[p.ID]; was || l.Names == nil {
				names[p.ID] = p.Name
			}
		}
		return nil
	})
	return names, err
}

// ForgetLessons deletes the lessons that ended before a time, in milliseconds since 1970, and
// returns their ids.
func (r *Roster) ForgetLessons(before int64) (ids []string, err error) {
	err = r.writeTx("roster.ForgetLessons", func(tx *checkedkv.Tx) error {
		keys, lessons := collectValues[storedLesson](r, tx, bucketLessons, "")
		for i, l := range lessons {
			if l.Ended == 0 || l.Ended >= before {
				continue
			}
			if err := deleteKey(tx, bucketLessons, keys[i]); err != nil {
				return err
			}
			ids = append(ids, keys[i])
		}
		return nil
	})
	return ids, err
}
