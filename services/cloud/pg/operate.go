package pg

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/livelearn/box/services/errs"
)

// This file has what an operator does to schools, boxes, codes and tokens.

// Token is a token without its secret.
type Token struct {
	Name    string    `json:"name"`
	School  string    `json:"school,omitempty"` // empty means all
	May     []string  `json:"may"`
	Created time.Time `json:"created"`
}

// Code is a code of enrolment without its secret.
type Code struct {
	ID      string     `json:"id"` // of its hash
	School  string     `json:"school"`
	Expires time.Time  `json:"expires"`
	Used    *time.Time `json:"used,omitempty"`
	Box     string     `json:"box,omitempty"` // that used it
}

// Found counts what the database has of a pupil.
type Found struct {
	Names   []string // newest last
	Lessons int
	Facts   int
}

// Tokens returns the tokens that open something, by name.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.pool.Query(ctx, `select t.name, coalesce(s.name, ''), t.may, t.created from livelearn.tokens t
		left join livelearn.schools s on s.id = t.school where t.revoked is null order by t.name, t.created`)
	if err != nil {
		return nil, wrapError("Tokens", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Token])
	return list, wrapError("Tokens", err)
}

// Codes returns the codes of a school, or of all, newest first.
func (s *Store) Codes(ctx context.Context, school string) ([]Code, error) {
	rows, err := s.pool.Query(ctx, `select c.hash, s.name, c.expires, c.used, coalesce(c.box, '') from livelearn.codes c
		join livelearn.schools s on s.id = c.school where $1 = '' or s.name = $1 order by c.expires desc`, school)
	if err != nil {
		return nil, wrapError("Codes", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Code, err error) {
		var hash []byte
		err = row.Scan(&hash, &c.School, &c.Expires, &c.Used, &c.Box)
		c.ID = hex.EncodeToString(hash[:min(len(hash), 6)])
		return c, err
	})
	return list, wrapError("Codes", err)
}

// LookUpPupil returns what the school has of a pupil. It returns errs.Missing (no_pupil) as
// FindPupil does.
func (s *Store) LookUpPupil(ctx context.Context, school, pupil string) (f Found, err error) {
	if err := s.FindPupil(ctx, school, pupil); err != nil {
		return f, err
	}
	err = s.pool.QueryRow(ctx, `select array(select distinct n.name from livelearn.name_rows n where n.school = s.id and n.pupil = $2 and n.name <> ''),
			(select count(*) from livelearn.mark_rows m where m.school = s.id and m.pupil = $2), (select count(*) from livelearn.facts f where f.school = s.id and f.author = $2)
		from livelearn.schools s where s.name = $1`, cleanText(school), cleanText(pupil)).Scan(&f.Names, &f.Lessons, &f.Facts)
	return f, wrapError("LookUpPupil", err)
}

// MatchPupil decides that a pupil of a box is a person of the school's list. An empty person takes
// the decision back.
func (s *Store) MatchPupil(ctx context.Context, school, pupil, person string) error {
	if len(person) > maxName || cleanText(person) != person {
		return errs.NewField("pg.MatchPupil", "person", "bad_id", maxName, "must be an id of 1 to %d bytes", maxName)
	}
	if err := s.FindPupil(ctx, school, pupil); err != nil {
		return err
	}
	sql := `insert into livelearn.matches (school, pupil, person) select id, $2, $3 from livelearn.schools where name = $1
		on conflict (school, pupil) do update set person = excluded.person`
	args := []any{school, pupil, person}
	if person == "" {
		sql, args = `delete from livelearn.matches m using livelearn.schools s where s.name = $1 and m.school = s.id and m.pupil = $2`, args[:2]
	}
	return s.change(ctx, "MatchPupil", Deed{School: school, Action: "pupil matched"}, func(tx pgx.Tx, _ *Deed) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

// RenameSchool gives a school another name. Its boxes show it from their next request on.
func (s *Store) RenameSchool(ctx context.Context, school, name string) error {
	if name == "" || len(name) > maxName || cleanText(name) != name {
		return errs.NewField("pg.RenameSchool", "name", "bad_name", maxName, "must be a name of 1 to %d bytes", maxName)
	}
	return s.change(ctx, "RenameSchool", Deed{School: name, Action: "school renamed", Object: school, Detail: name}, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `update livelearn.schools set name = $2 where name = $1`, school, name)
		if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.Code == "23505" {
			return errs.NewField("pg.RenameSchool", "name", "taken", 0, "there is a school of this name")
		}
		if err == nil && tag.RowsAffected() == 0 {
			err = errNoSchool("RenameSchool", school)
		}
		return err
	})
}

// schoolTables have a column with the number of the school.
var schoolTables = []string{
	"facts", "mark_rows", "week_rows", "item_rows", "lesson_rows", "class_rows", "name_rows", "people", "matches", "arrivals", "streams", "anchors", "owners", "erased",
	"down", "dead_letters", "codes", "tokens", "operators", "erasures_asked", "voided", "voided_asked", "void_list", "pushes",
}

// RemoveSchool deletes a school, its boxes and all of their data here.
func (s *Store) RemoveSchool(ctx context.Context, school string) error {
	return s.change(ctx, "RemoveSchool", Deed{School: school, Action: "school removed", Object: school}, func(tx pgx.Tx, _ *Deed) error {
		var id int
		err := tx.QueryRow(ctx, `select id from livelearn.schools where name = $1 for update`, school).Scan(&id)
		if isNoRows(err) {
			return errNoSchool("RemoveSchool", school)
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select id from livelearn.boxes where school = $1`, id)
		if err != nil {
			return err
		}
		boxes, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, table := range schoolTables {
			if _, err := tx.Exec(ctx, `delete from livelearn.`+table+` where school = $1`, id); err != nil {
				return err
			}
		}
		for _, box := range boxes {
			if err := deleteBox(ctx, tx, box); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `delete from livelearn.schools where id = $1`, id)
		return err
	})
}

// RemoveBox forgets a box. The facts that it brought stay with the school. If the box is enrolled
// again, it sends its facts again, and those that are here stay.
func (s *Store) RemoveBox(ctx context.Context, box string) error {
	return s.change(ctx, "RemoveBox", Deed{Action: "box removed", Object: box}, func(tx pgx.Tx, d *Deed) (err error) {
		if d.School, err = schoolOfBox(ctx, tx, "RemoveBox", box); err != nil {
			return err
		}
		return deleteBox(ctx, tx, cleanText(box))
	})
}

// RenameBox gives a box a name on the pages and in the lists of the cloud. An empty name takes it
// back, so that the box has the name again that it reports. The box itself does not learn of it.
func (s *Store) RenameBox(ctx context.Context, box, name string) error {
	if len(name) > maxName || cleanText(name) != name {
		return errs.NewField("pg.RenameBox", "name", "too_long", maxName, "at most %d bytes", maxName)
	}
	return s.change(ctx, "RenameBox", Deed{Action: "box renamed", Object: box, Detail: name}, func(tx pgx.Tx, d *Deed) (err error) {
		if d.School, err = schoolOfBox(ctx, tx, "RenameBox", box); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update livelearn.boxes set label = $2 where id = $1`, cleanText(box), name)
		return err
	})
}

func deleteBox(ctx context.Context, tx pgx.Tx, box string) error {
	var login *string
	err := tx.QueryRow(ctx, `select login from livelearn.boxes where id = $1 for update`, box).Scan(&login)
	if isNoRows(err) {
		return errs.NewCode("pg.RemoveBox", errs.Missing, "no_box", "there is no box %q", box)
	}
	if err != nil {
		return err
	}
	for _, sql := range []string{`delete from livelearn.dead_letters where box = $1`, `delete from livelearn.watermarks where box = $1`, `delete from livelearn.boxes where id = $1`} {
		if _, err := tx.Exec(ctx, sql, box); err != nil {
			return err
		}
	}
	if login != nil {
		_, err = tx.Exec(ctx, "drop role if exists "+pgx.Identifier{*login}.Sanitize())
	}
	return err
}

// MoveBox gives a box to another school. What it brought stays with the school that it was in.
// What it brings from now on goes to the new one, whose lists and quizzes it gets.
func (s *Store) MoveBox(ctx context.Context, box, school string) error {
	return s.change(ctx, "MoveBox", Deed{Action: "box moved here", Object: box}, func(tx pgx.Tx, d *Deed) error {
		d.School = school
		var to, from int
		var left string
		err := tx.QueryRow(ctx, `select id from livelearn.schools where name = $1 for update`, school).Scan(&to)
		if isNoRows(err) {
			return errNoSchool("MoveBox", school)
		}
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `select b.school, s.name from livelearn.boxes b join livelearn.schools s on s.id = b.school where b.id = $1 for update of b`, cleanText(box)).Scan(&from, &left)
		if isNoRows(err) {
			return errs.NewCode("pg.MoveBox", errs.Missing, "no_box", "there is no box %q", box)
		}
		if err != nil || from == to {
			return err
		}
		// The box asks for items after the last number that it has, which is of the old school. So the
		// items of the new one get higher numbers.
		if _, err := tx.Exec(ctx, `update livelearn.down d set n = d.n + o.down_n + s.down_n from livelearn.schools s, livelearn.schools o
			where d.school = $1 and s.id = $1 and o.id = $2`, to, from); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update livelearn.schools s set down_n = 2 * s.down_n + o.down_n from livelearn.schools o where s.id = $1 and o.id = $2`, to, from); err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, `update livelearn.boxes set school = $2 where id = $1`, cleanText(box), to); err != nil {
			return err
		}
		return record(ctx, tx, "MoveBox", Deed{School: left, Action: "box moved away", Object: box, Detail: "to " + school})
	})
}

// ExplainError returns what an operator can do about an error of the database, or "" for an error
// of another kind. It contains no password.
func ExplainError(err error) string {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if errs.KindOf(err) == errs.Down && errs.BodyOf(err).Code == "" {
			return "the database does not answer: check its host, its port and the network"
		}
		return ""
	}
	switch answer.Code {
	case "28P01", "28000":
		return "the database refuses the login: check the name and the password"
	case "3D000":
		return "the server has no such database: create it, or correct its name"
	case "42501":
		return "the login lacks a right: livelearn cloud init --print-sql lists what an administrator has to run"
	case "53100":
		return "the database is full: its disk has no space left"
	case "53300":
		return "the database has no free connection: raise max_connections, or put pgbouncer before it"
	case "25006":
		return "the database only reads: it is a replica, or read-only by its settings"
	case "57P03":
		return "the database is starting or stopping: try again soon"
	case "42P01", "42703", "42883", "3F000":
		return "the database has an older schema: run livelearn cloud init"
	case "26000", "42P05", "08P01":
		return "a pooler changes connections between statements: add default_query_exec_mode=cache_describe to the address of the database"
	}
	return ""
}

// InitSQL returns what an administrator of a server runs once, so that the login role can do
// everything else without further rights.
func InitSQL(role, database string) string {
	r, d := pgx.Identifier{role}.Sanitize(), pgx.Identifier{database}.Sanitize()
	return `-- Run by an administrator of the server, with psql.
do $$ begin
	if not exists (select from pg_roles where rolname = 'livelearn_box') then create role livelearn_box nologin; end if;
	if not exists (select from pg_roles where rolname = 'livelearn_read') then create role livelearn_read nologin; end if;
end $$;
create role ` + r + ` login; -- then: \password ` + role + `
create database ` + d + ` owner ` + r + ` encoding 'UTF8' template template0;
-- Only for livelearn cloud direct, which makes a login for a box:
-- alter role ` + r + ` createrole; grant livelearn_box to ` + r + ` with admin option;
`
}

// checkEncoding refuses a database that cannot hold all texts.
func (s *Store) checkEncoding(ctx context.Context) error {
	var encoding string
	if err := s.pool.QueryRow(ctx, `show server_encoding`).Scan(&encoding); err != nil {
		return wrapError("Migrate", err)
	}
	if encoding != "UTF8" {
		return errs.NewCode("pg.Migrate", errs.Invalid, "bad_encoding",
			"the database has the encoding %s, which lacks letters of many names: create one with encoding 'UTF8' template template0", encoding)
	}
	return nil
}

// noteSpace remembers whether a batch found the database full.
func (s *Store) noteSpace(err error) {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if err == nil || ok {
		s.full.Store(ok && answer.Code == "53100")
	}
}

// checkWritable checks that the database takes data. After it was full it writes a page, and keeps
// nothing of it.
func (s *Store) checkWritable(ctx context.Context) error {
	var readOnly bool
	if err := s.pool.QueryRow(ctx, `select current_setting('transaction_read_only')::bool`).Scan(&readOnly); err != nil {
		return wrapError("CheckReady", err)
	}
	if readOnly {
		return errs.NewCode("pg.CheckReady", errs.Down, "read_only", "the database only reads")
	}
	if !s.full.Load() {
		return nil
	}
	probe := errors.New("undo")
	err := s.inTx(ctx, "CheckReady", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into livelearn.dead_letters (school, box, incarnation, pos, stream, epoch, seq, boot, mono, kind, code, text, body)
			select b.school, b.id, 0, 0, 'probe', 0, 0, 0, 0, 'probe', 'probe', '', convert_to(string_agg(md5(random()::text), ''), 'UTF8')
			from (select * from livelearn.boxes limit 1) b, generate_series(1, 1000) group by 1, 2`); err != nil {
			return err
		}
		return probe
	})
	if errors.Is(err, probe) {
		s.full.Store(false)
		return nil
	}
	return err
}
