// Package pg keeps the facts of all boxes in Postgres. Only this package contains SQL.
//
// The cloud role uses a Store with the database owner's login. A box of a school with its own
// database uses DirectSink with the box's login. Both call the same functions of the schema:
//
//	Ingest -> livelearn.ingest()    one call, one transaction, one round trip:
//	            watermark at From?    no: change nothing (errs.Stale)
//	            facts                 insert .. on conflict do nothing
//	            refused ones          split in halves, quarters, .. until only they are left:
//	                                  dead letters
//	            watermark = To
//
// Promises:
//   - Rows and watermark commit together. A batch that is sent again, or whose answer was lost,
//     changes nothing.
//   - A fact is never overwritten. Another fact with the same identity becomes a dead letter, and
//     both are kept.
//   - A box login sees and moves the rows of its own box only.
//   - After the commit of an erasure, no query selects an erased pupil's facts or mentions, even
//     of facts that arrive later. The database files keep the old bytes until a VACUUM FULL, and
//     backups until they expire.
//   - Codes and tokens are stored as hashes only. No error contains a password.
package pg

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

const connectTimeout = 10 * time.Second // default for one connection, if the URL has no other

// Store is the database. Its methods may be called from any goroutine. Any number of Stores may
// share a database.
type Store struct {
	pool *pgxpool.Pool
	full atomic.Bool // the last batch found no space

	replica *replica // nil: none
}

// Open makes a Store that connects on first use. If the database is down, the first call returns
// errs.Down. Open does not migrate.
func Open(ctx context.Context, url string) (*Store, error) { return OpenWith(ctx, url, nil) }

// OpenWith is Open with a dialer of its own. nil dials any address.
func OpenWith(ctx context.Context, url string, dial pgconn.DialFunc) (*Store, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil { // the text may contain the password
		return nil, errs.NewField("pg.Open", "url", "bad_url", 0, "must be like postgres://user:password@host:5432/database")
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "livelearn"
	}
	if dial != nil {
		c.ConnConfig.DialFunc = dial
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, wrapError("Open", err)
	}
	return &Store{pool: pool}, nil
}

// Close waits for running calls and closes all connections.
func (s *Store) Close() {
	s.pool.Close()
	if s.replica != nil {
		s.replica.store.Close()
	}
}

// wrapError gives a database error its kind.
func wrapError(op string, err error) error {
	if _, ours := errors.AsType[*errs.Error](err); ours || err == nil {
		return err
	}
	op = "pg." + op
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if !ok { // no connection, or ctx ended
		return errs.New(op, errs.Down, err)
	}
	switch answer.Code {
	case "LL001":
		return errs.NewCode(op, errs.Denied, cloud.CodeRevoked, "%s", answer.Message)
	case "LL002":
		return errs.NewCode(op, errs.Denied, cloud.CodeStranger, "%s", answer.Message)
	case "LL003":
		return errs.NewCode(op, errs.Stale, cloud.CodeMoved, "%s", answer.Message)
	case "42P01", "42703", "42883", "3F000": // missing table, column, function or schema
		return errs.NewCode(op, errs.Down, cloud.CodeCloudOlder, "%w", err)
	}
	switch answer.Code[:2] {
	case "22", "23": // a column refuses a value
		return errs.New(op, errs.Invalid, err)
	// Connection, feature (a plan from before a migration), transaction state, login, conflict,
	// rights, resources, locks, shutdown, system.
	case "08", "0A", "25", "28", "40", "42", "53", "55", "57", "58":
		return errs.New(op, errs.Down, err)
	case "XX":
		return errs.New(op, errs.Corrupt, err)
	}
	return errs.New(op, errs.Internal, err)
}

// isAccessDenied reports whether the database refuses the login, or refuses the call to it.
func isAccessDenied(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (answer.Code == "42501" || answer.Code[:2] == "28")
}

// isNoRows reports whether a query found no row.
func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// inTx runs fn in a transaction.
func (s *Store) inTx(ctx context.Context, op string, fn func(pgx.Tx) error) error {
	return wrapError(op, pgx.BeginFunc(ctx, s.pool, fn))
}
