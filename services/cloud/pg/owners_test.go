package pg_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/schema"
)

// TestADatabaseOfTheVersionBeforeMigrates fills a database of the schema before owners. One of its
// boxes forged grades and a class list of another one. Then it migrates the database.
func TestADatabaseOfTheVersionBeforeMigrates(t *testing.T) {
	const before = 6 // the last step of that version
	url := cloudtest.EmptyPostgres(t)
	r := &rig{t: t, url: url, store: openStore(t, url), db: connectRaw(t, url)}
	steps := stdlib.OpenDB(*r.db.Config())
	defer steps.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, steps, schema.Steps, goose.WithTableName("public.livelearn_schema"), goose.WithDisableGlobalRegistry(true))
	r.must(err)
	_, err = p.UpTo(t.Context(), before)
	r.must(err)
	r.exec(`create table livelearn.audit (operator text, address text, school int, school_name text, action text, object text, detail text)`) // the Store of today records its changes
	r.must(r.store.AddSchool(t.Context(), school, cloud.Policy{Names: true}))
	r.enrol(school, ada)
	r.enrol(school, "box-eve")

	x := newBox(ada, 7)
	addSmallLesson(x)
	x.addFact("room:r1", "u_ben", "quiz.answered", `{"text":"\u0000"}`)
	r.put(x.takeBatch())
	want := r.queryText(`select lesson, class_name, pupil, name, coalesce(points, 0), box from livelearn.results order by item, pupil`)
	y := newBox("box-eve", 7)
	y.mono = 1000_000
	y.addReport(cloud.Listed, cloud.Listing{Class: "c1", Name: "Forged", Pupils: []cloud.ListedPupil{{ID: "u_ben", Name: "Forged"}}})
	y.addReport(cloud.Graded, cloud.Grades{Lesson: "l1", Class: "c1", Items: []cloud.GradedItem{{ID: "q1", Graded: true}}, Pupils: []cloud.PupilGrades{{Pupil: "u_ben"}}})
	if got := r.put(y.takeBatch()); got.Stored != 2 {
		t.Fatalf("got %+v", got)
	}
	r.must(r.store.ErasePupil(t.Context(), school, eve))

	r.exec(`drop table livelearn.audit`)
	r.must(r.store.Migrate(t.Context()))
	r.must(r.store.CheckReady(t.Context()))
	r.db = connectRaw(t, url) // the views are others
	if d := cmp.Diff(want, r.queryText(`select lesson, class_name, pupil, name, coalesce(points, 0), box from livelearn.results order by item, pupil`)); d != "" {
		t.Errorf("results (-before the forgery +after the migration):\n%s", d)
	}
	if n := r.queryInt(allFacts); n != 12 {
		t.Errorf("%d facts", n)
	}
	y.addReport(cloud.Graded, cloud.Grades{Lesson: "l1", Class: "c2", Pupils: []cloud.PupilGrades{{Pupil: "u_ben"}}})
	if got := r.put(y.takeBatch()); len(got.Dead) != 1 || got.Dead[0].Code != cloud.CodeForeign {
		t.Errorf("the forger: got %+v", got)
	}
	x.addFact("room:r1", eve, "room.came", "{}") // erased before
	x.addReport(cloud.Graded, cloud.Grades{Lesson: "l1", Class: "c1", Items: []cloud.GradedItem{}, Pupils: []cloud.PupilGrades{{Pupil: "u_ben", Came: started}}})
	if got := r.put(x.takeBatch()); got.Stored != 2 {
		t.Errorf("the box itself: got %+v", got)
	}
	if left := r.findTraces(eve); len(left) > 0 {
		t.Errorf("left: %s", left)
	}
	page, err := r.store.Pull(t.Context(), ada, 0, 100)
	if err != nil || len(page.Items) != 2 || page.Items[1].ID != eve {
		t.Errorf("the boxes are told %+v, %v", page.Items, err)
	}
	again := newBox(ada, 8) // a restored backup: all facts come again
	again.facts, again.pos = x.facts, x.pos
	if got := r.put(again.takeBatch()); got.Stored != 0 || len(got.Dead) != 1 || got.Dead[0].Code == cloud.CodeForeign {
		t.Errorf("a backup: got %+v", got)
	}
	if n := r.queryInt(allDead); n != 2 {
		t.Errorf("%d dead letters", n)
	}
}
