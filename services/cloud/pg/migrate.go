package pg

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/livelearn/box/services/cloud/schema"
	"github.com/livelearn/box/services/errs"
)

const (
	versions = "livelearn_schema" // table of the steps that were taken
	lockID   = 0x6c6c626f78       // advisory lock: one node at a time migrates
)

// Migrate brings the schema to this program's version. Any number of nodes may call it at
// once, and a node with older steps than the database has leaves it as it is.
func (s *Store) Migrate(ctx context.Context) error {
	return s.steps(func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// Version is the schema's, 0 before the first Migrate.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var version int64
	err := s.pool.QueryRow(ctx, `select case when to_regclass('public.`+versions+`') is null then 0 else -1 end`).Scan(&version)
	if err == nil && version < 0 {
		err = s.pool.QueryRow(ctx, `select coalesce(max(version_id), 0) from public.`+versions+` where is_applied`).Scan(&version)
	}
	return version, fault("Version", err)
}

// Ready tells that the database answers and has this program's schema or a newer one.
func (s *Store) Ready(ctx context.Context) error {
	have, err := s.Version(ctx)
	if err != nil {
		return err
	}
	want, err := newest()
	if err == nil && have < want {
		err = errs.Newf("pg.Ready", errs.Down, "the schema is at step %d of %d", have, want)
	}
	return err
}

// newest is the last step that this program knows.
func newest() (int64, error) {
	list, err := schema.Steps.ReadDir(".")
	var n int64
	for _, f := range list {
		var at int64
		if _, err := fmt.Sscanf(f.Name(), "%05d_", &at); err != nil {
			return 0, err
		}
		n = max(n, at)
	}
	return n, err
}

func (s *Store) steps(do func(*goose.Provider) error) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer func() { _ = db.Close() }() // the pool stays
	p, err := provider(db, locker)
	if err != nil {
		return fault("Migrate", err)
	}
	return fault("Migrate", do(p))
}

func provider(db *sql.DB, locker lock.SessionLocker) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectPostgres, db, schema.Steps,
		goose.WithTableName("public."+versions), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}
