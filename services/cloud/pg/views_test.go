package pg_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/pg"
)

const hour = int64(3600 * 1000)

// addSmallLesson adds a small lesson of a box that got the time only afterwards. Its clock was ten
// hours slow.
func addSmallLesson(x *boxWriter) {
	x.untrusted = true
	off := 10 * hour
	late := func(f *cloud.Grades) { f.Started, f.Ended = f.Started-off, f.Ended-off }
	x.addReport(cloud.Listed, cloud.Listing{Class: "c1", Name: "7b", Pupils: []cloud.ListedPupil{
		{ID: "u_ben", Name: "Benjamin", Source: "S1"}, {ID: "u_mia", Name: "Mia"},
	}})
	x.addReport(cloud.Listed, cloud.Listing{Class: "c1", Name: "7b", Pupils: []cloud.ListedPupil{
		{ID: "u_ben", Name: "Ben", Source: "S1"}, {ID: "u_mia", Name: "Mia"},
	}})
	x.addFact("room:r1", "", "lesson.started", `{"lesson":"l1","title":"Fractions"}`)
	x.addFact("room:r1", "u_ben", "room.came", "{}")
	x.addFact("room:r1", "u_ben", "quiz.answered", `{"round":1,"item":"q1","response":{"choices":["a"]},"took":1200}`)
	x.addFact("room:r1", "", "lesson.ended", `{"lesson":"l1"}`)
	g := cloud.Grades{
		Lesson: "l1", Class: "c1", Title: "Fractions", Started: started + 3000, Ended: started + 6000,
		Items: []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "1/2 + 1/2", Points: 2, Graded: true}, {ID: "q2", Kind: "poll", Title: "Clear?"}},
		Pupils: []cloud.PupilGrades{
			{Pupil: "u_ben", Came: started + 4000 - off, MS: 90_000, Marks: map[string]cloud.Mark{"q1": {Fraction: 0.5, Points: 1}}},
			{Pupil: "u_mia"},
		},
	}
	late(&g)
	x.addReport(cloud.Graded, g)
	g.Pupils[0].Marks["q1"] = cloud.Mark{Fraction: 1, Points: 2} // graded again
	x.addReport(cloud.Graded, g)
	for i := range x.facts {
		x.facts[i].Wall -= off
	}
	x.mono += 1000
	x.untrusted = false
	x.addReport(cloud.Anchored, cloud.Anchor{Boot: x.boot, Mono: x.mono + 1000, Wall: started + x.mono + 1000})
	x.mono += 5000
	x.addReport(cloud.Reported, cloud.Report{Version: "1.2", Worst: "warn", Free: 5})
}

func TestALessonIsReadInPlainViewsAtTheRightTime(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	addSmallLesson(x)
	if got := r.put(x.takeBatch()); got.Stored != 10 || len(got.Dead) > 0 {
		t.Fatalf("got %+v", got)
	}
	at := func(s int64) string { return time.UnixMilli(started + s*1000).UTC().Format("15:04:05") }
	for sql, want := range map[string]string{
		`select class_name, lesson, title, question, name, points, max, fraction, answered, graded, started at time zone 'UTC' from livelearn.results order by item, pupil`: "" +
			"7b|l1|Fractions|1/2 + 1/2|Ben|2|2|1|t|t|" + at(3) + "\n7b|l1|Fractions|1/2 + 1/2|Mia||2||f|t|" + at(3) +
			"\n7b|l1|Fractions|Clear?|Ben||0||f|f|" + at(3) + "\n7b|l1|Fractions|Clear?|Mia||0||f|f|" + at(3),
		`select name, present, came at time zone 'UTC', minutes::text from livelearn.attendance order by pupil`:                               "Ben|t|" + at(4) + "|1.5\nMia|f||0.0",
		`select room, lesson, title, class_name, started at time zone 'UTC', ended at time zone 'UTC', graded, pupils from livelearn.lessons`: "r1|l1|Fractions|7b|" + at(3) + "|" + at(6) + "|t|1",
		`select room, lesson, round, item, name, response ->> 'choices', took_ms, at at time zone 'UTC', dated from livelearn.answers`:        `r1|l1|1|q1|Ben|["a"]|1200|` + at(5) + `|t`,
		`select pupil, name, source from livelearn.pupils order by pupil`:                                                                     "u_ben|Ben|S1\nu_mia|Mia|",
		`select box, name, version, watermark, facts, dead, report ->> 'worst' from livelearn.boxes_seen`:                                     ada + "|Room 12|1.0|10|10|0|warn",
		`select count(*) from livelearn.facts_at where not dated`:                                                                             "0",
	} {
		if diff := cmp.Diff(r.queryText(sql), want); diff != "" {
			t.Errorf("%s\n%s", sql, diff)
		}
	}
}

// queryText returns the rows of a query as text. Times have the time of day only.
func (r *rig) queryText(sql string) string {
	r.t.Helper()
	rows, err := r.db.Query(r.t.Context(), sql)
	r.must(err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		values, err := rows.Values()
		r.must(err)
		var cells []string
		for _, v := range values {
			switch v := v.(type) {
			case nil:
				cells = append(cells, "")
			case bool:
				cells = append(cells, fmt.Sprint(v)[:1])
			case time.Time:
				cells = append(cells, v.Format("15:04:05"))
			default:
				cells = append(cells, fmt.Sprint(v))
			}
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	r.must(rows.Err())
	return strings.Join(lines, "\n")
}

func TestAReaderSeesTheViewsAndNoTable(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	addSmallLesson(x)
	r.put(x.takeBatch())
	db := connectRaw(t, r.url)
	if _, err := db.Exec(t.Context(), `set role livelearn_read`); err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"facts_at", "lessons", "results", "attendance", "answers", "pupils", "boxes_seen", "dead"} {
		if _, err := db.Exec(t.Context(), `select * from livelearn.`+view); err != nil {
			t.Errorf("%s: %v", view, err)
		}
		if n := r.queryInt(`select count(*) from pg_class where oid = ('livelearn.' || $1)::regclass and obj_description(oid) is not null`, view); n != 1 {
			t.Errorf("%s says nothing of itself", view)
		}
	}
	for _, table := range []string{"facts", "boxes", "tokens", "secrets", "codes", "facts_undated"} {
		if _, err := db.Exec(t.Context(), `select * from livelearn.`+table); err == nil {
			t.Errorf("reads %s", table)
		}
	}
	if _, err := db.Exec(t.Context(), `delete from livelearn.dead`); err == nil {
		t.Error("deletes")
	}
}

func TestABrokenGradingHidesNoOther(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	addSmallLesson(x)
	x.addReport(cloud.Graded, `{"lesson":"l2","pupils":null,"items":null}`)
	x.addReport(cloud.Graded, `{"lesson":"l3","pupils":[{"pupil":"u_ben","marks":null}],"items":null,"started":0,"ended":0}`)
	x.addReport(cloud.Graded, `[]`)
	x.addReport(cloud.Listed, `{"class":"c2","pupils":null}`)
	x.addReport(cloud.Anchored, `{"boot":"x"}`)
	if got := r.put(x.takeBatch()); len(got.Dead) > 0 {
		t.Fatalf("got %+v", got)
	}
	if n := r.queryInt(`select count(*) from livelearn.results where lesson = 'l1'`); n != 4 {
		t.Fatalf("%d results", n)
	}
}

func TestExportsGiveTheNewestGrading(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	addSmallLesson(x)
	r.put(x.takeBatch())
	var results []pg.ResultRow
	for row, err := range r.store.Results(t.Context(), pg.Period{School: school}) {
		r.must(err)
		results = append(results, row)
	}
	if len(results) != 4 || results[0].Pupil != "u_ben" || results[0].Points != 2 || results[0].ClassName != "7b" || !results[0].Started.Equal(time.UnixMilli(started+3000)) {
		t.Fatalf("got %+v", results)
	}
	var came []pg.AttendanceRow
	for row, err := range r.store.Attendance(t.Context(), pg.Period{}) {
		r.must(err)
		came = append(came, row)
	}
	if len(came) != 2 || came[0].Stay != 90*time.Second || !came[1].Came.IsZero() {
		t.Fatalf("got %+v", came)
	}
	for _, err := range r.store.Results(t.Context(), pg.Period{School: school, Since: time.Now().Add(time.Hour)}) {
		t.Fatalf("a row from the future, %v", err)
	}
	for range r.store.Results(t.Context(), pg.Period{School: school}) {
		break // the loop must return its connection
	}
}

func TestStatementsHaveScoresAndVoidReplacedOnes(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	addSmallLesson(x)
	r.put(x.takeBatch())
	q := pg.StatementQuery{Home: "https://cloud.example", School: school, Limit: 1, Ascending: true}
	type got struct {
		ID     string
		Actor  struct{ Account struct{ Name string } }
		Verb   struct{ ID string }
		Object struct{ ObjectType, ID string }
		Result struct {
			Score    struct{ Raw, Scaled float64 }
			Success  bool
			Duration string
		}
	}
	byVerb, ids := map[string][]got{}, map[string]bool{}
	for {
		list, next, err := r.store.Statements(t.Context(), q)
		r.must(err)
		for _, raw := range list {
			var s got
			r.must(json.Unmarshal(raw, &s))
			byVerb[s.Verb.ID] = append(byVerb[s.Verb.ID], s)
			ids[s.ID] = true
		}
		if q.More = next; next == "" {
			break
		}
	}
	const verbs = "http://adlnet.gov/expapi/verbs/"
	if len(ids) != 4 || len(byVerb[verbs+"voided"]) != 2 || len(byVerb[verbs+"attended"]) != 1 || len(byVerb[verbs+"answered"]) != 1 {
		t.Fatalf("got %+v", byVerb)
	}
	a := byVerb[verbs+"answered"][0]
	if a.Actor.Account.Name != "S1" || a.Object.ID != "https://cloud.example/lessons/l1/items/q1" || a.Result.Score.Scaled != 1 || !a.Result.Success {
		t.Fatalf("answered %+v", a)
	}
	if w := byVerb[verbs+"attended"][0]; w.Result.Duration != "PT90S" || w.Result.Score.Raw != 2 {
		t.Fatalf("attended %+v", w)
	}
	for _, v := range byVerb[verbs+"voided"] {
		if v.Object.ObjectType != "StatementRef" || ids[v.Object.ID] {
			t.Fatalf("voided %+v", v)
		}
	}
	for n, q := range map[int]pg.StatementQuery{
		1: {Home: q.Home, ID: strings.ToUpper(a.ID)},
		2: {Home: q.Home, Pupil: "S1"},
		0: {Home: q.Home, Until: time.UnixMilli(started)},
	} {
		if list, _, err := r.store.Statements(t.Context(), q); err != nil || len(list) != n {
			t.Errorf("%+v: got %d, %v", q, len(list), err)
		}
	}
	q.More = ""
	q.Limit, q.Activity = 0, a.Object.ID
	if list, _, err := r.store.Statements(t.Context(), q); err != nil || len(list) != 1 {
		t.Errorf("by activity: %d, %v", len(list), err)
	}
	q.Activity = "https://elsewhere.example/lessons/l1"
	if list, _, err := r.store.Statements(t.Context(), q); err != nil || len(list) != 0 {
		t.Errorf("by an activity of elsewhere: %d, %v", len(list), err)
	}
}

func TestTheListOfBoxesShowsTheirState(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addAnswers(5)
	r.put(x.takeBatch())
	_, err := r.store.State(t.Context(), ada, cloud.Self{Box: ada, Name: "Room 14", Version: "3.1", Format: 1, Incarnation: 7, Position: 9})
	r.must(err)
	restored := newBox(ada, 8)
	restored.addAnswers(5)
	r.put(restored.takeBatch())
	list, err := r.store.Boxes(t.Context(), "")
	r.must(err)
	if len(list) != 1 {
		t.Fatalf("got %+v", list)
	}
	got := list[0]
	if got.Name != "Room 14" || got.Version != "3.1" || got.Position != 9 || got.Mark != 5 || got.Behind != 4 || got.Facts != 5 || got.Past != 1 || got.Seen == nil {
		t.Fatalf("got %+v", got)
	}
	schools, err := r.store.Schools(t.Context())
	r.must(err)
	if len(schools) != 1 || schools[0].Boxes != 1 || schools[0].ChatDays != 30 || !schools[0].Policy.Names {
		t.Fatalf("got %+v", schools)
	}
}
