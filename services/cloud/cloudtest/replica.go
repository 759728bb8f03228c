package cloudtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/timetest"
)

// Replicated is a database and one that follows it by streaming replication, each with its own
// server.
type Replicated struct {
	URL    string // of the database, with an empty schema
	Follow string // of the one that follows, by way of Line
	Line   *Proxy

	follower string // without the proxy
}

// PostgresWithReplica starts two servers. The second begins as a copy of the first.
func PostgresWithReplica(t testing.TB) *Replicated {
	t.Helper()
	bin := findPostgres(t)
	first, err := startServer(bin, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(first.stop)
	url := first.createDatabase(t, true)
	second, err := retryPorts(func() (*pgServer, error) { return startFollower(bin, first) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.stop)
	r := &Replicated{URL: url, follower: second.urlOf("t1"), Line: NewProxy(t, fmt.Sprintf("127.0.0.1:%d", second.port))}
	r.Follow = strings.Replace(r.follower, fmt.Sprintf("127.0.0.1:%d", second.port), r.Line.Addr, 1)
	return r
}

// startFollower copies a running server and starts the copy, which follows.
func startFollower(bin string, first *pgServer) (*pgServer, error) {
	s := &pgServer{done: make(chan struct{})}
	var err error
	if s.dir, err = os.MkdirTemp("", "livelearn-postgres-"); err != nil {
		return nil, err
	}
	if err := s.chownToPostgres(); err != nil {
		return nil, err
	}
	if s.port, err = choosePort(); err != nil {
		return nil, err
	}
	cmd := s.newCommand(filepath.Join(bin, "pg_basebackup"), "-d", first.urlOf("postgres"), "-D", s.dir, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if _, err = fmt.Fprintf(f, "port=%d\n", s.port); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return s, s.run(bin)
}

// exec runs one statement on the follower.
func (r *Replicated) exec(t testing.TB, sql string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, r.follower)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// Pause makes the follower keep its state, whatever arrives.
func (r *Replicated) Pause(t testing.TB) {
	t.Helper()
	r.exec(t, `select pg_wal_replay_pause()`)
}

// Resume makes the follower go on, and waits until it has what the database has.
func (r *Replicated) Resume(t testing.TB) {
	t.Helper()
	r.exec(t, `select pg_wal_replay_resume()`)
	r.WaitUntilEqual(t)
}

// WaitUntilEqual waits until the follower has what the database has now.
func (r *Replicated) WaitUntilEqual(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	read := func(url, sql string, args ...any) (text string) {
		c, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(ctx) }()
		if err := c.QueryRow(ctx, sql, args...).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	at := read(r.URL, `select pg_current_wal_lsn()::text`)
	timetest.WaitUntil(t, "the follower", func() bool {
		return read(r.follower, `select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)::text`, at) == "true"
	})
}
