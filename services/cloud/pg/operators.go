package pg

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

const (
	maxOperator     = 64 // bytes of a name
	setupLifetime   = 7 * 24 * time.Hour
	sessionLifetime = 12 * time.Hour // of an operator
	sessionIdle     = 2 * time.Hour
	freeFailures    = 3 // wrong codes before the next one has to wait
	maxBlock        = 15 * time.Minute
)

// Codes of errors about operators.
const (
	CodeSignIn  = "sign_in"  // errs.Denied: the session is over, or a part of the sign-in is wrong
	CodeBlocked = "blocked"  // errs.Busy: after wrong codes the next one has to wait
	CodeBadPart = "bad_part" // errs.Denied: the name, the password or the code is wrong
)

// Operator is a person who signs in on the pages of a node.
type Operator struct {
	Name     string     `json:"name"`
	School   string     `json:"school,omitempty"` // empty means all
	Ready    bool       `json:"ready"`            // has a password and a second factor
	Created  time.Time  `json:"created"`
	SignedIn *time.Time `json:"signed_in,omitempty"`
}

// Secrets is what a sign-in is checked against.
type Secrets struct {
	Password string // argon2id
	TOTP     string
	Blocked  time.Duration // until the next code is tried
}

// CleanOperator returns a name as the database has it: small letters without spaces around.
func CleanOperator(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// AddOperator adds an operator of a school, or of all schools if it is empty. It returns the code
// with which the person chooses a password and a second factor within 7 days.
func (s *Store) AddOperator(ctx context.Context, name, school string) (setup string, err error) {
	name = CleanOperator(name)
	if name == "" || len(name) > maxOperator || cleanText(name) != name {
		return "", errs.NewField("pg.AddOperator", "name", "bad_name", maxOperator, "must be a name of 1 to %d bytes", maxOperator)
	}
	setup = rand.Text()[:codeLen]
	err = s.change(ctx, "AddOperator", Deed{School: school, Action: "operator added", Object: name}, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `insert into livelearn.operators (name, school, setup, setup_expires)
			select $1, s.id, $3, now() + $4 from (select 1) one left join livelearn.schools s on s.name = $2 where $2 = '' or s.id is not null on conflict do nothing`,
			name, school, hashSecret(setup), setupLifetime)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		var known bool
		if err := tx.QueryRow(ctx, `select exists (select from livelearn.operators where name = $1)`, name).Scan(&known); err != nil {
			return err
		}
		if known {
			return errs.NewField("pg.AddOperator", "name", "taken", 0, "there is an operator of this name")
		}
		return errNoSchool("AddOperator", school)
	})
	return setup, err
}

// Operators returns the operators by name.
func (s *Store) Operators(ctx context.Context) ([]Operator, error) {
	rows, err := s.pool.Query(ctx, `select o.name, coalesce(s.name, ''), o.setup is null, o.created, o.signed_in from livelearn.operators o
		left join livelearn.schools s on s.id = o.school order by o.name`)
	if err != nil {
		return nil, wrapError("Operators", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Operator])
	return list, wrapError("Operators", err)
}

// withOperator is change for an operator, whose school it puts into the deed.
func (s *Store) withOperator(ctx context.Context, op, name, action string, fn func(pgx.Tx) error) error {
	name = CleanOperator(name)
	return s.change(ctx, op, Deed{Action: action, Object: name}, func(tx pgx.Tx, d *Deed) error {
		err := tx.QueryRow(ctx, `select coalesce((select s.name from livelearn.schools s where s.id = o.school), '') from livelearn.operators o where o.name = $1 for update`, name).Scan(&d.School)
		if isNoRows(err) {
			return errs.NewCode("pg."+op, errs.Missing, "no_operator", "there is no operator %q", name)
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
}

// RemoveOperator removes an operator, whose sessions end.
func (s *Store) RemoveOperator(ctx context.Context, name string) error {
	return s.withOperator(ctx, "RemoveOperator", name, "operator removed", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from livelearn.operators where name = $1`, CleanOperator(name))
		return err
	})
}

// ResetOperator ends the sessions of an operator, voids the password and the second factor, and
// returns a code as AddOperator does.
func (s *Store) ResetOperator(ctx context.Context, name string) (setup string, err error) {
	setup = rand.Text()[:codeLen]
	err = s.withOperator(ctx, "ResetOperator", name, "operator reset", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from livelearn.operator_sessions where operator = $1`, CleanOperator(name)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update livelearn.operators set password = null, totp = null, failures = 0, blocked = null, setup = $2, setup_expires = now() + $3
			where name = $1`, CleanOperator(name), hashSecret(setup), setupLifetime)
		return err
	})
	return setup, err
}

// BeginSetup stores the password and the second factor of an operator who has a code. They count
// after FinishSetup.
func (s *Store) BeginSetup(ctx context.Context, name, setup, password, totp string) error {
	tag, err := s.pool.Exec(ctx, `update livelearn.operators set password = $3, totp = $4 where name = $1 and setup = $2 and setup_expires > now()`,
		CleanOperator(name), hashSecret(normaliseCode(setup)), password, totp)
	if err == nil && tag.RowsAffected() == 0 {
		err = errBadSetup("BeginSetup")
	}
	return wrapError("BeginSetup", err)
}

func errBadSetup(op string) error {
	return errs.NewCode("pg."+op, errs.Denied, CodeBadPart, "the name or the code is wrong, or the code has expired or was used")
}

// PendingTOTP returns the second factor that BeginSetup stored.
func (s *Store) PendingTOTP(ctx context.Context, name, setup string) (totp string, err error) {
	err = s.pool.QueryRow(ctx, `select totp from livelearn.operators where name = $1 and setup = $2 and setup_expires > now() and totp is not null`,
		CleanOperator(name), hashSecret(normaliseCode(setup))).Scan(&totp)
	if isNoRows(err) {
		err = errBadSetup("PendingTOTP")
	}
	return totp, wrapError("PendingTOTP", err)
}

// FinishSetup makes the password and the second factor count. The code for it is used up.
func (s *Store) FinishSetup(ctx context.Context, name, setup string) error {
	return s.withOperator(ctx, "FinishSetup", name, "operator set up", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update livelearn.operators set setup = null, setup_expires = null where name = $1 and setup = $2 and setup_expires > now() and totp is not null`,
			CleanOperator(name), hashSecret(normaliseCode(setup)))
		if err == nil && tag.RowsAffected() == 0 {
			err = errBadSetup("FinishSetup")
		}
		return err
	})
}

// OperatorSecrets returns what a sign-in is checked against. An unknown operator, or one who has
// not finished the setup, has none.
func (s *Store) OperatorSecrets(ctx context.Context, name string) (v Secrets, err error) {
	var seconds float64
	err = s.pool.QueryRow(ctx, `select password, totp, greatest(coalesce(extract(epoch from blocked - now()), 0), 0)::float8 from livelearn.operators where name = $1 and setup is null`,
		CleanOperator(name)).Scan(&v.Password, &v.TOTP, &seconds)
	if isNoRows(err) {
		return Secrets{}, nil
	}
	v.Blocked = time.Duration(seconds * float64(time.Second))
	return v, wrapError("OperatorSecrets", err)
}

// NoteWrongCode counts a wrong code after the right password. From the fourth in a row on, the next
// one has to wait: a second, and each time twice as long.
func (s *Store) NoteWrongCode(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, `update livelearn.operators set failures = failures + 1,
		blocked = case when failures >= $2 then now() + least(make_interval(secs => power(2, least(failures - $2, 20))), $3) end where name = $1`,
		CleanOperator(name), freeFailures, maxBlock)
	return wrapError("NoteWrongCode", err)
}

// OpenSession signs an operator in whose password and code are right, and returns the secret of
// the session. step is that of the code, which works once.
func (s *Store) OpenSession(ctx context.Context, name string, step int64) (session string, err error) {
	session = rand.Text() + rand.Text()
	err = s.withOperator(ctx, "OpenSession", name, "signed in", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update livelearn.operators set totp_step = $2, failures = 0, blocked = null, signed_in = now() where name = $1 and totp_step < $2 and setup is null`,
			CleanOperator(name), step)
		if err == nil && tag.RowsAffected() == 0 {
			err = errs.NewCode("pg.OpenSession", errs.Denied, CodeBadPart, "the code was used already")
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into livelearn.operator_sessions (hash, operator, expires) values ($1, $2, now() + $3)`, hashSecret(session), CleanOperator(name), sessionLifetime)
		return err
	})
	return session, err
}

// CheckSession returns who a session belongs to, or errs.Denied (CodeSignIn) if it is over: after
// 12 hours, or after 2 without a request.
func (s *Store) CheckSession(ctx context.Context, session string) (g Grant, err error) {
	var late bool
	hash := hashSecret(session)
	err = s.pool.QueryRow(ctx, `select o.name, coalesce(s.name, ''), p.seen < now() - interval '1 minute' from livelearn.operator_sessions p
		join livelearn.operators o on o.name = p.operator left join livelearn.schools s on s.id = o.school
		where p.hash = $1 and p.expires > now() and p.seen > now() - $2::interval`, hash, sessionIdle).Scan(&g.Name, &g.School, &late)
	if isNoRows(err) {
		err = errs.NewCode("pg.CheckSession", errs.Denied, CodeSignIn, "the session is over")
	}
	if err == nil && late {
		_, err = s.pool.Exec(ctx, `update livelearn.operator_sessions set seen = now() where hash = $1`, hash)
	}
	g.May, g.Operator = []string{MayRead}, true
	return g, wrapError("CheckSession", err)
}

// CloseSession ends a session.
func (s *Store) CloseSession(ctx context.Context, session string) error {
	_, err := s.pool.Exec(ctx, `delete from livelearn.operator_sessions where hash = $1`, hashSecret(session))
	return wrapError("CloseSession", err)
}
