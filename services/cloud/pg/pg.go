// Package pg is the facts of all boxes in Postgres: the one place with SQL in it.
//
// The cloud role uses a Store with the database's own login; a box of somebody who runs a
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
//   - What an erased pupil did, and every mention of them, is unreadable from the commit of
//     the erasure on, also what comes later. Pages of the database keep the old bytes until
//     they are vacuumed.
//   - Codes and tokens are stored as hashes only. No error carries a password.
package pg

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the database. Its methods may be called from any goroutine, and any number of
// Stores may share a database.
type Store struct {
	pool *pgxpool.Pool
}

// Open connects lazily: a database that is away is an errs.Down of the first call. It
// migrates nothing.
func Open(ctx context.Context, url string) (*Store, error) {
	pool, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool}, nil
}

// Close ends all connections, after the calls under way.
func (s *Store) Close() { s.pool.Close() }
