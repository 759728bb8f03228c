package pg

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

const (
	maxPupils = 1000
	maxItem   = 8 << 20 // bytes of an object
)

// AddSchool adds a tenant. What it allows is told to its boxes.
func (s *Store) AddSchool(ctx context.Context, name string, p cloud.Policy) error {
	if name == "" || len(name) > maxName || clean(name) != name {
		return errs.Field("pg.AddSchool", "name", "bad_name", maxName, "must be a name of 1 to %d bytes", maxName)
	}
	return s.within(ctx, "AddSchool", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into livelearn.schools (name) values ($1) on conflict do nothing`, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = errs.Field("pg.AddSchool", "name", "taken", 0, "there is a school of this name")
		}
		if err != nil {
			return err
		}
		return setPolicy(ctx, tx, name, p)
	})
}

// Schools lists the tenants by name.
func (s *Store) Schools(ctx context.Context) ([]School, error) {
	rows, err := s.pool.Query(ctx, `select s.name, s.policy, s.chat_days, s.results_days, (select count(*) from livelearn.boxes b where b.school = s.id), s.created
		from livelearn.schools s order by s.name`)
	if err != nil {
		return nil, fault("Schools", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[School])
	return list, fault("Schools", err)
}

// SetPolicy changes what may leave a school's boxes, and tells them.
func (s *Store) SetPolicy(ctx context.Context, school string, p cloud.Policy) error {
	return s.within(ctx, "SetPolicy", func(tx pgx.Tx) error { return setPolicy(ctx, tx, school, p) })
}

func setPolicy(ctx context.Context, tx pgx.Tx, school string, p cloud.Policy) error {
	var id int
	err := tx.QueryRow(ctx, `update livelearn.schools set policy = $2 where name = $1 returning id`, school, p).Scan(&id)
	if none(err) {
		return noSchool("SetPolicy", school)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `select livelearn.put_item($1, 'policy', 'policy', $2, false)`, id, p)
	}
	return err
}

// SetDays changes for how many days a school's facts are kept.
func (s *Store) SetDays(ctx context.Context, school string, chat, results int) error {
	const most = 36500
	if chat < 1 || chat > most || results < 1 || results > most {
		return errs.Field("pg.SetDays", "days", "bad_days", most, "must be 1 to %d", most)
	}
	tag, err := s.pool.Exec(ctx, `update livelearn.schools set chat_days = $2, results_days = $3 where name = $1`, school, chat, results)
	if err == nil && tag.RowsAffected() == 0 {
		err = noSchool("SetDays", school)
	}
	return fault("SetDays", err)
}

// PutItem puts a class or a quiz on the school's list in a new version, or takes it off.
// The same again changes nothing.
func (s *Store) PutItem(ctx context.Context, school, kind, id string, data json.RawMessage, gone bool) (n uint64, err error) {
	if id == "" || len(id) > maxName || clean(id) != id {
		return 0, errs.Field("pg.PutItem", "id", "bad_id", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	if data, err = checked(kind, data, gone); err != nil {
		return 0, err
	}
	var at int64
	err = s.pool.QueryRow(ctx, `select livelearn.put_item(id, $2, $3, $4, $5) from livelearn.schools where name = $1`, school, kind, id, data, gone).Scan(&at)
	if none(err) {
		err = noSchool("PutItem", school)
	}
	return uint64(at), fault("PutItem", err)
}

// checked is an object as boxes take it.
func checked(kind string, data json.RawMessage, gone bool) (json.RawMessage, error) {
	const op = "pg.PutItem"
	if len(data) > maxItem {
		return nil, errs.Field(op, "data", "too_long", maxItem, "at most %d bytes", maxItem)
	}
	switch kind {
	case cloud.ItemClass:
		if gone {
			return nil, nil
		}
		return class(op, data)
	case cloud.ItemQuiz:
		if gone {
			return nil, nil
		}
		return quiz(op, data)
	}
	return nil, errs.Field(op, "kind", "unknown", 0, "must be %q or %q", cloud.ItemClass, cloud.ItemQuiz)
}

// strictly reads JSON that has no fields beside those of v.
func strictly(op string, data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errs.Field(op, "data", "bad_json", 0, "%w", err)
	}
	return nil
}

func class(op string, data []byte) (json.RawMessage, error) {
	var c cloud.Class
	if err := strictly(op, data, &c); err != nil {
		return nil, err
	}
	if c.Name == "" || len(c.Name) > maxName || clean(c.Name) != c.Name {
		return nil, errs.Field(op, "name", "bad_name", maxName, "must be a name of 1 to %d bytes", maxName)
	}
	if len(c.Pupils) > maxPupils {
		return nil, errs.Field(op, "pupils", "too_many", maxPupils, "%d pupils, at most %d", len(c.Pupils), maxPupils)
	}
	if c.Pupils == nil {
		c.Pupils = []cloud.Pupil{}
	}
	taken := map[string]bool{}
	for _, p := range c.Pupils {
		switch {
		case p.ID == "" || len(p.ID) > maxName || clean(p.ID) != p.ID || taken[p.ID]:
			return nil, errs.Field(op, "pupils.id", "bad_id", maxName, "pupil %q: must have an id of its own, of 1 to %d bytes", p.ID, maxName)
		case p.Name == "" || len(p.Name) > maxName || clean(p.Name) != p.Name:
			return nil, errs.Field(op, "pupils.name", "bad_name", maxName, "pupil %q: must have a name of 1 to %d bytes", p.ID, maxName)
		case p.Time != 0 && (p.Time < 1 || p.Time > 3):
			return nil, errs.Field(op, "pupils.time", "bad_time", 3, "pupil %q: must be 1 to 3 times as long", p.ID)
		}
		taken[p.ID] = true
	}
	return json.Marshal(c)
}

func quiz(op string, data []byte) (json.RawMessage, error) {
	var q item.Quiz
	if err := strictly(op, data, &q); err != nil {
		return nil, err
	}
	if err := q.Normalise(op); err != nil {
		return nil, err
	}
	return json.Marshal(q)
}

// Items lists what the school's boxes are told, oldest change first.
func (s *Store) Items(ctx context.Context, school string) ([]cloud.Item, error) {
	rows, err := s.pool.Query(ctx, `select d.n, d.kind, d.id, d.version, d.gone, d.data from livelearn.down d
		join livelearn.schools s on s.id = d.school where s.name = $1 order by d.n`, school)
	if err != nil {
		return nil, fault("Items", err)
	}
	list, err := itemsOf(rows)
	return list, fault("Items", err)
}

func itemsOf(rows pgx.Rows) ([]cloud.Item, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (cloud.Item, error) {
		var i cloud.Item
		var n int64
		var data []byte
		err := row.Scan(&n, &i.Kind, &i.ID, &i.Version, &i.Gone, &data)
		i.N, i.Data = uint64(n), data
		return i, err
	})
}

// Erase forgets a pupil, here and on all boxes of the school.
func (s *Store) Erase(ctx context.Context, school, pupil string) error {
	if pupil == "" || len(pupil) > maxName || clean(pupil) != pupil {
		return errs.Field("pg.Erase", "pupil", "bad_id", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	var done *bool
	err := s.pool.QueryRow(ctx, `select case when livelearn.nameable($2) then livelearn.erase_pupil(id, $2) end from livelearn.schools where name = $1`, school, pupil).Scan(&done)
	if none(err) {
		err = noSchool("Erase", school)
	}
	if err == nil && done == nil {
		err = errs.Field("pg.Erase", "pupil", "bad_id", 0, "%q is nobody's id", pupil)
	}
	return fault("Erase", err)
}

// Retain empties what is older than the schools keep, drops months in which nothing is
// left, and makes the months to come. n is the facts it emptied.
func (s *Store) Retain(ctx context.Context, now time.Time) (n int64, err error) {
	err = s.pool.QueryRow(ctx, `select livelearn.retain($1)`, now).Scan(&n)
	return n, fault("Retain", err)
}
