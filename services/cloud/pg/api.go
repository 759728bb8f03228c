package pg

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livelearn/box/services/cloud"
)

var errWritten = errors.New("pg: being written")

func open(ctx context.Context, url string) (*pgxpool.Pool, error) { return pgxpool.New(ctx, url) }

// NewCode makes a one-time code with which a box becomes the school's within 7 days.
func (s *Store) NewCode(ctx context.Context, school string) (string, error) { return "", errWritten }

// Enrol makes a box the school's that gave the code, and tells which that is.
func (s *Store) Enrol(ctx context.Context, e Enrolment) (school string, err error) {
	return "", errWritten
}

// Key is the key that a box signs with. errs.Denied (cloud.CodeStranger): no such box.
func (s *Store) Key(ctx context.Context, box string) (key ed25519.PublicKey, revoked bool, err error) {
	return nil, false, errWritten
}

// Revoke ends what a box may do, until it is enrolled again.
func (s *Store) Revoke(ctx context.Context, box string) error { return errWritten }

// AddDirect gives a box a database login of its own, in place of an earlier one, and the
// URL to open it with. That is told once.
func (s *Store) AddDirect(ctx context.Context, school, box, name string) (url string, err error) {
	return "", errWritten
}

// AddSchool adds a tenant.
func (s *Store) AddSchool(ctx context.Context, name string, p cloud.Policy) error { return errWritten }

// Schools lists the tenants by name.
func (s *Store) Schools(ctx context.Context) ([]School, error) { return nil, errWritten }

// SetPolicy changes what may leave a school's boxes, and tells them.
func (s *Store) SetPolicy(ctx context.Context, school string, p cloud.Policy) error {
	return errWritten
}

// SetDays changes for how many days a school's facts are kept.
func (s *Store) SetDays(ctx context.Context, school string, chat, results int) error {
	return errWritten
}

// PutItem puts an object on the school's list in a new version, or takes it off.
func (s *Store) PutItem(ctx context.Context, school, kind, id string, data json.RawMessage, gone bool) (n uint64, err error) {
	return 0, errWritten
}

// Items lists what the school's boxes are told, oldest change first.
func (s *Store) Items(ctx context.Context, school string) ([]cloud.Item, error) {
	return nil, errWritten
}

// Erase forgets a pupil, here and on all boxes of the school.
func (s *Store) Erase(ctx context.Context, school, pupil string) error { return errWritten }

// Retain empties what is older than the schools keep, drops months in which nothing is
// left, and makes the months to come. n is the facts it emptied.
func (s *Store) Retain(ctx context.Context, now time.Time) (n int64, err error) {
	return 0, errWritten
}

// Boxes lists a school's boxes, or all with an empty school.
func (s *Store) Boxes(ctx context.Context, school string) ([]BoxState, error) { return nil, errWritten }

// Dead lists dead letters that wait, newest first, at most cloud.MaxDead; an empty school or
// box is all of them.
func (s *Store) Dead(ctx context.Context, school, box string) ([]DeadLetter, error) {
	return nil, errWritten
}

// NewToken makes a token for a program or a person. It is told once. An empty school is all.
func (s *Store) NewToken(ctx context.Context, name, school string, may ...string) (string, error) {
	return "", errWritten
}

// Token tells what a token allows. errs.Denied (CodeBadToken): nothing.
func (s *Store) Token(ctx context.Context, token string) (Grant, error) { return Grant{}, errWritten }

// RevokeToken ends all tokens of that name.
func (s *Store) RevokeToken(ctx context.Context, name string) error { return errWritten }

// Secret is 32 random bytes that all nodes share, made when first asked for.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) { return nil, errWritten }

// Results gives the results that came in after since, of a school or of all, by the newest
// grading of each lesson.
func (s *Store) Results(ctx context.Context, school string, since time.Time) iter.Seq2[ResultRow, error] {
	return func(yield func(ResultRow, error) bool) { yield(ResultRow{}, errWritten) }
}

// Attendance gives who was in which lesson, as Results does.
func (s *Store) Attendance(ctx context.Context, school string, since time.Time) iter.Seq2[AttendanceRow, error] {
	return func(yield func(AttendanceRow, error) bool) { yield(AttendanceRow{}, errWritten) }
}

// Statements gives xAPI 1.0.3 statements, and where to go on ("" at the end).
func (s *Store) Statements(ctx context.Context, q StatementQuery) (list []json.RawMessage, next string, err error) {
	return nil, "", errWritten
}
