package pg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// VoidBox takes out of all views what a box said from a time on. It returns the number of facts.
// They stay in livelearn.voided. The time is that of the arrival here.
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
