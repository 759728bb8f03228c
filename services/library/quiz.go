package library

import (
	"cmp"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// Summary is a quiz as lists show it.
type Summary struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Count   int    `json:"count"` // of its items
	Updated int64  `json:"updated"`
	Paced   string `json:"paced" enum:"teacher,pupil"`
	Speed   bool   `json:"speed"`
	Board   bool   `json:"board"`
}

// Quizzes returns all quizzes without their items, the last changed first.
func (l *Library) Quizzes() ([]Summary, error) {
	list := []Summary{}
	err := l.readTx("library.Quizzes", func(tx *checkedkv.Tx) error {
		for _, s := range allValues[storedQuiz](l, tx, bucketQuizzes) {
			q, err := s.withoutKeys()
			if err != nil {
				l.log.Error("the library holds a damaged value", "kind", bucketQuizzes, "err", err)
				continue
			}
			list = append(list, Summary{
				ID: q.ID, Title: q.Title, Count: len(q.Items), Updated: q.Updated, Paced: q.Paced, Speed: q.Speed, Board: q.Board,
			})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Summary) int { return cmp.Or(cmp.Compare(b.Updated, a.Updated), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// Quiz returns one quiz with its keys. errs.Down (code keys_locked): the keys are encrypted with
// another secret.
func (l *Library) Quiz(id string) (q item.Quiz, err error) {
	err = l.readTx("library.Quiz", func(tx *checkedkv.Tx) error {
		s, err := checkedkv.Get[storedQuiz](tx, bucketQuizzes, id)
		if err == nil {
			q, err = l.unsealQuiz(id, s)
		}
		return err
	})
	return q, err
}

// AddQuiz stores a new quiz and gives it an id. A quiz may begin without items.
func (l *Library) AddQuiz(q item.Quiz) (item.Quiz, error) {
	return l.addQuiz(checkedkv.NewID("q_"), q)
}

func (l *Library) addQuiz(id string, q item.Quiz) (item.Quiz, error) {
	const op = "library.AddQuiz"
	if err := q.Normalise(op); err != nil {
		return q, err
	}
	q.ID, q.Updated = id, timeAfter(0)
	err := l.writeTx(op, func(tx *checkedkv.Tx) error {
		s, err := l.sealQuiz(q)
		if err != nil {
			return err
		}
		return checkedkv.Add(tx, bucketQuizzes, q.ID, MaxQuizzes, s)
	})
	return q, err
}

// PutQuiz replaces the quiz that has q's id. q.Updated must be the value that was read. Otherwise
// another client changed the quiz since: errs.Stale, code changed.
func (l *Library) PutQuiz(q item.Quiz) (item.Quiz, error) {
	const op = "library.PutQuiz"
	if err := q.Normalise(op); err != nil {
		return q, err
	}
	err := l.writeTx(op, func(tx *checkedkv.Tx) error {
		old, err := checkedkv.Get[storedQuiz](tx, bucketQuizzes, q.ID)
		switch {
		case err != nil && errs.KindOf(err) != errs.Corrupt: // the new version repairs a damaged one
			return err
		case err == nil && old.Updated != q.Updated:
			return errs.NewCode(op, errs.Stale, "changed", "the quiz was changed elsewhere; read it again")
		}
		q.Updated = timeAfter(q.Updated)
		s, err := l.sealQuiz(q)
		if err != nil {
			return err
		}
		s.Given = old.Given
		return checkedkv.Put(tx, bucketQuizzes, q.ID, s)
	})
	return q, err
}

// DeleteQuiz deletes a quiz. Lessons that have it keep their copy.
func (l *Library) DeleteQuiz(id string) error {
	return l.writeTx("library.DeleteQuiz", func(tx *checkedkv.Tx) error { return checkedkv.Delete(tx, bucketQuizzes, id) })
}
