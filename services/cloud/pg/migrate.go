package pg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/livelearn/box/services/cloud/schema"
	"github.com/livelearn/box/services/errs"
)

const (
	versionTable = "livelearn_schema" // table of the applied steps
	stepsSchema  = "livelearn_steps"  // has that table. Databases of before have it in public
	lockID       = 0x6c6c626f78       // advisory lock: one node migrates at a time
)

// Migrate brings the schema to this program's version. Any number of nodes may call it at once. A
// node with older steps than the database changes nothing. An up-to-date database gets no lock,
// because a pooler may give each statement another connection.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.checkEncoding(ctx); err != nil {
		return err
	}
	have, err := s.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if want, err := newestStep(); err != nil || have >= want {
		return err
	}
	table, err := s.versionTable(ctx)
	if err != nil {
		return wrapError("Migrate", err)
	}
	if table == "" {
		table = stepsSchema + "." + versionTable
		if _, err := s.pool.Exec(ctx, `create schema if not exists `+stepsSchema); err != nil && !isDuplicate(err) {
			return wrapError("Migrate", err)
		}
	}
	return s.withProvider(table, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// isDuplicate reports whether another node made the object at the same moment.
func isDuplicate(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (answer.Code == "23505" || answer.Code == "42P06")
}

// versionTable returns the table of the applied steps, or "" before the first Migrate.
func (s *Store) versionTable(ctx context.Context) (table string, err error) {
	err = s.pool.QueryRow(ctx, `select case when to_regclass('public.`+versionTable+`') is not null then 'public.`+versionTable+`'
		when to_regclass('`+stepsSchema+`.`+versionTable+`') is not null then '`+stepsSchema+`.`+versionTable+`' else '' end`).Scan(&table)
	return table, err
}

// SchemaVersion returns the number of the last applied step, or 0 before the first Migrate.
func (s *Store) SchemaVersion(ctx context.Context) (version int64, err error) {
	table, err := s.versionTable(ctx)
	if err == nil && table != "" {
		err = s.pool.QueryRow(ctx, `select coalesce(max(version_id), 0) from `+table+` where is_applied`).Scan(&version)
	}
	return version, wrapError("SchemaVersion", err)
}

// CheckReady checks that the database answers, takes data, and has this program's schema or a newer one.
func (s *Store) CheckReady(ctx context.Context) error {
	have, err := s.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	want, err := newestStep()
	if err == nil && have < want {
		err = errs.Newf("pg.CheckReady", errs.Down, "the schema is at step %d of %d", have, want)
	}
	if err != nil {
		return err
	}
	return s.checkWritable(ctx)
}

// newestStep returns the number of this program's last step.
func newestStep() (int64, error) {
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

func (s *Store) withProvider(table string, do func(*goose.Provider) error) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer func() { _ = db.Close() }() // the pool stays open
	p, err := newProvider(db, locker, table)
	if err != nil {
		return wrapError("Migrate", err)
	}
	return wrapError("Migrate", do(p))
}

func newProvider(db *sql.DB, locker lock.SessionLocker, table string) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectPostgres, db, schema.Steps,
		goose.WithTableName(table), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}
