package pg_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
)

// addLessons adds n lessons of one class of 30 with 10 questions each. All are graded, and the
// first ten are graded twice.
func (b *boxWriter) addLessons(n int) {
	var list cloud.Listing
	g := cloud.Grades{Class: "c_" + b.id, Title: "Fractions", Started: started, Ended: started + hour}
	for i := range 10 {
		g.Items = append(g.Items, cloud.GradedItem{ID: fmt.Sprint("q", i), Kind: "single", Title: "What is the capital?", Points: 1, Graded: true})
	}
	for i := range 30 {
		s := cloud.PupilGrades{Pupil: fmt.Sprintf("p_%s_%02d", b.id, i), Came: started + 1, MS: hour, Marks: map[string]cloud.Mark{}}
		for _, q := range g.Items {
			s.Marks[q.ID] = cloud.Mark{Fraction: 1, Points: 1}
		}
		g.Pupils = append(g.Pupils, s)
		list.Pupils = append(list.Pupils, cloud.ListedPupil{ID: s.Pupil, Name: fmt.Sprint("Pupil ", i)})
	}
	list.Class = g.Class
	b.addReport(cloud.Listed, list)
	for i := range n {
		g.Lesson = fmt.Sprintf("l_%s_%d", b.id, i)
		b.addReport(cloud.Graded, g)
		if i < 10 {
			b.addReport(cloud.Graded, g)
		}
	}
}

// plan is the EXPLAIN output of a node and its children.
type plan struct {
	Hit  int `json:"Shared Hit Blocks"`
	Read int `json:"Shared Read Blocks"`
	Temp int `json:"Temp Written Blocks"`
}

// measurePage returns the number of pages of tables and temporary files that the first query of a
// page touches.
func (r *rig) measurePage(q pg.StatementQuery) plan {
	r.t.Helper()
	q.Limit = 500
	sql, args, err := q.SQL()
	r.must(err)
	var raw []byte
	r.must(r.db.QueryRow(r.t.Context(), "explain (analyze, buffers, timing off, format json) "+sql, args...).Scan(&raw))
	var out []struct{ Plan plan }
	r.must(json.Unmarshal(raw, &out))
	return out[0].Plan
}

// TestThePriceOfAPageDependsOnItsSizeOnly compares first pages of a small database and of one with
// ten times the lessons. One school has few lessons, which are older than all others.
func TestThePriceOfAPageDependsOnItsSizeOnly(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddSchool(t.Context(), "Lake School", cloud.Policy{Names: true}))
	r.enrol("Lake School", "lake")
	lake := newBox("lake", 1)
	lake.addLessons(30)
	r.put(lake.takeBatch())
	home := "https://cloud.example"
	asked := map[string]pg.StatementQuery{
		"all":                                 {},
		"the oldest first":                    {Ascending: true},
		"of a school":                         {School: school},
		"of a school of long ago":             {School: "Lake School"},
		"since a day to come":                 {Since: time.Now().Add(time.Hour)},
		"the same, of a school":               {Since: time.Now().Add(time.Hour), School: school},
		"until a day before":                  {Until: dayAfter(-1)},
		"the same, of a school, oldest first": {Until: dayAfter(-1), School: school, Ascending: true},
		"of a pupil of long ago":              {Pupil: "p_lake_07"},
		"of nobody":                           {Pupil: "p_nobody"},
		"of a lesson":                         {Home: home, Activity: home + "/lessons/l_lake_3"},
		"of no lesson":                        {Home: home, Activity: home + "/lessons/none"},
		"voided":                              {Verb: "http://adlnet.gov/expapi/verbs/voided"},
		"voided, of a school":                 {Verb: "http://adlnet.gov/expapi/verbs/voided", School: school},
	}
	x := newBox(ada, 7)
	x.addLessons(40)
	r.put(x.takeBatch())
	small := map[string]plan{}
	for name, q := range asked {
		small[name] = r.measurePage(q)
	}
	for n := range 7 {
		y := newBox(fmt.Sprint("more", n), 9)
		r.enrol(school, y.id)
		y.addLessons(100)
		r.put(y.takeBatch())
	}
	for name, q := range asked {
		was, is := small[name], r.measurePage(q)
		if most := 2*(was.Hit+was.Read) + 200; is.Hit+is.Read > most || is.Temp > 0 {
			t.Errorf("%s: touches %+v, touched %+v of a tenth of the lessons", name, is, was)
		}
	}
}

// TestPagesHaveEachStatementOnce reads pages of any size in both directions. All gradings
// arrived at one moment, and some pages end within a grading.
func TestPagesHaveEachStatementOnce(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addLessons(20)
	r.put(x.takeBatch())
	const want = 20*330 + 10*330 // ten lessons were graded twice, and their first gradings are voided
	turn := func(q pg.StatementQuery) (ids []string) {
		for {
			list, next, err := r.store.Statements(t.Context(), q)
			r.must(err)
			if len(list) > 500 || q.Limit > 0 && len(list) > q.Limit {
				t.Fatalf("a page of %d", len(list))
			}
			for _, raw := range list {
				var s struct{ ID string }
				r.must(json.Unmarshal(raw, &s))
				ids = append(ids, s.ID)
			}
			if q.More = next; next == "" {
				return ids
			}
		}
	}
	down := turn(pg.StatementQuery{})
	if len(down) != want {
		t.Fatalf("%d statements, want %d", len(down), want)
	}
	up := turn(pg.StatementQuery{Ascending: true, Limit: 77, School: school})
	slices.Reverse(up)
	if !slices.Equal(up, down) {
		t.Fatalf("the other way round there are %d, in another order", len(up))
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(down)))); n != want {
		t.Fatalf("%d of %d differ", n, want)
	}
	for name, c := range map[string]struct {
		q pg.StatementQuery
		n int
	}{
		"voided": {pg.StatementQuery{Verb: "http://adlnet.gov/expapi/verbs/voided", Limit: 330}, 3300},
		"pupil":  {pg.StatementQuery{Pupil: "p_" + ada + "_07", Limit: 11}, 20 * 11},
	} {
		if got := turn(c.q); len(got) != c.n {
			t.Errorf("%s: %d, want %d", name, len(got), c.n)
		}
	}
	for _, id := range []string{down[0], down[len(down)/2], down[want-1]} { // the last is a voiding statement
		if got := turn(pg.StatementQuery{ID: id}); len(got) != 1 || got[0] != id {
			t.Errorf("%s: got %v", id, got)
		}
	}
}
