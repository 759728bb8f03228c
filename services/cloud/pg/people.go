package pg

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

// Boxes returns a school's boxes by name. An empty school means all.
func (s *Store) Boxes(ctx context.Context, school string) ([]BoxState, error) {
	rows, err := s.pool.Query(ctx, `select box, name, school, version, direct, enrolled, seen, revoked, position, watermark, behind, facts, dead, past,
			own_name, silent_hours, case when report ->> 'worst' in ('ok', 'warn', 'fail') then report ->> 'worst' else '' end, report -> 'checks', reported
		from livelearn.boxes_seen where $1 = '' or school = $1 order by school, name, box`, school)
	if err != nil {
		return nil, wrapError("Boxes", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[BoxState])
	return list, wrapError("Boxes", err)
}

// DeadLetters returns the open dead letters, newest first, at most cloud.MaxDead. An empty school
// or box means all.
func (s *Store) DeadLetters(ctx context.Context, school, box string) ([]DeadLetter, error) {
	rows, err := s.pool.Query(ctx, `select incarnation, pos, stream, epoch, seq, kind, code, text, floor(extract(epoch from at) * 1000)::bigint, school, box, body
		from livelearn.dead where resolved is null and ($1 = '' or school = $1) and ($2 = '' or box = $2) order by id desc limit $3`, school, box, cloud.MaxDead)
	if err != nil {
		return nil, wrapError("DeadLetters", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (DeadLetter, error) {
		var d DeadLetter
		var incarnation int64
		err := row.Scan(&incarnation, &d.Pos, &d.Stream, &d.Epoch, &d.Seq, &d.Kind, &d.Code, &d.Text, &d.At, &d.School, &d.Box, &d.Body)
		d.Incarnation = uint64(incarnation)
		return d, err
	})
	return list, wrapError("DeadLetters", err)
}

// NewToken makes a token for a program or a person and returns it. The database stores its hash
// only. An empty school means all.
func (s *Store) NewToken(ctx context.Context, name, school string, may ...string) (string, error) {
	if name == "" || len(name) > maxName || cleanText(name) != name {
		return "", errs.NewField("pg.NewToken", "name", "bad_name", maxName, "must be a name of 1 to %d bytes", maxName)
	}
	for _, m := range may {
		if !slices.Contains([]string{MayRead, MayXAPI, MayAdmin}, m) {
			return "", errs.NewField("pg.NewToken", "may", "unknown", 0, "%q is not a right of tokens", m)
		}
	}
	token := "llt_" + rand.Text()
	d := Deed{School: school, Action: "token made", Object: name, Detail: strings.Join(may, ", ")}
	err := s.change(ctx, "NewToken", d, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `insert into livelearn.tokens (hash, name, school, may)
			select $1, $2, s.id, $4 from (select 1) one left join livelearn.schools s on s.name = $3 where $3 = '' or s.id is not null`,
			hashSecret(token), name, school, may)
		if err == nil && tag.RowsAffected() == 0 {
			err = errNoSchool("NewToken", school)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// CheckToken returns the rights of a token, or errs.Denied (CodeBadToken) if it has none.
func (s *Store) CheckToken(ctx context.Context, token string) (Grant, error) {
	var g Grant
	err := s.pool.QueryRow(ctx, `select t.name, coalesce(s.name, ''), t.may from livelearn.tokens t left join livelearn.schools s on s.id = t.school
		where t.hash = $1 and t.revoked is null`, hashSecret(token)).Scan(&g.Name, &g.School, &g.May)
	if isNoRows(err) {
		err = errs.NewCode("pg.CheckToken", errs.Denied, CodeBadToken, "the token was revoked or is unknown")
	}
	return g, wrapError("CheckToken", err)
}

// RevokeToken deletes all tokens of that name.
func (s *Store) RevokeToken(ctx context.Context, name string) error {
	return s.change(ctx, "RevokeToken", Deed{Action: "token revoked", Object: name}, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `update livelearn.tokens set revoked = now() where name = $1 and revoked is null`, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = errs.NewCode("pg.RevokeToken", errs.Missing, "no_token", "there is no token %q", name)
		}
		return err
	})
}

// SharedSecret returns 32 random bytes that all nodes share. The first call makes them.
func (s *Store) SharedSecret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	var value []byte
	err := s.inTx(ctx, "SharedSecret", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into livelearn.secrets (name, value) values ($1, $2) on conflict do nothing`, name, fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select value from livelearn.secrets where name = $1`, name).Scan(&value)
	})
	return value, err
}
