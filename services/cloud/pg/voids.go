package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

// VoidBox takes out of all views what a box said from a time on. It returns the number of facts.
// They stay in livelearn.voided, and UndoVoid takes them back. The time is that of the arrival here.
func (s *Store) VoidBox(ctx context.Context, box string, since time.Time) (facts int64, err error) {
	d := Deed{Action: "box voided", Object: box, Detail: "since " + since.UTC().Format(time.RFC3339)}
	err = s.change(ctx, "VoidBox", d, func(tx pgx.Tx, d *Deed) (err error) {
		if d.School, err = schoolOfBox(ctx, tx, "VoidBox", box); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select livelearn.void_box($1, $2)`, cleanText(box), since).Scan(&facts)
	})
	return facts, err
}

// Void is what a box said and no longer counts.
type Void struct {
	ID     int64      `json:"id"`
	School string     `json:"school"`
	Box    string     `json:"box"`
	Since  time.Time  `json:"since"`
	At     time.Time  `json:"at"`
	Facts  int64      `json:"facts"`
	Undone *time.Time `json:"undone,omitempty"`
}

// VoidEffect is what UndoVoid would change.
type VoidEffect struct {
	Void
	Back    int64 // facts that count again
	Here    int64 // facts that have arrived once more and stay as they are
	Lessons int64 // whose start, end or grades are among the facts that count again
	Letters int64 // refused facts
	Asked   int64 // erasures that the box asked for
}

// Voids lists the voids of a school, or of all, newest first.
func (s *Store) Voids(ctx context.Context, school string) ([]Void, error) {
	rows, err := s.pool.Query(ctx, `select id, school, box, since, at, facts, undone from livelearn.voids where $1 = '' or school = $1 order by at desc, id desc`, cleanText(school))
	if err != nil {
		return nil, wrapError("Voids", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Void])
	return list, wrapError("Voids", err)
}

// LookUpVoid returns what UndoVoid would change.
func (s *Store) LookUpVoid(ctx context.Context, id int64) (e VoidEffect, err error) {
	err = s.pool.QueryRow(ctx, `select l.id, l.school, l.box, l.since, l.at, l.facts, l.undone, v.back, v.here, v.lessons,
			(select count(*) from livelearn.voided_letters where void = l.id), (select count(*) from livelearn.voided_asked where void = l.id)
		from livelearn.voids l, lateral (
			select count(*) filter (where not x.here) as back, count(*) filter (where x.here) as here,
				count(distinct x.lesson) filter (where not x.here) as lessons
			from (select case when v.kind like 'lesson.%' then v.payload ->> 'lesson' end as lesson,
					exists (select from livelearn.facts f where f.school = v.school and f.stream = v.stream and f.epoch = v.epoch and f.seq = v.seq) as here
				from livelearn.voided v where v.box = l.box and v.at = l.at) x) v
		where l.id = $1`, id).Scan(&e.ID, &e.School, &e.Box, &e.Since, &e.At, &e.Facts, &e.Undone, &e.Back, &e.Here, &e.Lessons, &e.Letters, &e.Asked)
	switch {
	case isNoRows(err):
		err = errNoVoid("LookUpVoid", id)
	case err == nil && e.Undone != nil:
		err = errUndone("LookUpVoid", id)
	}
	return e, wrapError("LookUpVoid", err)
}

func errNoVoid(op string, id int64) error {
	return errs.NewCode("pg."+op, errs.Missing, "no_void", "there is no void %d", id)
}

func errUndone(op string, id int64) error {
	return errs.NewCode("pg."+op, errs.Stale, "undone", "the void %d was taken back before", id)
}

// UndoVoid takes a void back, and returns the number of facts that count again. The box stays
// revoked. What was erased meanwhile stays erased.
func (s *Store) UndoVoid(ctx context.Context, id int64) (facts int64, err error) {
	err = s.change(ctx, "UndoVoid", Deed{Action: "void taken back"}, func(tx pgx.Tx, d *Deed) error {
		var since time.Time
		var undone bool
		err := tx.QueryRow(ctx, `select s.name, l.box, l.since, l.undone is not null from livelearn.void_list l join livelearn.schools s on s.id = l.school
			where l.id = $1 for update of l`, id).Scan(&d.School, &d.Object, &since, &undone)
		switch {
		case isNoRows(err):
			return errNoVoid("UndoVoid", id)
		case err != nil:
			return err
		case undone:
			return errUndone("UndoVoid", id)
		}
		if _, err := schoolOfBox(ctx, tx, "UndoVoid", d.Object); err != nil && errs.KindOf(err) != errs.Missing { // locks the box, if it is still known
			return err
		}
		err = tx.QueryRow(ctx, `select livelearn.undo_void($1)`, id).Scan(&facts)
		d.Detail = fmt.Sprintf("void %d since %s: %d facts", id, since.UTC().Format(time.RFC3339), facts)
		return err
	})
	return facts, err
}

// AskedErasure is an erasure that a box reported, of a pupil whom other boxes have too.
type AskedErasure struct {
	Pupil, Box string
	Asked      time.Time
}

// AskedErasures lists the erasures that wait for the school, oldest first. ErasePupil confirms one.
func (s *Store) AskedErasures(ctx context.Context, school string) ([]AskedErasure, error) {
	rows, err := s.pool.Query(ctx, `select a.pupil, a.box, a.asked from livelearn.erasures_asked a join livelearn.schools s on s.id = a.school
		where s.name = $1 order by a.asked, a.pupil`, school)
	if err != nil {
		return nil, wrapError("AskedErasures", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AskedErasure])
	return list, wrapError("AskedErasures", err)
}
