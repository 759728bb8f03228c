package pg_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
)

const (
	eve    = "u_eve0000000000"
	secret = "Eve Unmistakable" // her name
)

// traces is all rows of all tables as text, with any of these words in them.
func (r *rig) traces(words ...string) (found []string) {
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
		if table == "erased" { // knows whom to forget
			continue
		}
		sql := `select x::text from livelearn.` + table + ` x`
		switch table {
		case "down":
			sql += ` where kind <> 'erasure'` // tells the boxes whom to forget
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

func (b *box) withEve() {
	b.reports(cloud.Listed, cloud.Listing{Class: "c1", Name: "7b", Pupils: []cloud.ListedPupil{
		{ID: "u_ben", Name: "Ben", Source: "S1"}, {ID: eve, Name: secret, Source: "S-EVE"},
	}})
	b.does("room:r1", eve, "room.came", "{}")
	b.does("room:r1", eve, "quiz.answered", `{"item":"q1","response":{"text":"`+secret+`"}}`)
	b.does("room:r1", "u_ada", "room.muted", map[string]any{"user": eve, "on": true})
	b.does("room:r1", "", "quiz.revealed", map[string]any{"marks": map[string]any{eve: 1, "u_ben": 0.5}})
	b.does("room:r1", eve, "quiz.answered", `{"text":"\u0000`+secret+`"}`) // poison
	b.reports(cloud.Graded, cloud.Grades{
		Lesson: "l1", Class: "c1", Title: "Fractions", Started: started, Ended: started + 3600000,
		Items: []cloud.Asked{{ID: "q1", Kind: "single", Title: "1/2 + 1/2", Points: 2, Graded: true}},
		Pupils: []cloud.Standing{
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
	x.withEve()
	if got := r.put(x.batch()); got.Stored != 6 || len(got.Dead) != 1 {
		t.Fatalf("got %+v", got)
	}
	before := r.number(allFacts)
	if len(r.traces(eve, secret, "S-EVE")) == 0 {
		t.Fatal("there was nothing to forget")
	}

	r.must(r.store.Erase(t.Context(), school, eve))
	if left := r.traces(eve, secret, "S-EVE"); len(left) > 0 {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	if n := r.number(allFacts); n != before {
		t.Fatalf("%d facts, were %d: the numbers of a stream have no holes", n, before)
	}
	if n := r.number(`select count(*) from livelearn.results where pupil = 'u_ben' and fraction = 0.5`); n != 1 {
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
	r.must(r.store.Erase(t.Context(), school, eve)) // twice is as once
}

func TestWhatComesLateOfAnErasedPupilIsForgottenAtTheDoor(t *testing.T) {
	r := newRig(t)
	r.must(r.store.Erase(t.Context(), school, eve))
	x := newBox(ada, 7)
	x.withEve()
	x.answers(20)
	got := r.put(x.batch())
	if got.Stored != 27 || len(got.Dead) != 0 { // nothing is left to refuse
		t.Fatalf("got %+v", got)
	}
	if left := r.traces(eve, secret, "S-EVE"); len(left) > 0 {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	if n := r.number(`select count(*) from livelearn.facts where author = 'erased' and payload is null`); n != 3 {
		t.Fatalf("%d facts are hers", n)
	}
	if n := r.number(`select count(*) from livelearn.pupils where pupil = 'u_ben' and name = 'Ben'`); n != 1 {
		t.Fatal("the others lost their names")
	}
}

func TestAnErasureOnOneBoxReachesTheOthers(t *testing.T) {
	r := newRig(t)
	r.enrol(school, "box-bob")
	bob := newBox("box-bob", 3)
	bob.withEve()
	r.put(bob.batch())
	x := newBox(ada, 7)
	x.withEve()
	x.facts[0].Epoch, x.facts[1].Epoch = 1, 1
	for i := range x.facts {
		x.facts[i].Stream = strings.Replace(x.facts[i].Stream, "room:r1", "room:r2", 1)
	}
	x.reports(cloud.Erased, cloud.Erasure{Pupil: eve}) // in one batch with what she did
	if got := r.put(x.batch()); got.Pos != 8 {
		t.Fatalf("got %+v", got)
	}
	if left := r.traces(eve, secret); len(left) > 0 {
		t.Fatalf("left:\n%s", strings.Join(left, "\n"))
	}
	page, err := r.store.Pull(t.Context(), "box-bob", 0, 100)
	r.must(err)
	if last := page.Items[len(page.Items)-1]; last.Kind != cloud.ItemErasure || last.ID != eve {
		t.Fatalf("the other box is told %+v", page.Items)
	}
}

func TestAnErasureThatSaysNobodyIsADeadLetterOrNothing(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.reports(cloud.Erased, `{"pupil":"\u0000"}`)
	x.reports(cloud.Erased, `{"pupil":""}`)
	x.reports(cloud.Erased, `[1]`)
	x.reports(cloud.Erased, cloud.Erasure{Pupil: strings.Repeat("u_", 5000)})
	x.reports(cloud.Erased, cloud.Erasure{Pupil: "item"}) // a word of the payloads is nobody
	x.answers(2)
	if got := r.put(x.batch()); got.Stored != 6 || len(got.Dead) != 1 {
		t.Fatalf("got %+v", got)
	}
	if n := r.number(`select count(*) from livelearn.facts where payload ? 'item'`); n != 2 {
		t.Fatalf("%d answers have their item", n)
	}
	if err := r.store.Erase(t.Context(), school, "item"); errs.KindOf(err) != errs.Invalid {
		t.Fatalf("got %v", err)
	}
}

// After a VACUUM FULL the files of the tables have no byte of the pupil either.
func TestAVacuumTakesTheBytesOfAnErasedPupil(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.withEve()
	r.put(x.batch())
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
	r.must(r.store.Erase(t.Context(), school, eve))
	_, err := r.db.Exec(t.Context(), "vacuum full")
	r.must(err)
	if has() {
		t.Fatal("the files still have her name")
	}
}

func TestRetentionEmptiesWhatIsOld(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	said := x.does("room:r1", "u_ben", "chat.said", `{"text":"hello"}`)
	letter := x.does("box@"+ada, "u_ben", "letter.buried", `{"data":{"text":"hello"}}`)
	answer := x.does("room:r1", "u_ben", "quiz.answered", `{"item":"q1"}`)
	r.put(x.batch())
	empty := func(f batch.Fact) bool {
		return r.number(`select count(*) from livelearn.facts where stream = $1 and seq = $2 and payload is null and author = 'erased'`, f.Stream, f.Seq) == 1
	}
	for _, c := range []struct {
		days                 int
		emptied              int64
		said, letter, answer bool
	}{{29, 0, false, false, false}, {31, 2, true, true, false}, {454, 0, true, true, false}, {456, 1, true, true, true}, {457, 0, true, true, true}} {
		n, err := r.store.Retain(t.Context(), day(c.days))
		r.must(err)
		if n != c.emptied || empty(said) != c.said || empty(letter) != c.letter || empty(answer) != c.answer {
			t.Errorf("day %d: emptied %d; %v %v %v", c.days, n, empty(said), empty(letter), empty(answer))
		}
	}
	// The month goes when it is over for all schools.
	if n := r.number(allFacts); n != 3 {
		t.Fatalf("%d facts", n)
	}
	_, err := r.store.Retain(t.Context(), day(500))
	r.must(err)
	if n := r.number(allFacts); n != 0 {
		t.Fatalf("%d facts are left of a month that is over", n)
	}
	if got := r.put(&batch.Batch{Box: ada, Incarnation: 7, From: 3, To: 4, Facts: []batch.Fact{{
		Pos: 4, Stream: "room:r1", Epoch: 1, Seq: 9, Kind: "chat.said", Version: 1, Wall: started, Trusted: true, Data: json.RawMessage(`{}`),
	}}}); got.Stored != 1 {
		t.Fatalf("a late fact of that month: %+v", got)
	}
}

func TestASchoolKeepsAsLongAsItSays(t *testing.T) {
	r := newRig(t)
	r.must(r.store.AddSchool(t.Context(), "Lake School", cloud.Policy{}))
	r.enrol("Lake School", "box-lake")
	r.must(r.store.SetDays(t.Context(), "Lake School", 1, 2))
	for _, id := range []string{ada, "box-lake"} {
		x := newBox(id, 7)
		x.answers(5)
		r.put(x.batch())
	}
	n, err := r.store.Retain(t.Context(), day(3))
	r.must(err)
	if left := r.number(`select count(*) from livelearn.facts where payload is not null and box = $1`, ada); n != 5 || left != 5 {
		t.Fatalf("emptied %d, the other school has %d left", n, left)
	}
}

// A box that believes it is 1970 did not do all this half a century ago.
func TestRetentionCountsFromTheRightTime(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.untrusted = true
	x.answers(1)
	x.facts[0].Wall = 5000
	r.put(x.batch())
	n, err := r.store.Retain(t.Context(), day(0))
	r.must(err)
	if n != 0 {
		t.Fatal("emptied at once")
	}
}
