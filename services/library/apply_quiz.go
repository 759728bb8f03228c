package library

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// ApplyResult is the outcome of applying a quiz of the cloud.
type ApplyResult struct {
	Done  bool   // false: an earlier call applied it, and the other fields are empty
	ID    string // of the quiz in this library, or empty if it is not in it
	Title string
	Kept  string // id of the copy with a teacher's changes to the quiz before, or empty
	Gone  bool   // the school does not have it any more: it was deleted, or left to the teacher with changes in it
}

// cloudQuizID matches the ids that the cloud may use. An id becomes part of an address.
var cloudQuizID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,48}$`)

// localQuizID returns the id in this library for a quiz of the cloud. The box's own ids never
// have a second underscore.
func localQuizID(id string) string { return "q_cloud_" + id }

// copyMark ends the title of a copy.
const copyMark = " (2)"

// ApplyQuiz stores a quiz of the cloud in the library and moves the cursor to n, its item number.
// Both are on disk when it returns, or neither. An item up to the cursor does nothing. The
// cloud's version replaces the one before. If a teacher changed that one, ApplyQuiz keeps it
// under a new id, with "(2)" in its title. errs.Invalid: the quiz is refused, and the cursor does
// not move.
func (l *Library) ApplyQuiz(n uint64, id string, q item.Quiz, gone bool) (out ApplyResult, err error) {
	const op = "library.ApplyQuiz"
	if !cloudQuizID.MatchString(id) {
		return out, errs.NewField(op, "id", "bad_id", 48, "must be 1 to 48 of A-Z, a-z, 0-9, '.', '_' and '-'")
	}
	if q.ID = localQuizID(id); !gone {
		if err := q.Normalise(op); err != nil {
			return out, err
		}
	}
	err = l.writeTx(op, func(tx *checkedkv.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		if gone {
			out, err = l.withdrawQuiz(tx, q.ID)
		} else {
			out, err = l.replaceQuiz(tx, q)
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

// withdrawQuiz deletes a quiz. A quiz that a teacher changed stays, and belongs to the teacher
// from then on.
func (l *Library) withdrawQuiz(tx *checkedkv.Tx, id string) (ApplyResult, error) {
	old, err := checkedkv.Get[storedQuiz](tx, bucketQuizzes, id)
	switch {
	case err != nil && errs.KindOf(err) == errs.Missing:
		return ApplyResult{Gone: true}, nil
	case err == nil && old.changedHere():
		out := ApplyResult{ID: id, Title: old.Title, Gone: true}
		old.Given = 0
		return out, checkedkv.Put(tx, bucketQuizzes, id, old)
	}
	return ApplyResult{Title: old.Title, Gone: true}, checkedkv.Delete(tx, bucketQuizzes, id)
}

// changedHere reports whether the quiz was changed on this box since it came.
func (s storedQuiz) changedHere() bool { return s.Updated != s.Given }

// replaceQuiz stores a quiz in place of the version before.
func (l *Library) replaceQuiz(tx *checkedkv.Tx, q item.Quiz) (ApplyResult, error) {
	out := ApplyResult{ID: q.ID, Title: q.Title}
	old, err := checkedkv.Get[storedQuiz](tx, bucketQuizzes, q.ID)
	fresh := err != nil && errs.KindOf(err) == errs.Missing
	if err != nil && !fresh && errs.KindOf(err) != errs.Corrupt { // the new version repairs a damaged one
		return out, err
	}
	if was, err := l.unsealQuiz(q.ID, old); err == nil && !fresh { // a version that cannot be read cannot be kept
		switch same := sameQuiz(was, q); {
		case same && !old.changedHere():
			return out, nil
		case !same && old.changedHere():
			if out.Kept, err = l.keepCopy(tx, was); err != nil {
				return out, err
			}
		}
	}
	q.Updated = timeAfter(old.Updated)
	s, err := l.sealQuiz(q)
	if err != nil {
		return out, err
	}
	s.Given = q.Updated
	if fresh {
		return out, checkedkv.Add(tx, bucketQuizzes, q.ID, MaxQuizzes, s)
	}
	return out, checkedkv.Put(tx, bucketQuizzes, q.ID, s)
}

// keepCopy stores a teacher's version of a quiz as a quiz of the box's own.
func (l *Library) keepCopy(tx *checkedkv.Tx, q item.Quiz) (string, error) {
	name := []rune(q.Title)
	q.Title = string(name[:min(len(name), item.MaxTitle-len(copyMark))]) + copyMark
	q.ID, q.Updated = checkedkv.NewID("q_"), timeAfter(0)
	s, err := l.sealQuiz(q)
	if err != nil {
		return "", err
	}
	return q.ID, checkedkv.Add(tx, bucketQuizzes, q.ID, MaxQuizzes, s)
}

// sameQuiz reports whether two quizzes are equal but for their ids and their times.
func sameQuiz(a, b item.Quiz) bool {
	a.Updated, a.ID = b.Updated, b.ID
	one, err := json.Marshal(a)
	two, e := json.Marshal(b)
	return err == nil && e == nil && bytes.Equal(one, two)
}

// DownCursor returns the number of the last of the cloud's items that was applied or skipped.
func (l *Library) DownCursor() (n uint64, err error) {
	err = l.readTx("library.DownCursor", func(tx *checkedkv.Tx) error {
		n, err = downCursor(tx)
		return err
	})
	return n, err
}

// SkipDown moves the cursor to n: the items up to it change nothing here.
func (l *Library) SkipDown(n uint64) error {
	return l.writeTx("library.SkipDown", func(tx *checkedkv.Tx) error {
		if at, err := downCursor(tx); err != nil || n <= at {
			return err
		}
		return checkedkv.Put(tx, bucketDown, keyCursor, n)
	})
}

// ForgetDown sets the cursor back to the start. Another cloud, or another school of it, has its
// own numbers. The quizzes stay.
func (l *Library) ForgetDown() error {
	return l.writeTx("library.ForgetDown", func(tx *checkedkv.Tx) error { return tx.Bucket([]byte(bucketDown)).Delete([]byte(keyCursor)) })
}

// downCursor returns 0 before the first item. It also returns 0 if the value is damaged: each
// item then comes again, and applying an item twice changes nothing.
func downCursor(tx *checkedkv.Tx) (uint64, error) {
	n, err := checkedkv.Get[uint64](tx, bucketDown, keyCursor)
	if k := errs.KindOf(err); err != nil && (k == errs.Missing || k == errs.Corrupt) {
		return 0, nil
	}
	return n, err
}
