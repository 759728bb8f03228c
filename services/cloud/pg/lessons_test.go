package pg_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
)

// statementsSince returns the ids of all statements since a time.
func (r *rig) statementsSince(q pg.StatementQuery) (ids []string) {
	r.t.Helper()
	for {
		list, next, err := r.store.Statements(r.t.Context(), q)
		r.must(err)
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

// TestAReaderMissesNoGradingThatIsCommittedLate reads while a transaction with a grading is open.
// It began first and commits last.
func TestAReaderMissesNoGradingThatIsCommittedLate(t *testing.T) {
	r := newRig(t)
	_, err := r.db.Exec(t.Context(), `select livelearn.ensure_month('2026-09-21')`)
	r.must(err)
	late, err := r.db.Begin(t.Context())
	r.must(err)
	_, err = late.Exec(t.Context(), `insert into livelearn.facts (epoch, seq, incarnation, pos, boot, mono, wall, school, version, trusted, stream, box, kind, payload)
		select 1, 1, 5, 1, 5, 1, '2026-09-21', id, 1, true, 'report@late', 'late', 'lesson.graded',
			'{"lesson":"l_late","class":"c_late","items":[],"pupils":[{"pupil":"p_late","came":1,"ms":60000,"marks":{}}]}' from livelearn.schools`)
	r.must(err)
	x := newBox(ada, 7)
	addSmallLesson(x)
	r.put(x.takeBatch())
	through, err := r.store.ConsistentThrough(t.Context())
	r.must(err)
	seen := len(r.statementsSince(pg.StatementQuery{}))
	if seen == 0 {
		t.Fatal("the lesson that is here is not read")
	}
	r.must(late.Commit(t.Context()))
	if got := r.statementsSince(pg.StatementQuery{Since: through}); len(got) != 1 {
		t.Errorf("%d statements since then, want that of the late lesson", len(got))
	}
	n := 0
	for row, err := range r.store.Attendance(t.Context(), pg.Period{Since: through}) {
		r.must(err)
		if n++; row.Lesson != "l_late" {
			t.Errorf("an export has %s again", row.Lesson)
		}
	}
	if n != 1 {
		t.Errorf("an export has %d rows since then, want 1", n)
	}
	for range r.store.Attendance(t.Context(), pg.Period{Since: through, Until: through}) {
		t.Error("an export has a row of after its end")
	}
}

// addTown adds a class with a list of the school to a box, and a lesson of it.
func (b *boxWriter) addTown(name string, pupils ...cloud.ListedPupil) {
	class := "c_" + b.id
	b.addReport(cloud.Listed, cloud.Listing{Class: class, Name: name, Source: "k-1", Pupils: pupils})
	lesson := fmt.Sprintf("l_%s_%d", b.id, b.pos)
	b.addFact("room:"+class, "t_"+b.id, "lesson.started", fmt.Sprintf(`{"lesson":%q,"title":"Fractions"}`, lesson))
	b.addFact("room:"+class, "t_"+b.id, "quiz.loaded", `{"id":"quiz-1","title":"Q","items":[{"id":"q1"},{"id":"q2"}]}`)
	b.addFact("room:"+class, pupils[0].ID, "quiz.answered", `{"round":1,"item":"q1","response":{"options":["b"]},"took":1200}`)
	b.addFact("room:"+class, "t_"+b.id, "lesson.ended", fmt.Sprintf(`{"lesson":%q}`, lesson))
	g := cloud.Grades{
		Lesson: lesson, Class: class, Title: "Fractions", Started: started, Ended: started + hour,
		Items: []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "1/2", Points: 2, Graded: true}, {ID: "q2", Kind: "single", Title: "1/4", Points: 1, Graded: true}, {ID: "q3", Kind: "poll"}},
	}
	for i, p := range pupils {
		s := cloud.PupilGrades{Pupil: p.ID, Marks: map[string]cloud.Mark{}}
		if i < 2 { // the third is absent
			s.Came, s.MS = started+1, hour
		}
		if i == 0 {
			s.Marks["q1"] = cloud.Mark{Fraction: 1, Points: 2}
		}
		g.Pupils = append(g.Pupils, s)
	}
	b.addReport(cloud.Graded, g)
}

// moved is a school with two boxes and one list. Ada leaves the class of the first box, is renamed
// and is in the class of the second.
func (r *rig) moved() (one, two *boxWriter) {
	r.enrol(school, "two")
	one, two = newBox(ada, 7), newBox("two", 8)
	one.addTown("7b", cloud.ListedPupil{ID: "p_1a", Name: "Ada B", Source: "u-1"}, cloud.ListedPupil{ID: "p_1b", Name: "Ben", Source: "u-2"}, cloud.ListedPupil{ID: "p_1c", Name: "Cy", Source: "u-3"})
	one.addReport(cloud.Listed, cloud.Listing{Class: "c_" + ada, Name: "7c", Source: "k-1", Pupils: []cloud.ListedPupil{{ID: "p_1b", Name: "Ben", Source: "u-2"}}})
	r.put(one.takeBatch())
	two.addTown("7x", cloud.ListedPupil{ID: "p_2a", Name: "Ada Brown", Source: "u-1"}, cloud.ListedPupil{ID: "p_2d", Name: "Di"})
	r.put(two.takeBatch())
	return one, two
}

const (
	personsSQL = `select person, name, class_key, class_name, count(*) filter (where answered), count(fraction), round(avg(fraction)::numeric, 2)::text
		from livelearn.results group by 1, 2, 3, 4 order by 1, 2`
	personsWant = "p_2d|Di|k-1|7x|0|2|0.00\nu-1|Ada B|k-1|7b|1|2|0.50\nu-1|Ada Brown|k-1|7x|1|2|0.50\nu-2|Ben|k-1|7b|0|2|0.00\nu-3|Cy|k-1|7b|0|0|"
)

func TestAPersonIsOneOnAllBoxesAndKeepsTheNameOfTheLesson(t *testing.T) {
	r := newRig(t)
	r.moved()
	for sql, want := range map[string]string{
		personsSQL: personsWant,
		`select distinct teacher, quiz, length(edition)::text, present, asked from livelearn.results where item = 'q1' order by 1, 4`: "" +
			"t_" + ada + "|quiz-1|8|f|f\nt_" + ada + "|quiz-1|8|t|t\nt_two|quiz-1|8|t|t",
		`select count(distinct edition)::text from livelearn.results where quiz = 'quiz-1'`:                           "1",
		`select pupils::text, roster::text, asked::text, answered::text, teacher from livelearn.lessons order by box`: "2|3|4|1|t_" + ada + "\n2|2|4|1|t_two",
		`select question, asked::text, answered::text, mean::text from livelearn.questions where graded and box = 'two' order by item`: "" +
			"1/2|2|1|1\n1/4|2|0|",
		`select person, pupil, class_key from livelearn.pupils order by 1`:           "p_2d|p_2d|k-1\nu-1|p_2a|k-1\nu-2|p_1b|k-1",
		`select lesson, item, person, name from livelearn.answers where box = 'two'`: "l_two_1|q1|u-1|Ada Brown",
	} {
		if diff := cmp.Diff(want, r.queryText(sql)); diff != "" {
			t.Errorf("%s\n%s", sql, diff)
		}
	}
}

// TestAPushedListIsCountedOnce pushes the list that the boxes have, and one that no box has yet.
func TestAPushedListIsCountedOnce(t *testing.T) {
	r := newRig(t)
	r.moved()
	for _, id := range []string{"k-1", "k-2"} {
		_, err := r.store.PutItem(t.Context(), school, cloud.ItemClass, id, []byte(`{"name":"P","pupils":[{"id":"u-1","name":"Ada"}]}`), false)
		r.must(err)
	}
	if got := r.queryText(`select class_key, count(*)::text from livelearn.pupils group by 1 order by 1`); got != "k-1|3\nk-2|1" {
		t.Errorf("got %s", got)
	}
}

// TestARebuildMakesTheSameTables spoils the tables and makes them again from the facts.
func TestARebuildMakesTheSameTables(t *testing.T) {
	r := newRig(t)
	r.moved()
	x := newBox(ada, 9)
	x.seqs["report@"+ada] = 50
	addSmallLesson(x)
	r.put(x.takeBatch())
	dump := func() (all string) {
		for _, sql := range []string{
			personsSQL, `select to_jsonb(a) - 'row_id' from livelearn.attendance a order by lesson, pupil`, `select * from livelearn.lessons order by lesson`,
			`select to_jsonb(q) - 'row_id' from livelearn.questions q order by lesson, n`,
			`select * from livelearn.pupil_weeks order by box, pupil, week`, `select * from livelearn.pupils order by class, pupil`, `select * from livelearn.answers order by at, lesson`,
		} {
			all += r.queryText(sql) + "\n--\n"
		}
		return all
	}
	was, ids := dump(), r.statementsSince(pg.StatementQuery{})
	_, err := r.db.Exec(t.Context(), `update livelearn.week_rows set present = 99; update livelearn.mark_rows set points = '{}', row_id = -row_id; delete from livelearn.lesson_rows where box = 'two';
		update livelearn.lesson_rows set present = 99, teacher = null; update livelearn.name_rows set name = 'spoilt'; delete from livelearn.people; delete from livelearn.item_rows`)
	r.must(err)
	if dump() == was {
		t.Fatal("nothing was spoilt")
	}
	n, err := r.store.Rebuild(t.Context(), school)
	r.must(err)
	if n != 3 {
		t.Errorf("%d lessons, want 3", n)
	}
	if diff := cmp.Diff(was, dump()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ids, r.statementsSince(pg.StatementQuery{})); diff != "" {
		t.Errorf("other statements: %s", diff)
	}
	if _, err := r.store.Rebuild(t.Context(), "Typo"); err == nil {
		t.Error("rebuilds a school that is not there")
	}
}

// TestAStatementIsFoundByItsIDAtOnce measures the pages that the search reads.
func TestAStatementIsFoundByItsIDAtOnce(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addLessons(40)
	r.put(x.takeBatch())
	ids := r.statementsSince(pg.StatementQuery{Until: time.Now()})
	for _, id := range []string{ids[0], ids[len(ids)-1]} {
		if got := r.statementsSince(pg.StatementQuery{ID: id}); len(got) != 1 || got[0] != id {
			t.Errorf("got %v", got)
		}
		prefix := id[:8] + id[9:13]
		if n := r.queryInt(`select count(*) from livelearn.arrivals where prefix = ('x' || $1)::bit(48)::bigint`, prefix); n != 1 {
			t.Errorf("%d gradings have the prefix of %s", n, id)
		}
	}
}
