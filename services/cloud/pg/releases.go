package pg

import (
	"context"
	"net/url"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/errs"
)

// Release is a version that operators can bring to boxes. The bundle itself is at its address.
type Release struct {
	ID      int64     `json:"id"`
	Board   string    `json:"board"`
	Version string    `json:"version"`
	Build   int64     `json:"build"`
	URL     string    `json:"url"`
	Notes   string    `json:"notes,omitempty"`
	Added   time.Time `json:"added"`
}

const maxNotes = 16 << 10

var (
	boardPattern   = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)
	versionPattern = regexp.MustCompile(`^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}(-[0-9A-Za-z.-]{1,40})?$`)
)

func (r Release) check() error {
	bad := func(field string, most int64, format string, args ...any) error {
		return errs.NewField("pg.AddRelease", field, "bad_release", most, format, args...)
	}
	u, err := url.Parse(r.URL)
	switch {
	case !boardPattern.MatchString(r.Board):
		return bad("board", 20, "%.40q is no name of a board", r.Board)
	case !versionPattern.MatchString(r.Version):
		return bad("version", 0, "%.60q is not MAJOR.MINOR.PATCH", r.Version)
	case r.Build < 1 || r.Build > 1<<40:
		return bad("build", 1<<40, "must be 1 or more")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(r.URL) > maxAddress || cleanText(r.URL) != r.URL:
		return bad("url", maxAddress, "must be an http or https address of at most %d bytes, without a login", maxAddress)
	case len(r.Notes) > maxNotes || cleanText(r.Notes) != r.Notes:
		return bad("notes", maxNotes, "at most %d bytes", maxNotes)
	}
	return nil
}

// AddRelease adds a release, or changes the address and the notes of one. It returns its number.
func (s *Store) AddRelease(ctx context.Context, r Release) (id int64, err error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	err = s.change(ctx, "AddRelease", Deed{Action: "release added", Object: r.Version, Detail: r.Board + ", " + r.URL}, func(tx pgx.Tx, _ *Deed) error {
		err := tx.QueryRow(ctx, `insert into livelearn.releases as l (board, version, build, url, notes) values ($1, $2, $3, $4, $5)
			on conflict (board, build) do update set url = excluded.url, notes = excluded.notes where l.version = excluded.version returning id`,
			r.Board, r.Version, r.Build, r.URL, r.Notes).Scan(&id)
		if isNoRows(err) {
			err = errs.NewField("pg.AddRelease", "version", "taken", 0, "build %d for %s is there already as another version", r.Build, r.Board)
		}
		return err
	})
	return id, err
}

// Releases returns the releases, newest first.
func (s *Store) Releases(ctx context.Context) ([]Release, error) {
	rows, err := s.pool.Query(ctx, `select id, board, version, build, url, notes, added from livelearn.releases order by build desc, board`)
	if err != nil {
		return nil, wrapError("Releases", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Release])
	return list, wrapError("Releases", err)
}

// RemoveRelease forgets a release that no rollout has.
func (s *Store) RemoveRelease(ctx context.Context, id int64) error {
	return s.change(ctx, "RemoveRelease", Deed{Action: "release removed"}, func(tx pgx.Tx, d *Deed) error {
		err := tx.QueryRow(ctx, `delete from livelearn.releases where id = $1 and id not in (select release from livelearn.rollouts) returning version, board`, id).Scan(&d.Object, &d.Detail)
		if isNoRows(err) {
			err = errs.NewCode("pg.RemoveRelease", errs.Missing, "no_release", "there is no release %d, or a rollout has it", id)
		}
		return err
	})
}
