package pg_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// withDatabase returns a URL with another database and, if it is not empty, another login.
func withDatabase(t *testing.T, base, database, login, password string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	if login != "" {
		u.User = url.UserPassword(login, password)
	}
	return u.String()
}

// TestAnOrdinaryRoleIsEnough runs what an administrator runs, and then works with a login that may
// create neither roles nor databases and does not write in the schema public.
func TestAnOrdinaryRoleIsEnough(t *testing.T) {
	base := cloudtest.EmptyPostgres(t)
	admin := connectRaw(t, base)
	block, lines, _ := strings.Cut(pg.InitSQL("plain", "plain"), "end $$;\n")
	for _, sql := range append([]string{block + "end $$"}, append(strings.Split(lines, "\n"), "alter role plain password 'x'")...) {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(sql, err)
		}
	}
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), "drop database if exists plain with (force)")
	})
	own := withDatabase(t, base, "plain", "plain", "x")
	if _, err := connectRaw(t, withDatabase(t, base, "plain", "", "")).Exec(t.Context(), "revoke create on schema public from public, plain"); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, url: own, store: openStore(t, own)}
	r.must(r.store.Migrate(t.Context()))
	r.must(r.store.CheckReady(t.Context()))
	r.db = connectRaw(t, own)
	r.must(r.store.AddSchool(t.Context(), school, cloud.Policy{Names: true}))
	r.enrol(school, ada)
	x := newBox(ada, 7)
	addSmallLesson(x)
	if got := r.put(x.takeBatch()); got.Stored != 10 {
		t.Fatalf("got %+v", got)
	}
	if n := r.queryInt(`select count(*) from livelearn.results`); n != 4 {
		t.Errorf("%d results", n)
	}
	if n := r.queryInt(`select count(*) from pg_class where relnamespace = 'public'::regnamespace`); n != 0 {
		t.Errorf("%d objects in public", n)
	}
	_, err := r.store.AddDirect(t.Context(), school, "direct", "")
	if got := pg.ExplainError(err); !strings.Contains(got, "init --print-sql") {
		t.Errorf("a login for a box: got %q, %v", got, err)
	}
}

func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	base := cloudtest.EmptyPostgres(t)
	admin := connectRaw(t, base)
	if _, err := admin.Exec(t.Context(), "create database latin encoding 'LATIN1' locale 'C' template template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), "drop database if exists latin with (force)")
	})
	err := openStore(t, withDatabase(t, base, "latin", "", "")).Migrate(t.Context())
	wantError(t, err, errs.Invalid, "bad_encoding")
	if !strings.Contains(err.Error(), "LATIN1") || !strings.Contains(err.Error(), "encoding 'UTF8'") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheDatabaseSayWhatToDo(t *testing.T) {
	base := cloudtest.EmptyPostgres(t)
	for _, c := range []struct{ url, want string }{
		{withDatabase(t, base, "none", "", ""), "no such database"},
		{withDatabase(t, base, "postgres", "postgres", "wrong"), "refuses the login"},
		{"postgres://u:p@127.0.0.1:1/none", "does not answer"},
		{base, ""},
	} {
		err := openStore(t, c.url).Migrate(t.Context())
		if got := pg.ExplainError(err); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("got %q for %v, want %q", got, err, c.want)
		}
	}
}

// TestAFullDatabaseIsNotReady has the database refuse batches as one without space does.
func TestAFullDatabaseIsNotReady(t *testing.T) {
	r := newRig(t)
	full := func(table string) {
		_, err := r.db.Exec(t.Context(), fmt.Sprintf(`create or replace function full_disk() returns trigger language plpgsql as $$
			begin raise exception 'could not extend file' using errcode = '53100'; end $$;
			create trigger full_disk before insert on livelearn.%s execute function full_disk()`, table))
		r.must(err)
	}
	full("watermarks")
	full("dead_letters")
	r.must(r.store.CheckReady(t.Context()))
	x := newBox(ada, 7)
	x.addAnswers(3)
	b := x.takeBatch()
	_, err := r.store.Ingest(t.Context(), ada, b)
	if errs.KindOf(err) != errs.Down || !strings.Contains(pg.ExplainError(err), "full") {
		t.Fatalf("got %v", err)
	}
	if err := r.store.CheckReady(t.Context()); !strings.Contains(pg.ExplainError(err), "full") {
		t.Errorf("ready, and full: %v", err)
	}
	_, err = r.db.Exec(t.Context(), `drop trigger full_disk on livelearn.watermarks; drop trigger full_disk on livelearn.dead_letters`)
	r.must(err)
	r.must(r.store.CheckReady(t.Context()))
	if n := r.queryInt(`select count(*) from livelearn.dead_letters`); n != 0 {
		t.Errorf("the probe left %d rows", n)
	}
	if got := r.put(b); got.Stored != 3 {
		t.Errorf("got %+v", got)
	}
}

// TestABoxMovesToAnotherSchool moves a box that has read the lists of its school.
func TestABoxMovesToAnotherSchool(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddSchool(t.Context(), "Lake", cloud.Policy{}))
	class := func(of, id string) {
		_, err := r.store.PutItem(t.Context(), of, cloud.ItemClass, id, []byte(`{"name":"P","pupils":[]}`), false)
		r.must(err)
	}
	for i := range 5 {
		class(school, fmt.Sprint("k", i))
	}
	class("Lake", "lake-1")
	class("Lake", "lake-2")
	x := newBox(ada, 7)
	addSmallLesson(x)
	r.put(x.takeBatch())
	had, err := r.store.Items(t.Context(), school)
	r.must(err)
	r.must(r.store.MoveBox(t.Context(), ada, "Lake"))
	page, err := r.store.Pull(t.Context(), ada, had[len(had)-1].N, 0)
	r.must(err)
	got := page.Items
	if len(got) != 3 || got[1].ID != "lake-1" || got[2].ID != "lake-2" { // and the policy
		t.Errorf("the box gets %+v", got)
	}
	x.addAnswers(3)
	r.put(x.takeBatch())
	class("Lake", "lake-3")
	for sql, want := range map[string]string{
		`select s.name, count(*)::text from livelearn.facts f join livelearn.schools s on s.id = f.school group by 1 order by 1`: school + "|10\nLake|3",
		`select school, count(*)::text from livelearn.results group by 1`:                                                        school + "|4",
		`select school from livelearn.boxes_seen`:                                                                                "Lake",
	} {
		if got := r.queryText(sql); got != want {
			t.Errorf("%s: got %s", sql, got)
		}
	}
	r.must(r.store.RemoveSchool(t.Context(), school))
	for _, table := range []string{"facts", "lesson_rows", "mark_rows", "name_rows", "people", "arrivals", "owners", "down"} {
		if n := r.queryInt(`select count(*) from livelearn.` + table + ` where school = 1`); n != 0 {
			t.Errorf("%d rows of the school are left in %s", n, table)
		}
	}
	wantError(t, r.store.RemoveSchool(t.Context(), school), errs.Missing, "no_school")
	wantError(t, r.store.MoveBox(t.Context(), "typo", "Lake"), errs.Missing, "no_box")
}

func TestAPupilOfAHandMadeListIsMatched(t *testing.T) {
	r := newRig(t)
	r.moved()
	r.must(r.store.MatchPupil(t.Context(), school, "p_2d", "u-2"))
	if got := r.queryText(`select distinct pupil from livelearn.results where person = 'u-2' order by 1`); got != "p_1b\np_2d" {
		t.Errorf("got %s", got)
	}
	_, err := r.store.Rebuild(t.Context(), "")
	r.must(err)
	if n := r.queryInt(`select count(distinct pupil) from livelearn.results where person = 'u-2'`); n != 2 {
		t.Errorf("%d pupils after a rebuild", n)
	}
	r.must(r.store.MatchPupil(t.Context(), school, "p_2d", ""))
	if got := r.queryText(personsSQL); got != personsWant {
		t.Errorf("got %s", got)
	}
	wantError(t, r.store.MatchPupil(t.Context(), school, "p_typo", "u-2"), errs.Missing, "no_pupil")
}
