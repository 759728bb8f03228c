package pg

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

// Actor is who changes something.
type Actor struct {
	Name    string
	Address string // from where
	School  string // empty means all. The Store refuses changes of other schools
}

type actorKey struct{}

// WithActor returns a context whose changes are recorded under the actor. Without one, they are
// recorded under "program".
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// Deed is an entry of the audit log.
type Deed struct {
	ID       int64
	At       time.Time
	Operator string
	Address  string
	School   string // empty means that it concerns all schools
	Action   string // such as "box revoked"
	Object   string // id or name
	Detail   string
}

// DeedQuery selects entries of the audit log, newest first. The zero value selects all.
type DeedQuery struct {
	School string
	Text   string // part of the operator, the address, the action, the object or the detail
	Box    string // entries about this box
	Before int64  // entries with smaller ids
	Limit  int    // 0 means all
}

// change runs fn in a transaction and records the deed in it, so that no change is without its
// entry. fn may complete the deed. An actor of one school may change that school only.
func (s *Store) change(ctx context.Context, op string, d Deed, fn func(pgx.Tx, *Deed) error) error {
	return s.inTx(ctx, op, func(tx pgx.Tx) error {
		if err := fn(tx, &d); err != nil {
			return err
		}
		return record(ctx, tx, op, d)
	})
}

// Record records a deed that changes nothing, such as an export.
func (s *Store) Record(ctx context.Context, d Deed) error {
	return s.change(ctx, "Record", d, func(pgx.Tx, *Deed) error { return nil })
}

func record(ctx context.Context, tx pgx.Tx, op string, d Deed) error {
	a, ok := ctx.Value(actorKey{}).(Actor)
	if !ok {
		a.Name = "program"
	}
	if a.School != "" && a.School != d.School {
		return errs.NewCode("pg."+op, errs.Denied, "may_not", "the operator belongs to another school")
	}
	_, err := tx.Exec(ctx, `insert into livelearn.audit (operator, address, school, school_name, action, object, detail)
		values ($1, $2, (select id from livelearn.schools where name = $3), $3, $4, $5, $6)`,
		cleanText(a.Name), a.Address, cleanText(d.School), d.Action, cleanText(d.Object), cleanText(d.Detail))
	return err
}

// schoolOfBox returns the name of a box's school and locks the box.
func schoolOfBox(ctx context.Context, tx pgx.Tx, op, box string) (school string, err error) {
	err = tx.QueryRow(ctx, `select s.name from livelearn.boxes b join livelearn.schools s on s.id = b.school where b.id = $1 for update of b`, cleanText(box)).Scan(&school)
	if isNoRows(err) {
		err = errs.NewCode("pg."+op, errs.Missing, "no_box", "there is no box %q", box)
	}
	return school, err
}

// Deeds returns entries of the audit log. The name of a school is its present one.
func (s *Store) Deeds(ctx context.Context, q DeedQuery) iter.Seq2[Deed, error] {
	return func(yield func(Deed, error) bool) {
		rows, err := s.pool.Query(ctx, `select a.id, a.at, a.operator, a.address, coalesce(s.name, a.school_name), a.action, a.object, a.detail
			from livelearn.audit a left join livelearn.schools s on s.id = a.school
			where ($1 = '' or s.name = $1) and ($2 = '' or strpos(lower(concat_ws(' ', a.operator, a.address, a.action, a.object, a.detail)), lower($2)) > 0)
				and ($3 = '' or a.object = $3 and a.action like 'box %') and ($4 = 0 or a.id < $4)
			order by a.id desc limit nullif($5, 0)`, q.School, q.Text, q.Box, q.Before, q.Limit)
		if err != nil {
			yield(Deed{}, wrapError("Deeds", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var d Deed
			err := rows.Scan(&d.ID, &d.At, &d.Operator, &d.Address, &d.School, &d.Action, &d.Object, &d.Detail)
			if !yield(d, wrapError("Deeds", err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Deed{}, wrapError("Deeds", err))
		}
	}
}
