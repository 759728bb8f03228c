package pg

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// SQL returns the query for the first statements of q.
func (q StatementQuery) SQL() (string, []any, error) { return q.buildSQL(nil, q.Limit+1) }

// OpenTraced is Open with a tracer of all queries.
func OpenTraced(ctx context.Context, url string, t pgx.QueryTracer) (*Store, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	c.ConnConfig.Tracer = t
	pool, err := pgxpool.NewWithConfig(ctx, c)
	return &Store{pool: pool}, err
}

// NewestStep returns the number of this program's last step.
func NewestStep() (int64, error) { return newestStep() }

// MigrateTo applies the steps up to a number to an empty database.
func (s *Store) MigrateTo(ctx context.Context, step int64) error {
	table := stepsSchema + "." + versionTable
	if _, err := s.pool.Exec(ctx, `create schema if not exists `+stepsSchema); err != nil {
		return err
	}
	return s.withProvider(table, func(p *goose.Provider) error {
		_, err := p.UpTo(ctx, step)
		return err
	})
}
