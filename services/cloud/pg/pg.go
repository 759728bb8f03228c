// Package pg is the facts of all boxes in Postgres: the one place with SQL in it.
//
// The cloud role uses a Store with the database's own login; the box of somebody who runs a
// database themselves uses Direct with a login of its own. Both go through the same
// functions of the schema:
//
//	Ingest -> livelearn.ingest()    one call, one transaction, one round trip:
//	            watermark at From?    no: nothing happens (errs.Stale)
//	            facts                 insert .. on conflict do nothing
//	            refused ones          halves, quarters, .. until exactly they are left:
//	                                  dead letters
//	            watermark = To
//
// Promises:
//   - Rows and watermark commit together, so a batch that is given again, or whose answer
//     got lost, changes nothing.
//   - A fact is never overwritten. Another fact that comes under its identity becomes a
//     dead letter, and both are kept.
//   - A box login sees and moves what is its own box's, and nothing else.
//   - What an erased pupil did, and every mention of them, cannot be selected from the
//     commit of the erasure on, nor what comes later. The files of the database keep the
//     old bytes until they are vacuumed (VACUUM FULL), its backups until they are over.
//   - Codes and tokens are stored as hashes only. No error carries a password.
package pg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

const connecting = 10 * time.Second // for one connection, unless the URL says

// Store is the database. Its methods may be called from any goroutine, and any number of
// Stores may share a database.
type Store struct {
	pool *pgxpool.Pool
}

// Open makes a Store that connects when it is used: a database that is away is an errs.Down
// of the first call. It migrates nothing.
func Open(ctx context.Context, url string) (*Store, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil { // its text may hold the password
		return nil, errs.Field("pg.Open", "url", "bad_url", 0, "must be like postgres://user:password@host:5432/database")
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connecting
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "livelearn"
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fault("Open", err)
	}
	return &Store{pool: pool}, nil
}

// Close ends all connections, after the calls under way.
func (s *Store) Close() { s.pool.Close() }

// fault gives an error of the database its kind.
func fault(op string, err error) error {
	if _, ours := errors.AsType[*errs.Error](err); ours || err == nil {
		return err
	}
	op = "pg." + op
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if !ok { // the way there, or ctx
		return errs.New(op, errs.Down, err)
	}
	switch answer.Code {
	case "LL001":
		return errs.Code(op, errs.Denied, cloud.CodeRevoked, "%s", answer.Message)
	case "LL002":
		return errs.Code(op, errs.Denied, cloud.CodeStranger, "%s", answer.Message)
	case "LL003":
		return errs.Code(op, errs.Stale, cloud.CodeMoved, "%s", answer.Message)
	case "42P01", "42703", "42883", "3F000": // no such table, column, function, schema
		return errs.Code(op, errs.Down, cloud.CodeCloudOlder, "%w", err)
	}
	switch answer.Code[:2] {
	case "22", "23": // a value that no column takes
		return errs.New(op, errs.Invalid, err)
	// connection, feature (a plan from before a migration), transaction state, login, conflict,
	// rights, resources, locks, shutdown, system
	case "08", "0A", "25", "28", "40", "42", "53", "55", "57", "58":
		return errs.New(op, errs.Down, err)
	case "XX":
		return errs.New(op, errs.Corrupt, err)
	}
	return errs.New(op, errs.Internal, err)
}

// barred tells that the database does not let this login in, or not do this.
func barred(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (answer.Code == "42501" || answer.Code[:2] == "28")
}

// none tells that a row that was asked for is not there.
func none(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// within runs fn in a transaction.
func (s *Store) within(ctx context.Context, op string, fn func(pgx.Tx) error) error {
	return fault(op, pgx.BeginFunc(ctx, s.pool, fn))
}
