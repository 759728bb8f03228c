package cloud_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// directLink is a database with a school, and a way to it for a box over a bad line.
type directLink struct {
	*pg.Store
	line  *cloudtest.Proxy
	admin string
	url   string // through the line
}

func newDirectLink(t testing.TB) *directLink {
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
	d := &directLink{Store: store, admin: at, line: cloudtest.NewProxy(t, u.Host)}
	u.Host = d.line.Addr
	d.url = u.String()
	return d
}

// Open implements cloud.Transport.
func (d *directLink) Open(ctx context.Context, l cloud.Link) (cloud.Sink, func(), error) {
	s, err := pg.Open(ctx, d.url)
	if err != nil {
		return nil, nil, err
	}
	return s.DirectSink(l.Box), s.Close, nil
}

// Join returns a link, because the box has its login already.
func (d *directLink) Join(_ context.Context, _ string, self cloud.Self) (cloud.Link, error) {
	return cloud.Link{Way: "postgres", Box: self.Box, URL: d.url}, nil
}

func (d *directLink) Pack(io.Writer, cloud.Self, ed25519.PrivateKey) (cloud.Packer, error) {
	return nil, errors.ErrUnsupported
}

// queryInt returns the number that a query selects.
func (d *directLink) queryInt(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// countCuts returns how often a test breaks the line. scripts/soak takes more.
func countCuts(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LIVELEARN_LINE_CUTS")
	if text == "" {
		return 15
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 5 {
		t.Fatalf("LIVELEARN_LINE_CUTS is %q, want a number from 5", text)
	}
	return n
}

// TestFactsArriveOnceThroughALineThatBreaks sends 20,000 facts through 15 cuts, and 100,000 in
// scripts/soak. A commit carries many facts, so a cut falls into each part of one.
func TestFactsArriveOnceThroughALineThatBreaks(t *testing.T) {
	cuts := countCuts(t)
	if testing.Short() {
		cuts = 5
	}
	facts := max(cuts*4/3, 10) * 1_000 // 100,000 with 75 cuts
	d := newDirectLink(t)
	b := startBoxWith(t, t.TempDir(), cloud.Config{}.Quick(), d)
	defer b.stop()
	const answer = `{"id":"0123456789abcdef","round":3,"item":"i_0123456789","response":{"options":["o2"]},"took":1234}`
	for range 50 {
		b.writeFacts("room:a", "quiz.answered", facts/100, answer)
		b.writeFacts("room:b", "quiz.answered", facts/100-1, answer)
		b.writeFacts("room:b", "quiz.answered", 1, `{"text":"poison \u0000"}`)
	}
	d.line.SetCut(facts*200/cuts, 7)
	if err := b.Link(t.Context(), d.url); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 10*time.Minute, "all is in the cloud", func() bool { _, n := b.Waiting(); return n == 0 })
	d.line.SetCut(0, 0)
	b.Sync()
	waitFor(t, time.Minute, "the two agree about dead letters", func() bool { return len(b.DeadFacts()) == 50 })
	if got := d.line.CutCount(); got < cuts {
		t.Errorf("%d cuts, want %d or more", got, cuts)
	}
	if got := d.queryInt(t, "select count(*) from livelearn.facts where kind = 'quiz.answered'"); got != facts-50 {
		t.Errorf("%d facts in the cloud, want %d", got, facts-50)
	}
	if got := d.queryInt(t, "select count(distinct (stream, epoch, seq)) from livelearn.facts where kind = 'quiz.answered'"); got != facts-50 {
		t.Errorf("%d different facts, want %d", got, facts-50)
	}
	if got := d.queryInt(t, "select count(*) from livelearn.dead_letters where resolved is null and code = '22P05'"); got != 50 {
		t.Errorf("%d dead letters in the cloud, want 50", got)
	}
	t.Logf("%d facts, %d cuts, %d dead letters", facts-50, d.line.CutCount(), len(b.DeadFacts()))
}

// execSQL changes the database without the program.
func (d *directLink) execSQL(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestItemsAreAppliedOnceThroughALineThatBreaks(t *testing.T) {
	const classes, quizzes, wrong = 300, 900, 50
	want := countCuts(t)
	d := newDirectLink(t)
	for i := range classes {
		it := classItem(0, fmt.Sprint("class-", i), fmt.Sprint("Class ", i), "Ada", "Ben", "Cleo")
		if _, err := d.PutItem(t.Context(), "Hill School", cloud.ItemClass, it.ID, it.Data, false); err != nil {
			t.Fatal(err)
		}
	}
	d.execSQL(t, `select livelearn.put_item(1, 'quiz', 'wrong-' || n, '{"title": 7}', false) from generate_series(1, $1::int) n`, wrong)
	d.execSQL(t, `select livelearn.put_item(1, 'quiz', 'quiz-' || n, jsonb_build_object('title', 'Quiz ' || n,
		'items', '[{"kind":"truefalse","text":"x","points":1,"key":{"weights":{"t":1}}}]'::jsonb), false) from generate_series(1, $1::int) n`, quizzes)
	s := newSchoolFixture(t, t.TempDir())
	d.line.SetCut(16<<10, 5)
	cuts := 0
	for end := time.Now().Add(5 * time.Minute); ; {
		sink, done, err := d.Open(t.Context(), cloud.Link{Box: "b_1"})
		if err == nil {
			err = s.PullAll(t.Context(), sink)
			done()
		}
		if err == nil && cuts >= want {
			break
		}
		if err == nil { // send all once more, the rows must not change
			if err := s.ResetCursors(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if cuts++; errs.KindOf(err) != errs.Down || time.Now().After(end) {
			t.Fatalf("after %d cuts: %v", cuts, err)
		}
	}
	got := s.describe()
	if len(got) != classes+quizzes || len(slices.Compact(got)) != classes+quizzes {
		t.Errorf("%d classes and quizzes, want %d", len(got), classes+quizzes)
	}
	for _, line := range got {
		if strings.HasPrefix(line, "Class") && strings.Count(line, "/") != 6 {
			t.Errorf("not three pupils: %s", line)
		}
	}
	refused := map[string]bool{}
	for _, n := range s.notes {
		if strings.HasPrefix(n, cloud.NoteRefused) {
			refused[n] = true
		}
	}
	if len(refused) != wrong {
		t.Errorf("%d refused, want %d", len(refused), wrong)
	}
	t.Logf("%d classes, %d quizzes, %d refused, %d breaks, %d cuts", classes, quizzes, len(refused), cuts, d.line.CutCount())
}

// waitFor polls until ok returns true.
func waitFor(t testing.TB, most time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // real connections are cut
		if ok() {
			return
		}
	}
	t.Fatalf("not in %v: %s", most, what)
}
