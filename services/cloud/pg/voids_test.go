package pg_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/cloud/schema"
	"github.com/livelearn/box/services/errs"
)

// dumpDerived returns what is made of the facts: each view, each table of rows, and the ids of the
// statements. Views of the operation (boxes_seen, voids) are left out.
func (r *rig) dumpDerived() string {
	r.t.Helper()
	rows, err := r.db.Query(r.t.Context(), `select table_name from information_schema.views
		where table_schema = 'livelearn' and table_name not in ('boxes_seen', 'voids') order by 1`)
	r.must(err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	names = append(names, "lesson_rows", "item_rows", "mark_rows", "week_rows", "class_rows", "name_rows", "people", "arrivals", "anchors")
	r.checkWeeks()
	var all strings.Builder
	for _, name := range names { // a rebuild may give a lesson another number
		all.WriteString("-- " + name + "\n" + r.queryText(`select (to_jsonb(x) - '{id,row_id}'::text[])::text from livelearn.`+name+` x order by 1`) + "\n")
	}
	fmt.Fprintln(&all, "-- statements\n"+strings.Join(r.statementsSince(pg.StatementQuery{}), "\n"))
	return all.String()
}

// checkWeeks compares the sums of the weeks with those of the marks.
func (r *rig) checkWeeks() {
	r.t.Helper()
	const sums = `select m.school, m.box, m.pupil, (date_trunc('week', l.g_started, 'UTC') at time zone 'UTC')::date, count(*), count(m.came), sum(m.asked), sum(m.answered),
		sum(m.rate::numeric), sum(m.total::numeric), sum(m.max::numeric) from livelearn.mark_rows m join livelearn.lesson_rows l on l.id = m.row_id group by 1, 2, 3, 4`
	const kept = `select school, box, pupil, week, lessons, present, asked, answered, fractions, points, max from livelearn.week_rows`
	if n := r.queryInt(`select count(*) from ((` + sums + ` except ` + kept + `) union all (` + kept + ` except ` + sums + `)) x`); n > 0 {
		r.t.Errorf("%d sums of weeks differ from those of the marks", n)
	}
}

// diffLines returns the lines that two dumps do not share.
func diffLines(want, got string) string {
	var out []string
	for sign, pair := range map[string][2]string{"-": {want, got}, "+": {got, want}} {
		for line := range strings.Lines(pair[0]) {
			if !strings.Contains(pair[1], line) {
				out = append(out, sign+" "+line)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// addHonest adds lessons that hang on facts around them: two run, one is dated by an anchor, and a
// pupil is in no list.
func (b *boxWriter) addHonest() {
	addSmallLesson(b)
	b.addTown("7b", cloud.ListedPupil{ID: "p_1a", Name: "Ada B", Source: "u-1"}, cloud.ListedPupil{ID: "p_1b", Name: "Ben"})
	for _, open := range [][2]string{{"room:r2", "l_open"}, {"room:r3", "l_run"}} {
		room, lesson := open[0], open[1]
		b.addFact(room, "t_1", "lesson.started", `{"lesson":"`+lesson+`","title":"Open"}`)
		b.addFact(room, "t_1", "quiz.loaded", `{"id":"quiz-1","title":"Q","items":[{"id":"q1"}]}`)
		b.addFact(room, "p_1a", "quiz.answered", `{"round":1,"item":"q1","response":{"options":["b"]},"took":1200}`)
		b.addReport(cloud.Graded, cloud.Grades{
			Lesson: lesson, Class: "c_unlisted", Title: "Open", Started: started, Ended: started + hour,
			Items:  []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "1/2", Points: 2, Graded: true}},
			Pupils: []cloud.PupilGrades{{Pupil: "p_unlisted", Came: started, MS: hour, Marks: map[string]cloud.Mark{"q1": {Fraction: 1, Points: 2}}}},
		})
	}
}

// addForged adds what a person with the box could say of the same lessons. Of l_run itself it says
// nothing, so that no trigger looks at it.
func (b *boxWriter) addForged() {
	b.addFact("room:r2", "t_1", "quiz.loaded", `{"id":"quiz-9","title":"Q","items":[{"id":"q1","text":"forged"}]}`)
	b.addFact("room:r2", "t_1", "lesson.ended", `{"lesson":"l_open"}`)
	b.addFact("room:r3", "t_2", "lesson.started", `{"lesson":"l_forged","title":"Forged"}`)
	b.addFact("room:r3", "p_1b", "quiz.answered", `{"round":1,"item":"q1","response":{"options":["c"]},"took":1}`)
	b.addReport(cloud.Listed, cloud.Listing{Class: "c_unlisted", Name: "Forged", Pupils: []cloud.ListedPupil{{ID: "p_unlisted", Name: "Forged"}}})
	b.addReport(cloud.Listed, cloud.Listing{Class: "c_" + b.id, Name: "Forged", Source: "k-9", Pupils: []cloud.ListedPupil{{ID: "p_1a", Name: "Forged", Source: "u-9"}}})
	b.addReport(cloud.Graded, cloud.Grades{Lesson: "l_open", Class: "c_unlisted", Title: "Forged", Pupils: []cloud.PupilGrades{{Pupil: "p_1a", Came: started}}})
	b.addReport(cloud.Graded, cloud.Grades{Lesson: "l_forged", Class: "c_unlisted", Title: "Forged", Pupils: []cloud.PupilGrades{{Pupil: "p_1a", Came: started}}})
	b.addReport(cloud.Anchored, cloud.Anchor{Boot: b.boot, Mono: 1, Wall: started - 90*24*hour})
}

// What hangs on a fact is not only what the fact itself says: a list names the marks of others, a
// quiz is the source of questions, a start ends the lesson before it, an anchor dates a whole run.
func TestAVoidTakesBackAllThatHangsOnAFact(t *testing.T) {
	r := newRig(t)
	r.enrol(school, "two")
	two := newBox("two", 8)
	two.addTown("7x", cloud.ListedPupil{ID: "p_2a", Name: "Ada Brown", Source: "u-1"})
	r.put(two.takeBatch())
	x := newBox(ada, 7)
	x.addHonest()
	if got := r.put(x.takeBatch()); len(got.Dead) > 0 {
		t.Fatalf("got %+v", got)
	}
	honest := r.dumpDerived()
	var stolen time.Time
	r.must(r.db.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&stolen))
	x.addForged()
	if got := r.put(x.takeBatch()); got.Stored != 9 || len(got.Dead) > 0 {
		t.Fatalf("got %+v", got)
	}
	forged := r.dumpDerived()
	if n := strings.Count(forged, "Forged"); n < 10 {
		t.Fatalf("%d forged rows: the test proves nothing", n)
	}
	if _, err := r.store.Rebuild(t.Context(), school); err != nil {
		t.Fatal(err)
	}
	if diff := diffLines(forged, r.dumpDerived()); diff != "" {
		t.Errorf("a rebuild differs from the triggers: %s", diff)
	}
	n, err := r.store.VoidBox(t.Context(), ada, stolen)
	r.must(err)
	if n != 9 {
		t.Errorf("%d facts were voided, want 9", n)
	}
	if diff := diffLines(honest, r.dumpDerived()); diff != "" {
		t.Errorf("after the void: %s", diff)
	}
	r.undoLastVoid(9)
	// They arrive once more, so that readers with a bookmark see them.
	arrival := regexp.MustCompile(`"(received|stored|superseded)": "[^"]*"`)
	if diff := diffLines(arrival.ReplaceAllString(forged, ""), arrival.ReplaceAllString(r.dumpDerived(), "")); diff != "" {
		t.Errorf("after the void was taken back: %s", diff)
	}
	_, err = r.store.VoidBox(t.Context(), ada, stolen)
	r.must(err)
	_, err = r.db.Exec(t.Context(), `delete from livelearn.lesson_rows; delete from livelearn.item_rows; delete from livelearn.mark_rows;
		delete from livelearn.class_rows; delete from livelearn.name_rows; delete from livelearn.people`)
	r.must(err)
	_, err = r.store.Rebuild(t.Context(), school)
	r.must(err)
	if diff := diffLines(honest, r.dumpDerived()); diff != "" {
		t.Errorf("after a rebuild: %s", diff)
	}
}

// undoLastVoid takes the last void back and checks the number of its facts, before and after.
func (r *rig) undoLastVoid(facts int64) {
	r.t.Helper()
	list, err := r.store.Voids(r.t.Context(), school)
	r.must(err)
	effect, err := r.store.LookUpVoid(r.t.Context(), list[0].ID)
	r.must(err)
	n, err := r.store.UndoVoid(r.t.Context(), list[0].ID)
	r.must(err)
	if n != facts || effect.Back != n {
		r.t.Errorf("%d facts count again, want %d. The look said %+v", n, facts, effect)
	}
	if _, err := r.store.UndoVoid(r.t.Context(), list[0].ID); errs.BodyOf(err).Code != "undone" {
		r.t.Errorf("a second time: %v", err)
	}
	if list, err = r.store.Voids(r.t.Context(), ""); err != nil || list[0].Undone == nil {
		r.t.Errorf("the list says %+v, %v", list, err)
	}
}

// TestAVoidWithAWrongTimeIsTakenBack voids what two boxes said, one over HTTPS and one with a login of
// the database. A pupil is erased before the voids are taken back.
func TestAVoidWithAWrongTimeIsTakenBack(t *testing.T) {
	r := newRig(t)
	direct := openStore(t, r.openLogin("box-direct")).DirectSink("box-direct")
	for _, box := range []struct {
		id  string
		put func(*batch.Batch) (cloud.Receipt, error)
	}{
		{ada, func(b *batch.Batch) (cloud.Receipt, error) { return r.store.Ingest(t.Context(), ada, b) }},
		{"box-direct", func(b *batch.Batch) (cloud.Receipt, error) { return direct.Put(t.Context(), b) }},
	} {
		t.Run(box.id, func(t *testing.T) {
			id := box.id
			x := newBox(id, 7)
			gone, stays := "p_gone"+id, "p_stays"+id
			x.addReport(cloud.Listed, cloud.Listing{Class: "c" + id, Name: "7b", Pupils: []cloud.ListedPupil{{ID: gone, Name: "Gone Girl"}, {ID: stays, Name: "Stay Put"}}})
			x.addFact("room:r"+id, gone, "chat.said", `{"text":"Gone Girl here"}`)
			x.addFact("room:r"+id, stays, "chat.said", `{"text":"hello"}`)
			_, err := box.put(x.takeBatch())
			r.must(err)
			r.exec(`insert into livelearn.dead_letters (school, box, incarnation, pos, stream, epoch, seq, boot, mono, kind, code, text, body)
				select school, id, 7, 99, 'room:x', 1, 99, 1, 1, 'chat.said', '22P05', 'bad', convert_to('{"by":"' || $2 || '"}', 'UTF8') from livelearn.boxes where id = $1`, id, gone)
			r.exec(`insert into livelearn.erasures_asked (school, pupil, box) select school, $2, id from livelearn.boxes where id = $1`, id, stays)
			honest := r.queryInt(`select count(*) from livelearn.facts where box = $1`, id)
			n, err := r.store.VoidBox(t.Context(), id, time.UnixMilli(0))
			r.must(err)
			left := r.queryInt(`select (select count(*) from livelearn.facts where box = $1) + (select count(*) from livelearn.dead_letters where box = $1) + (select count(*) from livelearn.erasures_asked where box = $1)`, id)
			if int(n) != honest || left != 0 {
				t.Fatalf("%d of %d facts were voided, and %d rows are left", n, honest, left)
			}
			r.must(r.store.ErasePupil(t.Context(), school, gone))
			if n := r.queryInt(`select count(*) from livelearn.voided where payload::text like '%Gone Girl%' or author = $1`, gone); n != 0 {
				t.Errorf("%d voided facts tell of an erased pupil", n)
			}
			r.undoLastVoid(n)
			if back := r.queryInt(`select count(*) from livelearn.facts where box = $1`, id); back != honest {
				t.Errorf("%d facts are back of %d", back, honest)
			}
			if n := r.queryInt(`select count(*) from livelearn.facts where payload::text like '%Gone Girl%' or author = $1`, gone); n != 0 {
				t.Errorf("%d facts tell of an erased pupil", n)
			}
			if n := r.queryInt(`select count(*) from livelearn.name_rows where name = 'Stay Put' and pupil = $1`, stays); n != 1 {
				t.Errorf("%d names of the other pupil", n)
			}
			if n := r.queryInt(`select count(*) from livelearn.dead_letters where box = $1 and body is null and code = '22P05'`, id); n != 1 {
				t.Errorf("%d refused facts are back without what the pupil said", n)
			}
			if n := r.queryInt(`select count(*) from livelearn.erasures_asked where box = $1 and pupil = $2`, id, stays); n != 1 {
				t.Errorf("%d erasures are asked for", n)
			}
			if n := r.queryInt(`select count(*) from livelearn.audit where action = 'void taken back' and object = $1 and detail like '%facts'`, id); n != 1 {
				t.Errorf("%d entries of the audit log", n)
			}
		})
	}
	if _, err := r.store.LookUpVoid(t.Context(), 999); errs.BodyOf(err).Code != "no_void" {
		t.Errorf("a void that is not: %v", err)
	}
}

// TestAVoidOfTheVersionBeforeIsTakenBack voids with the schema of the step before, which knows no list of
// voids, and erases a pupil, who stays in what was voided there.
func TestAVoidOfTheVersionBeforeIsTakenBack(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addTown("7b", cloud.ListedPupil{ID: "p_1", Name: "Gone Girl"}, cloud.ListedPupil{ID: "p_2", Name: "Stay Put"})
	addSmallLesson(x)
	r.put(x.takeBatch())
	honest := r.queryInt(`select count(*) from livelearn.facts`)
	step, err := schema.Steps.ReadFile("00016_voids.sql")
	r.must(err)
	up, down, _ := strings.Cut(string(step), "-- +goose Down")
	r.exec(down)
	if n := r.queryInt(`select livelearn.void_box($1, '2000-01-01')`, ada); n != honest {
		t.Fatalf("%d facts were voided of %d", n, honest)
	}
	r.must(r.store.ErasePupil(t.Context(), school, "p_1"))
	r.exec(up)
	if n := r.queryInt(`select count(*) from livelearn.voided where payload::text like '%Gone Girl%'`); n != 0 {
		t.Errorf("%d voided facts tell of an erased pupil", n)
	}
	r.undoLastVoid(int64(honest))
	if n := r.queryInt(`select count(*) from livelearn.facts`); n != honest {
		t.Errorf("%d facts are back of %d", n, honest)
	}
}

// TestAnErasureChangesTheRowTablesAsARebuildDoes erases a pupil and the facts' payloads by age.
func TestAnErasureChangesTheRowTablesAsARebuildDoes(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addHonest()
	r.put(x.takeBatch())
	for _, step := range []struct {
		name  string
		erase func() error
	}{
		{"pupil", func() error { return r.store.ErasePupil(t.Context(), school, "p_1a") }},
		{"age", func() error { _, err := r.store.Retain(t.Context(), dayAfter(456)); return err }},
	} {
		name := step.name
		before := r.dumpDerived()
		r.must(step.erase())
		after := r.dumpDerived()
		if after == before || strings.Contains(after, "Ada B") {
			t.Errorf("%s: the rows are not changed", name)
		}
		_, err := r.store.Rebuild(t.Context(), school)
		r.must(err)
		if diff := diffLines(after, r.dumpDerived()); diff != "" {
			t.Errorf("%s: a rebuild differs: %s", name, diff)
		}
	}
}
