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
	codeLen      = 20 // characters of 5 bits
	codeLifetime = 7 * 24 * time.Hour
	maxName      = 255
)

// NewCode makes a one-time code. A box can enrol with the school by it within 7 days.
func (s *Store) NewCode(ctx context.Context, school string) (string, error) {
	code := rand.Text()[:codeLen]
	err := s.change(ctx, "NewCode", Deed{School: school, Action: "code made"}, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `insert into livelearn.codes (hash, school, expires) select $1, id, now() + $2 from livelearn.schools where name = $3`,
			hashSecret(code), codeLifetime, school)
		if err == nil && tag.RowsAffected() == 0 {
			err = errNoSchool("NewCode", school)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// hashSecret returns the hash that the database stores of a code or a token. Both are random and
// long, so a plain hash cannot be searched.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func errNoSchool(op, name string) error {
	return errs.NewCode("pg."+op, errs.Missing, "no_school", "there is no school %q", name)
}

// normaliseCode turns a typed code into its original form.
func normaliseCode(code string) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(code))
}

// Enrol gives a box to the school of the code and returns the school's name. A box of the same
// school gets its new key. A revoked box is allowed again.
func (s *Store) Enrol(ctx context.Context, e Enrolment) (school string, err error) {
	if err := e.validate(); err != nil {
		return "", err
	}
	err = s.inTx(ctx, "Enrol", func(tx pgx.Tx) error {
		var id int
		err := tx.QueryRow(ctx, `update livelearn.codes c set used = now(), box = $2 from livelearn.schools s
			where c.hash = $1 and c.used is null and c.expires > now() and s.id = c.school returning s.id, s.name`,
			hashSecret(normaliseCode(e.Code)), e.Box).Scan(&id, &school)
		if isNoRows(err) {
			return errs.NewCode("pg.Enrol", errs.Denied, CodeBadCode, "the code was used, has expired or is unknown")
		}
		if err != nil {
			return err
		}
		return admitBox(ctx, tx, id, e)
	})
	return school, err
}

func (e Enrolment) validate() error {
	switch {
	case e.Box == "" || len(e.Box) > maxName || cleanText(e.Box) != e.Box:
		return errs.NewField("pg.Enrol", "box", "bad_box", maxName, "must be an id of 1 to %d bytes", maxName)
	case len(e.Key) != ed25519.PublicKeySize:
		return errs.NewField("pg.Enrol", "key", "bad_key", ed25519.PublicKeySize, "must be a public key of %d bytes", ed25519.PublicKeySize)
	case len(e.Name) > maxName || len(e.Version) > maxName:
		return errs.NewField("pg.Enrol", "name", "too_long", maxName, "at most %d bytes", maxName)
	}
	return nil
}

// TrustKey gives a box of the school another key, because an operator says whose it is. nameKey makes
// the names of the old and the new key for the audit log. It uses no code.
func (s *Store) TrustKey(ctx context.Context, school string, e Enrolment, nameKey func(ed25519.PublicKey) string) error {
	if err := e.validate(); err != nil {
		return err
	}
	return s.change(ctx, "TrustKey", Deed{School: school, Action: "box key trusted", Object: e.Box}, func(tx pgx.Tx, d *Deed) error {
		var id int
		err := tx.QueryRow(ctx, `select id from livelearn.schools where name = $1`, cleanText(school)).Scan(&id)
		if isNoRows(err) {
			return errNoSchool("TrustKey", school)
		}
		if err != nil {
			return err
		}
		var old []byte
		err = tx.QueryRow(ctx, `select key from livelearn.boxes where id = $1 for update`, e.Box).Scan(&old)
		if isNoRows(err) {
			return errs.NewCode("pg.TrustKey", errs.Denied, cloud.CodeStranger, "no such box")
		}
		if err != nil {
			return err
		}
		d.Detail = nameKey(old) + " -> " + nameKey(e.Key)
		return admitBox(ctx, tx, id, e)
	})
}

// admitBox stores a box for a school. It fails if another school has the box.
func admitBox(ctx context.Context, tx pgx.Tx, school int, e Enrolment) error {
	tag, err := tx.Exec(ctx, `insert into livelearn.boxes as b (id, school, name, version, key) values ($1, $2, $3, $4, $5)
		on conflict (id) do update set name = $3, version = case when $4 = '' then b.version else $4 end, key = coalesce($5, b.key), enrolled = now(), revoked = null
		where b.school = $2`, e.Box, school, cleanText(e.Name), cleanText(e.Version), []byte(e.Key))
	if err == nil && tag.RowsAffected() == 0 {
		err = errs.NewCode("pg.Enrol", errs.Denied, CodeOtherSchool, "the box belongs to another school")
	}
	return err
}

// BoxKey returns the public key of a box, or nil for a box with a database login. It returns
// errs.Denied (cloud.CodeStranger) if the box is unknown.
func (s *Store) BoxKey(ctx context.Context, box string) (key ed25519.PublicKey, revoked bool, err error) {
	var raw []byte
	err = s.pool.QueryRow(ctx, `select key, revoked is not null from livelearn.boxes where id = $1`, cleanText(box)).Scan(&raw, &revoked)
	if isNoRows(err) {
		err = errs.NewCode("pg.BoxKey", errs.Denied, cloud.CodeStranger, "no such box")
	}
	return raw, revoked, wrapError("BoxKey", err)
}

// RevokeBox ends a box's access until it is enrolled again.
func (s *Store) RevokeBox(ctx context.Context, box string) error {
	return s.change(ctx, "RevokeBox", Deed{Action: "box revoked", Object: box}, func(tx pgx.Tx, d *Deed) (err error) {
		if d.School, err = schoolOfBox(ctx, tx, "RevokeBox", box); err != nil {
			return err
		}
		var login *string
		err = tx.QueryRow(ctx, `update livelearn.boxes set revoked = coalesce(revoked, now()) where id = $1 returning login`, cleanText(box)).Scan(&login)
		if err != nil || login == nil {
			return err
		}
		// The login's connections stay open, and the database refuses all their calls.
		_, err = tx.Exec(ctx, "alter role "+pgx.Identifier{*login}.Sanitize()+" nologin")
		return err
	})
}
