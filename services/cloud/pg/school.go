package pg

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

const (
	maxPupils = 1000
	maxItem   = 8 << 20 // bytes of an object
	auditDays = 730     // for which the audit log is kept
)

// AddSchool adds a tenant. Its boxes receive the policy.
func (s *Store) AddSchool(ctx context.Context, name string, p cloud.Policy) error {
	if name == "" || len(name) > maxName || cleanText(name) != name {
		return errs.NewField("pg.AddSchool", "name", "bad_name", maxName, "must be a name of 1 to %d bytes", maxName)
	}
	return s.change(ctx, "AddSchool", Deed{School: name, Action: "school added"}, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `insert into livelearn.schools (name) values ($1) on conflict do nothing`, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = errs.NewField("pg.AddSchool", "name", "taken", 0, "there is a school of this name")
		}
		if err != nil {
			return err
		}
		return setPolicy(ctx, tx, name, p)
	})
}

// Schools returns the tenants by name.
func (s *Store) Schools(ctx context.Context) ([]School, error) {
	rows, err := s.pool.Query(ctx, `select s.name, s.policy, s.chat_days, s.results_days, (select count(*) from livelearn.boxes b where b.school = s.id), s.created, s.silent_hours
		from livelearn.schools s order by s.name`)
	if err != nil {
		return nil, wrapError("Schools", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[School])
	return list, wrapError("Schools", err)
}

// FindSchool returns nil if the school exists, or errs.Missing (no_school).
func (s *Store) FindSchool(ctx context.Context, name string) error {
	var found bool
	err := s.pool.QueryRow(ctx, `select exists (select from livelearn.schools where name = $1)`, cleanText(name)).Scan(&found)
	if err == nil && !found {
		err = errNoSchool("FindSchool", name)
	}
	return wrapError("FindSchool", err)
}

// SetPolicy changes which data may leave a school's boxes, and sends it to them.
func (s *Store) SetPolicy(ctx context.Context, school string, p cloud.Policy) error {
	d := Deed{School: school, Action: "policy set", Detail: fmt.Sprintf("names %t, chats %t", p.Names, p.Chat)}
	return s.change(ctx, "SetPolicy", d, func(tx pgx.Tx, _ *Deed) error { return setPolicy(ctx, tx, school, p) })
}

func setPolicy(ctx context.Context, tx pgx.Tx, school string, p cloud.Policy) error {
	var id int
	err := tx.QueryRow(ctx, `update livelearn.schools set policy = $2 where name = $1 returning id`, school, p).Scan(&id)
	if isNoRows(err) {
		return errNoSchool("SetPolicy", school)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `select livelearn.put_item($1, 'policy', 'policy', $2, false)`, id, p)
	}
	return err
}

// SetDays sets the retention of a school's facts in days.
func (s *Store) SetDays(ctx context.Context, school string, chat, results int) error {
	const most = 36500
	if chat < 1 || chat > most || results < 1 || results > most {
		return errs.NewField("pg.SetDays", "days", "bad_days", most, "must be 1 to %d", most)
	}
	d := Deed{School: school, Action: "retention set", Detail: fmt.Sprintf("chats %d days, results %d days", chat, results)}
	return s.change(ctx, "SetDays", d, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `update livelearn.schools set chat_days = $2, results_days = $3 where name = $1`, school, chat, results)
		if err == nil && tag.RowsAffected() == 0 {
			err = errNoSchool("SetDays", school)
		}
		return err
	})
}

// SetSilentHours sets after how many hours without contact a box of a school counts as silent.
func (s *Store) SetSilentHours(ctx context.Context, school string, hours int) error {
	const most = 8760
	if hours < 1 || hours > most {
		return errs.NewField("pg.SetSilentHours", "hours", "bad_hours", most, "must be 1 to %d", most)
	}
	d := Deed{School: school, Action: "alert set", Detail: fmt.Sprintf("silent after %d hours", hours)}
	return s.change(ctx, "SetSilentHours", d, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `update livelearn.schools set silent_hours = $2 where name = $1`, school, hours)
		if err == nil && tag.RowsAffected() == 0 {
			err = errNoSchool("SetSilentHours", school)
		}
		return err
	})
}

// PutItem puts a class or a quiz on the school's list as a new version, or removes it. Putting the
// same object again changes nothing.
func (s *Store) PutItem(ctx context.Context, school, kind, id string, data json.RawMessage, gone bool) (n uint64, err error) {
	if id == "" || len(id) > maxName || cleanText(id) != id {
		return 0, errs.NewField("pg.PutItem", "id", "bad_id", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	if data, err = checkItem(kind, data, gone); err != nil {
		return 0, err
	}
	var at int64
	d := Deed{School: school, Action: kind + map[bool]string{false: " sent", true: " withdrawn"}[gone], Object: id}
	err = s.change(ctx, "PutItem", d, func(tx pgx.Tx, _ *Deed) error {
		err := tx.QueryRow(ctx, `select livelearn.put_item(id, $2, $3, $4, $5) from livelearn.schools where name = $1`, school, kind, id, data, gone).Scan(&at)
		if isNoRows(err) {
			err = errNoSchool("PutItem", school)
		}
		return err
	})
	return uint64(at), err
}

// checkItem checks an object and returns it as boxes receive it.
func checkItem(kind string, data json.RawMessage, gone bool) (json.RawMessage, error) {
	const op = "pg.PutItem"
	if len(data) > maxItem {
		return nil, errs.NewField(op, "data", "too_long", maxItem, "at most %d bytes", maxItem)
	}
	switch kind {
	case cloud.ItemClass:
		if gone {
			return nil, nil
		}
		return checkClass(op, data)
	case cloud.ItemQuiz:
		if gone {
			return nil, nil
		}
		return checkQuiz(op, data)
	}
	return nil, errs.NewField(op, "kind", "unknown", 0, "must be %q or %q", cloud.ItemClass, cloud.ItemQuiz)
}

// decodeStrict decodes JSON and refuses fields that v does not have.
func decodeStrict(op string, data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errs.NewField(op, "data", "bad_json", 0, "%w", err)
	}
	return nil
}

func checkClass(op string, data []byte) (json.RawMessage, error) {
	var c cloud.Class
	if err := decodeStrict(op, data, &c); err != nil {
		return nil, err
	}
	if c.Name == "" || len(c.Name) > maxName || cleanText(c.Name) != c.Name {
		return nil, errs.NewField(op, "name", "bad_name", maxName, "must be a name of 1 to %d bytes", maxName)
	}
	if len(c.Pupils) > maxPupils {
		return nil, errs.NewField(op, "pupils", "too_many", maxPupils, "%d pupils, at most %d", len(c.Pupils), maxPupils)
	}
	if c.Pupils == nil {
		c.Pupils = []cloud.Pupil{}
	}
	taken := map[string]bool{}
	for _, p := range c.Pupils {
		switch {
		case p.ID == "" || len(p.ID) > maxName || cleanText(p.ID) != p.ID || taken[p.ID]:
			return nil, errs.NewField(op, "pupils.id", "bad_id", maxName, "pupil %q: must have a unique id of 1 to %d bytes", p.ID, maxName)
		case p.Name == "" || len(p.Name) > maxName || cleanText(p.Name) != p.Name:
			return nil, errs.NewField(op, "pupils.name", "bad_name", maxName, "pupil %q: must have a name of 1 to %d bytes", p.ID, maxName)
		case p.Time != 0 && (p.Time < 1 || p.Time > 3):
			return nil, errs.NewField(op, "pupils.time", "bad_time", 3, "pupil %q: must be 1 to 3 times as long", p.ID)
		}
		taken[p.ID] = true
	}
	return json.Marshal(c)
}

func checkQuiz(op string, data []byte) (json.RawMessage, error) {
	var q item.Quiz
	if err := decodeStrict(op, data, &q); err != nil {
		return nil, err
	}
	if err := q.Normalise(op); err != nil {
		return nil, err
	}
	return json.Marshal(q)
}

// Items returns the items for the school's boxes, oldest change first.
func (s *Store) Items(ctx context.Context, school string) ([]cloud.Item, error) {
	rows, err := s.pool.Query(ctx, `select d.n, d.kind, d.id, d.version, d.gone, d.data from livelearn.down d
		join livelearn.schools s on s.id = d.school where s.name = $1 order by d.n`, school)
	if err != nil {
		return nil, wrapError("Items", err)
	}
	list, err := collectItems(rows)
	return list, wrapError("Items", err)
}

func collectItems(rows pgx.Rows) ([]cloud.Item, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (cloud.Item, error) {
		var i cloud.Item
		var n int64
		var data []byte
		err := row.Scan(&n, &i.Kind, &i.ID, &i.Version, &i.Gone, &data)
		i.N, i.Data = uint64(n), data
		return i, err
	})
}

// ErasePupil forgets a pupil in the database and on all boxes of the school.
func (s *Store) ErasePupil(ctx context.Context, school, pupil string) error {
	if pupil == "" || len(pupil) > maxName || cleanText(pupil) != pupil {
		return errs.NewField("pg.ErasePupil", "pupil", "bad_id", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	// The entry has no id, because nothing but the list of the erased may name the pupil.
	return s.change(ctx, "ErasePupil", Deed{School: school, Action: "pupil erased"}, func(tx pgx.Tx, _ *Deed) error {
		var done *bool
		err := tx.QueryRow(ctx, `select case when livelearn.nameable($2) then livelearn.erase_pupil(id, $2) end from livelearn.schools where name = $1`, school, pupil).Scan(&done)
		if isNoRows(err) {
			err = errNoSchool("ErasePupil", school)
		}
		if err == nil && done == nil {
			err = errs.NewField("pg.ErasePupil", "pupil", "bad_id", 0, "%q is not a pupil's id", pupil)
		}
		return err
	})
}

// FindPupil returns nil if the school's facts or lists name the pupil, or if the pupil was erased.
// Else it returns errs.Missing (no_pupil).
func (s *Store) FindPupil(ctx context.Context, school, pupil string) error {
	var found bool
	err := s.pool.QueryRow(ctx, `select exists (select from livelearn.erased e where e.school = s.id and e.pupil = $2)
			or exists (select from livelearn.facts f where f.school = s.id and f.author = $2 and $2 not like 't\_%')
			or exists (select from livelearn.facts f, jsonb_path_query(f.payload, '$.pupils[*]') p
				where f.school = s.id and f.kind in ('class.listed', 'lesson.graded') and $2 in (p ->> 'id', p ->> 'pupil'))
		from livelearn.schools s where s.name = $1`, cleanText(school), cleanText(pupil)).Scan(&found)
	switch {
	case isNoRows(err):
		err = errNoSchool("FindPupil", school)
	case err == nil && !found:
		err = errs.NewCode("pg.FindPupil", errs.Missing, "no_pupil", "%s has no pupil with the id %q", school, pupil)
	}
	return wrapError("FindPupil", err)
}

// Retain empties facts older than the schools keep them, drops empty months, and creates the
// coming months. n is the number of facts that it emptied. The audit log is kept for two years.
func (s *Store) Retain(ctx context.Context, now time.Time) (n int64, err error) {
	if err = s.pool.QueryRow(ctx, `select livelearn.retain($1)`, now).Scan(&n); err == nil {
		_, err = s.pool.Exec(ctx, `delete from livelearn.operator_sessions where expires < now()`)
	}
	if err == nil {
		_, err = s.pool.Exec(ctx, `delete from livelearn.audit where at < $1::timestamptz - make_interval(days => $2)`, now, auditDays)
	}
	return n, wrapError("Retain", err)
}
