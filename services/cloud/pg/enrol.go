package pg

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

const (
	codeLen  = 20 // characters of 5 bits
	codeLife = 7 * 24 * time.Hour
	maxName  = 255
)

// NewCode makes a one-time code with which a box becomes the school's within 7 days.
func (s *Store) NewCode(ctx context.Context, school string) (string, error) {
	code := rand.Text()[:codeLen]
	tag, err := s.pool.Exec(ctx, `insert into livelearn.codes (hash, school, expires) select $1, id, now() + $2 from livelearn.schools where name = $3`,
		hash(code), codeLife, school)
	if err == nil && tag.RowsAffected() == 0 {
		err = noSchool("NewCode", school)
	}
	if err != nil {
		return "", fault("NewCode", err)
	}
	return code, nil
}

// hash is all that is kept of a code or a token. Both are random and long, so a plain hash
// cannot be searched.
func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func noSchool(op, name string) error {
	return errs.Code("pg."+op, errs.Missing, "no_school", "there is no school %q", name)
}

// typed is a code as it was made, from what people type.
func typed(code string) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(code))
}

// Enrol makes a box the school's that gave the code, and tells which that is. A box that
// the school has gets its new key, and may again if it was revoked.
func (s *Store) Enrol(ctx context.Context, e Enrolment) (school string, err error) {
	switch {
	case e.Box == "" || len(e.Box) > maxName || clean(e.Box) != e.Box:
		return "", errs.Field("pg.Enrol", "box", "bad_box", maxName, "must be an id of 1 to %d bytes", maxName)
	case len(e.Key) != ed25519.PublicKeySize:
		return "", errs.Field("pg.Enrol", "key", "bad_key", ed25519.PublicKeySize, "must be a public key of %d bytes", ed25519.PublicKeySize)
	case len(e.Name) > maxName || len(e.Version) > maxName:
		return "", errs.Field("pg.Enrol", "name", "too_long", maxName, "at most %d bytes", maxName)
	}
	err = s.within(ctx, "Enrol", func(tx pgx.Tx) error {
		var id int
		err := tx.QueryRow(ctx, `update livelearn.codes c set used = now(), box = $2 from livelearn.schools s
			where c.hash = $1 and c.used is null and c.expires > now() and s.id = c.school returning s.id, s.name`,
			hash(typed(e.Code)), e.Box).Scan(&id, &school)
		if none(err) {
			return errs.Code("pg.Enrol", errs.Denied, CodeBadCode, "the code was used, is too old, or never was one")
		}
		if err != nil {
			return err
		}
		return admitted(ctx, tx, id, e)
	})
	return school, err
}

// admitted writes a box down for a school, unless another has it.
func admitted(ctx context.Context, tx pgx.Tx, school int, e Enrolment) error {
	tag, err := tx.Exec(ctx, `insert into livelearn.boxes as b (id, school, name, version, key) values ($1, $2, $3, $4, $5)
		on conflict (id) do update set name = $3, version = case when $4 = '' then b.version else $4 end, key = coalesce($5, b.key), enrolled = now(), revoked = null
		where b.school = $2`, e.Box, school, clean(e.Name), clean(e.Version), []byte(e.Key))
	if err == nil && tag.RowsAffected() == 0 {
		err = errs.Code("pg.Enrol", errs.Denied, CodeOtherSchool, "the box is another school's")
	}
	return err
}

// Key is the key that a box signs with, nil for one that has a database login instead.
// errs.Denied (cloud.CodeStranger): there is no such box.
func (s *Store) Key(ctx context.Context, box string) (key ed25519.PublicKey, revoked bool, err error) {
	var raw []byte
	err = s.pool.QueryRow(ctx, `select key, revoked is not null from livelearn.boxes where id = $1`, clean(box)).Scan(&raw, &revoked)
	if none(err) {
		err = errs.Code("pg.Key", errs.Denied, cloud.CodeStranger, "no such box")
	}
	return raw, revoked, fault("Key", err)
}

// Revoke ends what a box may do, until it is enrolled again.
func (s *Store) Revoke(ctx context.Context, box string) error {
	return s.within(ctx, "Revoke", func(tx pgx.Tx) error {
		var login *string
		err := tx.QueryRow(ctx, `update livelearn.boxes set revoked = coalesce(revoked, now()) where id = $1 returning login`, clean(box)).Scan(&login)
		if none(err) {
			return errs.Code("pg.Revoke", errs.Missing, "no_box", "there is no box %q", box)
		}
		if err != nil || login == nil {
			return err
		}
		// Its connections stay open, and every call of theirs is refused.
		_, err = tx.Exec(ctx, "alter role "+pgx.Identifier{*login}.Sanitize()+" nologin")
		return err
	})
}
