package pg

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// PutQuiz puts a quiz with its pictures on the school's list, all or nothing. pictures has their
// content by id. A picture that the school has already is not sent again, whichever quiz brought it.
func (s *Store) PutQuiz(ctx context.Context, school, id string, data json.RawMessage, pictures map[string][]byte) error {
	data, shown, err := checkQuizPictures(id, data, pictures)
	if err != nil {
		return err
	}
	d := Deed{School: school, Action: "quiz sent", Object: id}
	if len(shown) > 0 {
		d.Detail = fmt.Sprintf("%d pictures", len(shown))
	}
	return s.change(ctx, "PutQuiz", d, func(tx pgx.Tx, _ *Deed) error {
		var number int
		err := tx.QueryRow(ctx, `select id from livelearn.schools where name = $1 for update`, school).Scan(&number)
		if isNoRows(err) {
			err = errNoSchool("PutQuiz", school)
		}
		if err != nil {
			return err
		}
		for _, id := range shown {
			raw, err := json.Marshal(cloud.Picture{Data: pictures[id]})
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `select livelearn.put_item($1, $2, $3, $4, false)`, number, cloud.ItemPicture, id, raw); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `select livelearn.put_item($1, $2, $3, $4, false)`, number, cloud.ItemQuiz, id, data); err != nil {
			return err
		}
		return keepPictureLimit(ctx, tx, number)
	})
}

// checkQuizPictures checks a quiz and its pictures. It returns the ids of those that it shows, sorted.
func checkQuizPictures(id string, data json.RawMessage, pictures map[string][]byte) (checked json.RawMessage, shown []string, err error) {
	const op = "pg.PutQuiz"
	if id == "" || len(id) > maxName || cleanText(id) != id {
		return nil, nil, errs.NewField(op, "id", "bad_id", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	if checked, err = checkItem(cloud.ItemQuiz, data, false); err != nil {
		return nil, nil, err
	}
	var q item.Quiz
	if err := json.Unmarshal(checked, &q); err != nil {
		return nil, nil, errs.New(op, errs.Internal, err)
	}
	for _, a := range q.Items {
		for _, m := range a.Images() {
			if slices.Contains(shown, m.ID) {
				continue
			}
			if _, ok := pictures[m.ID]; !ok {
				return nil, nil, errs.NewField(op, "pictures", "missing", 0, "a question shows %s, which is not there", m.ID)
			}
			if _, err := cloud.CheckPicture(op, m.ID, pictures[m.ID]); err != nil {
				return nil, nil, err
			}
			shown = append(shown, m.ID)
		}
	}
	slices.Sort(shown)
	return checked, shown, nil
}

// keepPictureLimit removes pictures that no quiz of the school shows if there are too many.
func keepPictureLimit(ctx context.Context, tx pgx.Tx, school int) error {
	count := func() (n int, err error) {
		err = tx.QueryRow(ctx, `select count(*) from livelearn.down where school = $1 and kind = 'picture'`, school).Scan(&n)
		return n, err
	}
	n, err := count()
	if err != nil || n <= cloud.MaxPictures {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from livelearn.down p where p.school = $1 and p.kind = 'picture'
		and not exists (select from livelearn.down q where q.school = p.school and q.kind = 'quiz' and not q.gone and strpos(q.data::text, p.id) > 0)`, school); err != nil {
		return err
	}
	if n, err = count(); err == nil && n > cloud.MaxPictures {
		err = errs.NewField("pg.PutQuiz", "pictures", "too_many", cloud.MaxPictures, "the quizzes of the school show %d pictures, at most %d", n, cloud.MaxPictures)
	}
	return err
}
