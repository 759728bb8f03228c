package pg_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const (
	eve    = "u_eve0000000000"
	secret = "Eve Unmistakable" // the pupil's name
)

// findTraces returns the rows of all tables that contain any of these words.
func (r *rig) findTraces(words ...string) (found []string) {
	r.t.Helper()
	rows, err := r.db.Query(r.t.Context(), `select table_name from information_schema.tables
		where table_schema = 'livelearn' and table_type = 'BASE TABLE' and table_name not like 'facts\_%'`)
	r.must(err)
	var tables []string
	for rows.Next() {
		var name string
		r.must(rows.Scan(&name))
		tables = append(tables, name)
	}
	r.must(rows.Err())
	for _, table := range tables {
		if table == "erased" { // the table lists the pupils to forget
			continue
		}
		sql := `select x::text from livelearn.` + table + ` x`
		switch table {
		case "down":
			sql += ` where kind <> 'erasure'` // erasure items name the pupil for the boxes
		case "dead_letters":
			sql = `select x::text || convert_from(coalesce(body, ''), 'SQL_ASCII') from livelearn.dead_letters x`
		}
		rows, err := r.db.Query(r.t.Context(), sql)
		r.must(err)
		for rows.Next() {
			var text string
			r.must(rows.Scan(&text))
			if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
				found = append(found, table+": "+text)
			}
		}
		r.must(rows.Err())
	}
	return found
}

func (b *boxWriter) addEve() {
	b.addReport(cloud.Listed, cloud.Listing{Class: "c1", Name: "7b", Pupils: []cloud.ListedPupil{
		{ID: "u_ben", Name: "Ben", Source: "S1"}, {ID: eve, Name: secret, Source: "S-EVE"},
	}})
	b.addFact("room:r1", eve, "room.came", "{}")
	b.addFact("room:r1", eve, "quiz.answered", `{"item":"q1","response":{"text":"`+secret+`"}}`)
	b.addFact("room:r1", "u_ada", "room.muted", map[string]any{"user": eve, "on": true})
	b.addFact("room:r1", "", "quiz.revealed", map[string]any{"marks": map[string]any{eve: 1, "u_ben": 0.5}})
	b.addFact("room:r1", eve, "quiz.answered", `{"text":"\u0000`+secret+`"}`) // a fact that Postgres refuses
	b.addReport(cloud.Graded, cloud.Grades{
		Lesson: "l1", Class: "c1", Title: "Fractions", Started: started, Ended: started + 3600000,
		Items: []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "1/2 + 1/2", Points: 2, Graded: true}},
		Pupils: []cloud.PupilGrades{
			{Pupil: "u_ben", Came: started + 5000, MS: 3000000, Marks: map[string]cloud.Mark{"q1": {Fraction: 0.5, Points: 1}}},
			{Pupil: eve, Came: started + 6000, MS: 2000000, Marks: map[string]cloud.Mark{"q1": {Fraction: 1, Points: 2}}},
		},
	})
}

func TestAnErasedPupilIsUnreadableInTheCloud(t *testing.T) {
	r := newRig(t)
	class, err := json.Marshal(cloud.Class{Name: "7b", Pupils: []cloud.Pupil{{ID: "S1", Name: "Ben"}, {ID: "S-EVE", Name: secret}}})
	r.must(err)
	_, err = r.store.PutItem(t.Context(), school, cloud.ItemClass, "c1", class, false)
	r.must(err)
	x := newBox(ada, 7)
	x.addEve()
	if got := r.put(x.takeBatch()); got.Stored != 6 || len(got.Dead) != 1 {
		t.Fatalf("got %+v", got)
	}
	before := r.queryInt(allFacts)
	if len(r.findTraces(eve, secret, "S-EVE")) == 0 {
		t.Fatal("there was nothing to forget")
	}

	r.must(r.store.ErasePupil(t.Context(), school, eve))
	if left := r.findTraces(eve, secret, "S-EVE"); len(left) > 0 {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	if n := r.queryInt(allFacts); n != before {
		t.Fatalf("%d facts, were %d: the numbers of a stream have no holes", n, before)
	}
	if n := r.queryInt(`select count(*) from livelearn.results where pupil = 'u_ben' and fraction = 0.5`); n != 1 {
		t.Fatal("the others lost their results")
	}
	page, err := r.store.Pull(t.Context(), ada, 0, 100)
	r.must(err)
	var told, list string
	for _, i := range page.Items {
		switch i.Kind {
		case cloud.ItemErasure:
			told = string(i.Data)
		case cloud.ItemClass:
			list = string(i.Data)
			if i.Version != 2 {
				t.Errorf("the class list is at version %d", i.Version)
			}
		}
	}
	if !strings.Contains(told, eve) || !strings.Contains(list, "Ben") {
		t.Fatalf("boxes are told %s and %s", told, list)
	}
	r.must(r.store.ErasePupil(t.Context(), school, eve)) // erasing twice is the same as once
}

func TestLateFactsOfAnErasedPupilAreErasedOnArrival(t *testing.T) {
	r := newRig(t)
	r.must(r.store.ErasePupil(t.Context(), school, eve))
	x := newBox(ada, 7)
	x.addEve()
	x.addAnswers(20)
	got := r.put(x.takeBatch())
	if got.Stored != 27 || len(got.Dead) != 0 { // Postgres refuses none of them now
		t.Fatalf("got %+v", got)
	}
	if left := r.findTraces(eve, secret, "S-EVE"); len(left) > 0 {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	if n := r.queryInt(`select count(*) from livelearn.facts where author = 'erased' and payload is null`); n != 3 {
		t.Fatalf("%d facts are hers", n)
	}
	if n := r.queryInt(`select count(*) from livelearn.pupils where pupil = 'u_ben' and name = 'Ben'`); n != 1 {
		t.Fatal("the others lost their names")
	}
}

// A box erases what it said itself. The school confirms the rest: a person with a stolen box could name
// the ids of any pupil.
func TestAnErasureOnOneBoxReachesTheOthersWhenTheSchoolConfirmsIt(t *testing.T) {
	r := newRig(t)
	r.enrol(school, "box-bob")
	bob := newBox("box-bob", 3)
	bob.addEve()
	r.put(bob.takeBatch())
	x := newBox(ada, 7)
	x.addEve()
	x.facts[0].Epoch, x.facts[1].Epoch = 1, 1
	for i := range x.facts {
		x.facts[i].Stream = strings.Replace(x.facts[i].Stream, "room:r1", "room:r2", 1)
	}
	x.addReport(cloud.Erased, cloud.Erasure{Pupil: eve}) // in one batch with the pupil's facts
	if got := r.put(x.takeBatch()); got.Pos != 8 {
		t.Fatalf("got %+v", got)
	}
	if n := r.queryInt(`select count(*) from livelearn.facts where box = $1 and (author = $2 or strpos(payload::text, $2) > 0)`, ada, eve); n != 0 {
		t.Fatalf("%d facts of the box that erased her name her", n)
	}
	before := r.queryInt(`select count(*) from livelearn.facts where box = 'box-bob' and (author = $1 or strpos(payload::text, $1) > 0)`, eve)
	if before == 0 {
		t.Fatal("a box erased what another box holds")
	}
	asked, err := r.store.AskedErasures(t.Context(), school)
	r.must(err)
	if len(asked) != 1 || asked[0].Pupil != eve || asked[0].Box != ada {
		t.Fatalf("the school is asked about %+v", asked)
	}
	r.must(r.store.ErasePupil(t.Context(), school, eve))
	if asked, err = r.store.AskedErasures(t.Context(), school); err != nil || len(asked) > 0 {
		t.Fatalf("the school is asked again about %+v, %v", asked, err)
	}
	if left := r.findTraces(eve, secret); len(left) > 0 {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	page, err := r.store.Pull(t.Context(), "box-bob", 0, 100)
	r.must(err)
	if last := page.Items[len(page.Items)-1]; last.Kind != cloud.ItemErasure || last.ID != eve {
		t.Fatalf("the other box is told %+v", page.Items)
	}
}

func TestAnErasureWithoutAPupilErasesNothing(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addReport(cloud.Erased, `{"pupil":"\u0000"}`)
	x.addReport(cloud.Erased, `{"pupil":""}`)
	x.addReport(cloud.Erased, `[1]`)
	x.addReport(cloud.Erased, cloud.Erasure{Pupil: strings.Repeat("u_", 5000)})
	x.addReport(cloud.Erased, cloud.Erasure{Pupil: "item"}) // a word of the payloads is not a pupil
	x.addAnswers(2)
	if got := r.put(x.takeBatch()); got.Stored != 6 || len(got.Dead) != 1 {
		t.Fatalf("got %+v", got)
	}
	if n := r.queryInt(`select count(*) from livelearn.facts where payload ? 'item'`); n != 2 {
		t.Fatalf("%d answers have their item", n)
	}
	if err := r.store.ErasePupil(t.Context(), school, "item"); errs.KindOf(err) != errs.Invalid {
		t.Fatalf("got %v", err)
	}
}

// After a VACUUM FULL the files of the tables contain no byte of the pupil either.
func TestAVacuumRemovesTheBytesOfAnErasedPupil(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addEve()
	r.put(x.takeBatch())
	has := func() bool {
		_, err := r.db.Exec(t.Context(), "checkpoint")
		r.must(err)
		var dir string
		r.must(r.db.QueryRow(t.Context(), `select current_setting('data_directory') || '/base/' || oid from pg_database where datname = current_database()`).Scan(&dir))
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		r.must(err)
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err == nil && strings.Contains(string(data), secret) {
				return true
			}
		}
		return false
	}
	if !has() {
		t.Fatal("there was nothing to forget")
	}
	r.must(r.store.ErasePupil(t.Context(), school, eve))
	_, err := r.db.Exec(t.Context(), "vacuum full")
	r.must(err)
	if has() {
		t.Fatal("the files still have her name")
	}
}

func TestRetentionEmptiesOldFacts(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	said := x.addFact("room:r1", "u_ben", "chat.said", `{"text":"hello"}`)
	letter := x.addFact("box@"+ada, "u_ben", "letter.buried", `{"data":{"text":"hello"}}`)
	answer := x.addFact("room:r1", "u_ben", "quiz.answered", `{"item":"q1"}`)
	r.put(x.takeBatch())
	empty := func(f batch.Fact) bool {
		return r.queryInt(`select count(*) from livelearn.facts where stream = $1 and seq = $2 and payload is null and author = 'erased'`, f.Stream, f.Seq) == 1
	}
	for _, c := range []struct {
		days                 int
		emptied              int64
		said, letter, answer bool
	}{{29, 0, false, false, false}, {31, 2, true, true, false}, {454, 0, true, true, false}, {456, 1, true, true, true}, {457, 0, true, true, true}} {
		n, err := r.store.Retain(t.Context(), dayAfter(c.days))
		r.must(err)
		if n != c.emptied || empty(said) != c.said || empty(letter) != c.letter || empty(answer) != c.answer {
			t.Errorf("day %d: emptied %d; %v %v %v", c.days, n, empty(said), empty(letter), empty(answer))
		}
	}
	// A month is dropped when it has expired for all schools.
	if n := r.queryInt(allFacts); n != 3 {
		t.Fatalf("%d facts", n)
	}
	_, err := r.store.Retain(t.Context(), dayAfter(500))
	r.must(err)
	if n := r.queryInt(allFacts); n != 0 {
		t.Fatalf("%d facts are left of a month that is over", n)
	}
	if got := r.put(&batch.Batch{Box: ada, Incarnation: 7, From: 3, To: 4, Facts: []batch.Fact{{
		Pos: 4, Stream: "room:r1", Epoch: 1, Seq: 9, Kind: "chat.said", Version: 1, Wall: started, Trusted: true, Data: json.RawMessage(`{}`),
	}}}); got.Stored != 1 {
		t.Fatalf("a late fact of that month: %+v", got)
	}
}

func TestASchoolSetsItsOwnRetention(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddSchool(t.Context(), "Lake School", cloud.Policy{}))
	r.enrol("Lake School", "box-lake")
	r.must(r.store.SetDays(t.Context(), "Lake School", 1, 2))
	for _, id := range []string{ada, "box-lake"} {
		x := newBox(id, 7)
		x.addAnswers(5)
		r.put(x.takeBatch())
	}
	n, err := r.store.Retain(t.Context(), dayAfter(3))
	r.must(err)
	if left := r.queryInt(`select count(*) from livelearn.facts where payload is not null and box = $1`, ada); n != 5 || left != 5 {
		t.Fatalf("emptied %d, the other school has %d left", n, left)
	}
}

// The facts of a box that believes it is 1970 are not half a century old.
func TestRetentionCountsFromTheRightTime(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.untrusted = true
	x.addAnswers(1)
	x.facts[0].Wall = 5000
	r.put(x.takeBatch())
	n, err := r.store.Retain(t.Context(), dayAfter(0))
	r.must(err)
	if n != 0 {
		t.Fatal("emptied at once")
	}
}

func TestWhatAStolenBoxSaidIsVoided(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addEve()
	r.put(x.takeBatch())
	honest := r.queryInt(`select count(*) from livelearn.facts where box = $1`, ada)
	var stolen time.Time
	r.must(r.db.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&stolen))
	x.addReport(cloud.Graded, cloud.Grades{Lesson: "l1", Class: "c1", Title: "Forged"})
	x.addReport(cloud.Reported, cloud.Report{Version: "forged"})
	r.put(x.takeBatch())
	r.must(r.store.RevokeBox(t.Context(), ada))
	n, err := r.store.VoidBox(t.Context(), ada, stolen)
	r.must(err)
	if left := r.queryInt(`select count(*) from livelearn.facts where box = $1`, ada); n != 2 || left != honest {
		t.Errorf("%d facts were voided and %d are left of %d", n, left, honest)
	}
	if n := r.queryInt(`select count(*) from livelearn.facts_at where payload::text like '%Forged%'`); n != 0 {
		t.Errorf("%d forged gradings are shown", n)
	}
	if n := r.queryInt(`select facts from livelearn.voids where box = $1`, ada); n != 2 {
		t.Errorf("the school reads of %d voided facts", n)
	}
}
