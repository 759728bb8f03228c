package library

import (
	"cmp"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/records"
)

// Summary is a quiz as a list shows it.
type Summary struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Count   int    `json:"count"` // of its items
	Updated int64  `json:"updated"`
	Paced   string `json:"paced"`
	Speed   bool   `json:"speed"`
	Board   bool   `json:"board"`
}

// Quizzes are all quizzes without their items, the last changed first.
func (l *Library) Quizzes() ([]Summary, error) {
	list := []Summary{}
	err := l.view("library.Quizzes", func(tx *bbolt.Tx) error {
		for _, s := range all[storedQuiz](l, tx, bucketQuizzes) {
			q, err := s.open()
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

// Quiz is one quiz with its keys. errs.Down (code keys_locked): they were kept under
// another secret.
func (l *Library) Quiz(id string) (q item.Quiz, err error) {
	err = l.view("library.Quiz", func(tx *bbolt.Tx) error {
		s, err := records.Get[storedQuiz](tx, bucketQuizzes, id)
		if err == nil {
			q, err = l.unseal(id, s)
		}
		return err
	})
	return q, err
}

// AddQuiz keeps a new quiz and gives it its id. A quiz may begin without items.
func (l *Library) AddQuiz(q item.Quiz) (item.Quiz, error) {
	return l.addQuiz(newID("q_"), q)
}

func (l *Library) addQuiz(id string, q item.Quiz) (item.Quiz, error) {
	const op = "library.AddQuiz"
	if err := q.Normalise(op); err != nil {
		return q, err
	}
	q.ID, q.Updated = id, after(0)
	err := l.update(op, func(tx *bbolt.Tx) error {
		s, err := l.seal(q)
		if err != nil {
			return err
		}
		return add(tx, bucketQuizzes, q.ID, MaxQuizzes, s)
	})
	return q, err
}

// PutQuiz replaces the quiz that has q's id. q.Updated must be the one that was read;
// otherwise somebody else changed it meanwhile: errs.Stale, code changed.
func (l *Library) PutQuiz(q item.Quiz) (item.Quiz, error) {
	const op = "library.PutQuiz"
	if err := q.Normalise(op); err != nil {
		return q, err
	}
	err := l.update(op, func(tx *bbolt.Tx) error {
		old, err := records.Get[storedQuiz](tx, bucketQuizzes, q.ID)
		switch {
		case err != nil && errs.KindOf(err) != errs.Corrupt: // a damaged one is mended by a whole one
			return err
		case err == nil && old.Updated != q.Updated:
			return errs.Code(op, errs.Stale, "changed", "the quiz was changed elsewhere; read it again")
		}
		q.Updated = after(q.Updated)
		s, err := l.seal(q)
		if err != nil {
			return err
		}
		s.Given = old.Given
		return records.Put(tx, bucketQuizzes, q.ID, s)
	})
	return q, err
}

// DeleteQuiz forgets a quiz. Lessons that have it keep their copy.
func (l *Library) DeleteQuiz(id string) error {
	return l.update("library.DeleteQuiz", func(tx *bbolt.Tx) error { return remove(tx, bucketQuizzes, id) })
}
