package library

import (
	"bytes"
	"encoding/json"
	"regexp"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/records"
)

// Delivered is what came of a quiz from the cloud.
type Delivered struct {
	Done  bool   // false: it was applied before, and the rest is empty
	ID    string // here; empty: it is not in the library
	Title string
	Kept  string // id of the copy of what a teacher had made of the one before; may be empty
	Gone  bool   // the school has it no more: it was deleted, or left to the teacher who changed it
}

// downID is what the cloud may call a quiz: it becomes part of an address.
var downID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,48}$`)

// fromCloud is the id here of a quiz that the cloud calls id. No id of the box's own has
// a second underscore.
func fromCloud(id string) string { return "q_cloud_" + id }

// copyMark ends the title of a copy.
const copyMark = " (2)"

// ApplyQuiz brings a quiz of the cloud into the library, and item number n of it is done
// then: both are on disk when it returns, or neither. An item up to the cursor does
// nothing. The cloud's version takes the place of the one before. What a teacher made of
// that is kept under a new id, with "(2)" in its title. errs.Invalid: the quiz is refused,
// and the cursor stays where it is.
func (l *Library) ApplyQuiz(n uint64, id string, q item.Quiz, gone bool) (out Delivered, err error) {
	const op = "library.ApplyQuiz"
	if !downID.MatchString(id) {
		return out, errs.Field(op, "id", "bad_id", 48, "must be 1 to 48 of A-Z, a-z, 0-9, '.', '_' and '-'")
	}
	if q.ID = fromCloud(id); !gone {
		if err := q.Normalise(op); err != nil {
			return out, err
		}
	}
	err = l.update(op, func(tx *bbolt.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		if gone {
			out, err = l.withdraw(tx, q.ID)
		} else {
			out, err = l.deliver(tx, q)
		}
		if err != nil {
			return err
		}
		out.Done = true
		return records.Put(tx, bucketDown, keyCursor, n)
	})
	if err != nil {
		return Delivered{}, err
	}
	return out, nil
}

// withdraw deletes a quiz, unless a teacher made something else of it: then it is theirs.
func (l *Library) withdraw(tx *bbolt.Tx, id string) (Delivered, error) {
	old, err := records.Get[storedQuiz](tx, bucketQuizzes, id)
	switch {
	case err != nil && errs.KindOf(err) == errs.Missing:
		return Delivered{Gone: true}, nil
	case err == nil && old.changed():
		out := Delivered{ID: id, Title: old.Title, Gone: true}
		old.Given = 0
		return out, records.Put(tx, bucketQuizzes, id, old)
	}
	return Delivered{Title: old.Title, Gone: true}, remove(tx, bucketQuizzes, id)
}

// changed tells that somebody changed it here since it came.
func (s storedQuiz) changed() bool { return s.Updated != s.Given }

// deliver puts a quiz in the place of the one that came before.
func (l *Library) deliver(tx *bbolt.Tx, q item.Quiz) (Delivered, error) {
	out := Delivered{ID: q.ID, Title: q.Title}
	old, err := records.Get[storedQuiz](tx, bucketQuizzes, q.ID)
	fresh := err != nil && errs.KindOf(err) == errs.Missing
	if err != nil && !fresh && errs.KindOf(err) != errs.Corrupt { // a damaged one is mended by a whole one
		return out, err
	}
	if was, err := l.unseal(q.ID, old); err == nil && !fresh { // who cannot be read cannot be kept
		switch same := same(was, q); {
		case same && !old.changed():
			return out, nil
		case !same && old.changed():
			if out.Kept, err = l.keep(tx, was); err != nil {
				return out, err
			}
		}
	}
	q.Updated = after(old.Updated)
	s, err := l.seal(q)
	if err != nil {
		return out, err
	}
	s.Given = q.Updated
	if fresh {
		return out, add(tx, bucketQuizzes, q.ID, MaxQuizzes, s)
	}
	return out, records.Put(tx, bucketQuizzes, q.ID, s)
}

// keep stores what a teacher made of a quiz as one of its own.
func (l *Library) keep(tx *bbolt.Tx, q item.Quiz) (string, error) {
	name := []rune(q.Title)
	q.Title = string(name[:min(len(name), item.MaxTitle-len(copyMark))]) + copyMark
	q.ID, q.Updated = newID("q_"), after(0)
	s, err := l.seal(q)
	if err != nil {
		return "", err
	}
	return q.ID, add(tx, bucketQuizzes, q.ID, MaxQuizzes, s)
}

// same tells that two quizzes differ in nothing but when they were changed.
func same(a, b item.Quiz) bool {
	a.Updated, a.ID = b.Updated, b.ID
	one, err := json.Marshal(a)
	two, e := json.Marshal(b)
	return err == nil && e == nil && bytes.Equal(one, two)
}

// DownCursor is the number of the last of the cloud's items that was applied or skipped.
func (l *Library) DownCursor() (n uint64, err error) {
	err = l.view("library.DownCursor", func(tx *bbolt.Tx) error {
		n, err = downCursor(tx)
		return err
	})
	return n, err
}

// SkipDown notes that all items up to n are done, with nothing to change here.
func (l *Library) SkipDown(n uint64) error {
	return l.update("library.SkipDown", func(tx *bbolt.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		return records.Put(tx, bucketDown, keyCursor, n)
	})
}

// ForgetDown begins anew: another cloud, or another school of it, counts for itself. The
// quizzes stay.
func (l *Library) ForgetDown() error {
	return l.update("library.ForgetDown", func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucketDown)).Delete([]byte(keyCursor)) })
}

// downCursor is 0 before the first item. A damaged one is 0 too: each item comes again and
// changes nothing that is as it should be.
func downCursor(tx *bbolt.Tx) (uint64, error) {
	n, err := records.Get[uint64](tx, bucketDown, keyCursor)
	if k := errs.KindOf(err); err != nil && (k == errs.Missing || k == errs.Corrupt) {
		return 0, nil
	}
	return n, err
}
