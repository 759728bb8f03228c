package cloud_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
)

// direct is a database with a school and the way of a box to it over a line.
type direct struct {
	*pg.Store
	line  *cloudtest.Proxy
	admin string
	url   string // through the line
}

func newDirect(t testing.TB) *direct {
	t.Helper()
	at := cloudtest.Postgres(t)
	store, err := pg.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if err := store.AddSchool(t.Context(), "Hill School", cloud.Policy{Names: true, Chat: true}); err != nil {
		t.Fatal(err)
	}
	login, err := store.AddDirect(t.Context(), "Hill School", "b_1", "Room 7")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(login)
	if err != nil {
		t.Fatal(err)
	}
	d := &direct{Store: store, admin: at, line: cloudtest.NewProxy(t, u.Host)}
	u.Host = d.line.Addr
	d.url = u.String()
	return d
}

// Open implements cloud.Way.
func (d *direct) Open(ctx context.Context, l cloud.Link) (cloud.Sink, func(), error) {
	s, err := pg.Open(ctx, d.url)
	if err != nil {
		return nil, nil, err
	}
	return s.Direct(l.Box), s.Close, nil
}

// Join and Pack are of a box that is linked already.
func (d *direct) Join(_ context.Context, _ string, self cloud.Self) (cloud.Link, error) {
	return cloud.Link{Way: "postgres", Box: self.Box, URL: d.url}, nil
}

func (d *direct) Pack(io.Writer, cloud.Self) (cloud.Packer, error) { return nil, errors.ErrUnsupported }

// query counts rows.
func (d *direct) query(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // of a test
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAHundredThousandFactsThroughALineThatBreaks(t *testing.T) {
	facts, cuts := 100_000, 75
	if testing.Short() {
		facts, cuts = 10_000, 5
	}
	d := newDirect(t)
	b := startBy(t, t.TempDir(), cloud.Config{}.Quick(), d)
	defer b.stop()
	const answer = `{"id":"0123456789abcdef","round":3,"item":"i_0123456789","response":{"options":["o2"]},"took":1234}`
	for range 50 {
		b.record("room:a", "quiz.answered", facts/100, answer)
		b.record("room:b", "quiz.answered", facts/100-1, answer)
		b.record("room:b", "quiz.answered", 1, `{"text":"poison \u0000"}`)
	}
	d.line.Cut(facts*100/cuts, 7)
	t.Cleanup(func() { t.Logf("%+v", b.Status()) })
	if err := b.Link(t.Context(), d.url); err != nil {
		t.Fatal(err)
	}
	wait(t, 15*time.Second, "all is in the cloud", func() bool { _, n := b.Waiting(); return n == 0 })
	d.line.Cut(0, 0)
	b.Sync()
	wait(t, time.Minute, "the two agree about dead letters", func() bool { return len(b.Dead()) == 50 })
	if got := d.line.Cuts(); got < cuts {
		t.Errorf("%d cuts, want %d or more", got, cuts)
	}
	if got := d.query(t, "select count(*) from livelearn.facts where kind = 'quiz.answered'"); got != facts-50 {
		t.Errorf("%d facts in the cloud, want %d", got, facts-50)
	}
	if got := d.query(t, "select count(distinct (stream, epoch, seq)) from livelearn.facts where kind = 'quiz.answered'"); got != facts-50 {
		t.Errorf("%d different facts, want %d", got, facts-50)
	}
	if got := d.query(t, "select count(*) from livelearn.dead_letters where resolved is null and code = '22P05'"); got != 50 {
		t.Errorf("%d dead letters in the cloud, want 50", got)
	}
	t.Logf("%d facts, %d cuts, %d dead letters", facts-50, d.line.Cuts(), len(b.Dead()))
}

// wait polls for something that must come about.
func wait(t testing.TB, most time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not in %v: %s", most, what)
}
