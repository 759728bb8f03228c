package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

const (
	victim = "box-a" // a box with good facts
	forger = "box-b" // a box of the same school that forges facts about the victim
	mia    = "p_mia0000000000"
	came   = 1_790_000_000_000
)

// forgedFact is a fact without its numbers.
type forgedFact struct {
	stream, by, kind string
	data             any
}

// makeBatch makes a batch of facts after position from. Each fact's number is its position.
func makeBatch(box string, from uint64, list ...forgedFact) *batch.Batch {
	b := &batch.Batch{Box: box, Incarnation: 7, From: from, To: from + uint64(len(list))}
	for i, f := range list {
		data, ok := f.data.(string)
		if !ok {
			raw, err := json.Marshal(f.data)
			if err != nil {
				panic(err)
			}
			data = string(raw)
		}
		n := from + uint64(i) + 1
		b.Facts = append(b.Facts, batch.Fact{
			Pos: n, Stream: f.stream, Epoch: 1, Seq: n, Kind: f.kind, Version: 1, By: f.by, ID: fmt.Sprint("c", n), Boot: 5, Mono: int64(n) * 1000,
			Wall: came + int64(n)*1000, Trusted: true, Data: json.RawMessage(data),
		})
	}
	return b
}

func makeGrades(lesson, class string, points float64) cloud.Grades {
	return cloud.Grades{
		Lesson: lesson, Class: class, Title: "Fractions", Started: came, Ended: came + 60_000,
		Items:  []cloud.GradedItem{{ID: "q1", Kind: "single", Title: "1/2 + 1/2", Points: 2, Graded: true}},
		Pupils: []cloud.PupilGrades{{Pupil: mia, Came: came, MS: 60_000, Marks: map[string]cloud.Mark{"q1": {Fraction: points / 2, Points: points}}}},
	}
}

func makeListing(class, name, pupil string) cloud.Listing {
	return cloud.Listing{Class: class, Name: class, Pupils: []cloud.ListedPupil{{ID: pupil, Name: name, Source: "S-" + pupil}}}
}

// honestBatch returns a lesson of the victim. Postgres refuses its last fact.
func honestBatch() *batch.Batch {
	return makeBatch(victim, 0,
		forgedFact{"report@" + victim, "", cloud.Listed, makeListing("c_a", "Mia", mia)},
		forgedFact{"room:r_a", "t_a", "lesson.started", `{"lesson":"l_a","title":"Fractions"}`},
		forgedFact{"room:r_a", mia, "quiz.answered", `{"round":1,"item":"q1","response":{"options":["a"]},"took":900}`},
		forgedFact{"report@" + victim, "", cloud.Graded, makeGrades("l_a", "c_a", 2)},
		forgedFact{"report@" + victim, "", cloud.Reported, cloud.Report{Version: "1", Worst: "ok"}},
		forgedFact{"room:r_a", mia, "chat.said", `{"text":"\u0000"}`},
	)
}

// forgery is a list of facts that name ids of the victim. free is the number of facts that do no harm:
// they are stored, and only the forger's own data changes.
type forgery struct {
	facts  []forgedFact
	free   int                // -1: https refuses the whole batch
	change func(*batch.Batch) // changes the numbers, may be nil
}

var forgeries = map[string]forgery{
	"grades of its lesson":             {[]forgedFact{{"report@" + forger, "", cloud.Graded, makeGrades("l_a", "c_b", 0)}}, 0, nil},
	"grades of its class":              {[]forgedFact{{"report@" + forger, "", cloud.Graded, makeGrades("l_b", "c_a", 0)}}, 0, nil},
	"grades in a stream of any name":   {[]forgedFact{{"x@" + forger, "", cloud.Graded, makeGrades("l_a", "c_b", 0)}}, 0, nil},
	"grades in a room":                 {[]forgedFact{{"room:r_b", "t_b", cloud.Graded, makeGrades("l_a", "c_b", 0)}}, 0, nil},
	"the start of its lesson":          {[]forgedFact{{"room:r_b", "t_b", "lesson.started", `{"lesson":"l_a","title":"Forged"}`}}, 0, nil},
	"the end of its lesson":            {[]forgedFact{{"room:r_b", "t_b", "lesson.ended", `{"lesson":"l_a"}`}}, 0, nil},
	"the list of its class":            {[]forgedFact{{"report@" + forger, "", cloud.Listed, makeListing("c_a", "Forged", mia)}}, 0, nil},
	"its pupil erased":                 {[]forgedFact{{"report@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}}}, 0, nil},
	"its pupil erased in a box stream": {[]forgedFact{{"box@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}}}, 0, nil},
	"its pupil graded there, erased": {[]forgedFact{
		{"report@" + forger, "", cloud.Graded, makeGrades("l_a", "c_a", 0)}, {"report@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}},
	}, 0, nil},
	"its pupil on a list": {[]forgedFact{{"report@" + forger, "", cloud.Listed, cloud.Listing{Class: "c_b", Pupils: []cloud.ListedPupil{{ID: mia, Name: "Forged"}}}}}, 1, nil},
	"its pupil on a list, erased": {[]forgedFact{
		{"report@" + forger, "", cloud.Listed, cloud.Listing{Class: "c_b", Name: "8c", Pupils: []cloud.ListedPupil{{ID: mia, Name: "Forged"}}}},
		{"report@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}},
	}, 2, nil},
	"its pupil on a list with both ids, erased": {[]forgedFact{
		{"report@" + forger, "", cloud.Listed, makeListing("c_b", "Forged", mia)}, {"report@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}},
	}, 2, nil},
	"its pupil in a room, erased": {[]forgedFact{
		{"room:r_b", mia, "quiz.answered", `{"round":1,"item":"q1"}`}, {"report@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}},
	}, 2, nil},
	"an answer in its room":             {[]forgedFact{{"room:r_a", mia, "quiz.answered", `{"round":1,"item":"q1","response":{"options":["b"]}}`}}, 0, nil},
	"an answer in its room, much later": {[]forgedFact{{"room:r_a", mia, "quiz.answered", `{"round":1,"item":"q1","response":{"options":["b"]}}`}}, 0, func(b *batch.Batch) { b.Facts[1].Epoch = 99 }},
	"a number ahead in its room":        {[]forgedFact{{"room:r_a", "", "room.came", `{}`}}, 0, func(b *batch.Batch) { b.Facts[1].Seq = 1 << 40 }},
	"the time of its start":             {[]forgedFact{{"report@" + forger, "", cloud.Anchored, cloud.Anchor{Boot: 5, Mono: 1, Wall: 1}}}, 1, nil},
	"its dead letter, with other text":  {[]forgedFact{{"room:r_a", mia, "chat.said", `{"text":"\u0000 forged"}`}}, 0, copyDeadNumbers},
	"its dead letter, resolved":         {[]forgedFact{{"room:r_a", mia, "chat.said", `{"text":"mended"}`}}, 0, func(b *batch.Batch) { copyDeadNumbers(b); b.Again = true }},
	"how it is":                         {[]forgedFact{{"report@" + victim, "", cloud.Reported, cloud.Report{Version: "forged", Worst: "fail"}}}, -1, nil},
	"a letter of its own log":           {[]forgedFact{{"box@" + victim, "", "letter.buried", `{"data":{}}`}}, -1, nil},
	"the log of a name like its own":    {[]forgedFact{{"report@x@" + forger, "", cloud.Reported, cloud.Report{}}}, -1, nil},
}

// copyDeadNumbers gives a forged fact the numbers of the victim's dead letter.
func copyDeadNumbers(b *batch.Batch) {
	was := honestBatch().Facts[5]
	b.Facts[1].Seq, b.Facts[1].Mono, b.Facts[1].Wall = was.Seq, was.Mono, was.Wall
}

// describeVictim returns everything that the cloud shows of the victim and sends to it.
func (r *rig) describeVictim(t *testing.T, s cloud.Sink) (lines []string) {
	t.Helper()
	db := connect(t, r.URL)
	for _, sql := range []string{
		"select to_jsonb(x) from livelearn.facts x where box = $1",
		"select to_jsonb(x) - 'at' from livelearn.dead_letters x where box = $1",
		"select to_jsonb(x) from livelearn.watermarks x where box = $1",
		"select to_jsonb(x) from livelearn.results x where lesson = 'l_a' or box = $1 or class = 'c_a'",
		"select to_jsonb(x) from livelearn.attendance x where lesson = 'l_a' or box = $1 or class = 'c_a'",
		"select to_jsonb(x) from livelearn.lessons x where lesson = 'l_a' or box = $1 or class = 'c_a'",
		"select to_jsonb(x) from livelearn.answers x where room = 'r_a' or lesson = 'l_a' or box = $1",
		"select to_jsonb(x) from livelearn.pupils x where class = 'c_a' or box = $1",
		"select to_jsonb(x) - 'seen' from livelearn.boxes_seen x where box = $1",
		"select to_jsonb(x) from livelearn.anchors x where box = $1",
	} {
		rows, err := db.Query(t.Context(), sql, victim)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		slices.Sort(found)
		lines = append(lines, append([]string{sql}, found...)...)
	}
	list, _, err := r.Store.Statements(t.Context(), pg.StatementQuery{Activity: "x/lessons/l_a/items/q1", Home: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range list {
		lines = append(lines, string(raw))
	}
	page, err := s.Pull(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range page.Items {
		lines = append(lines, it.Kind+" "+string(it.Data))
	}
	return lines
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// putBatch sends a batch of the forger.
type putBatch func(b *batch.Batch) (cloud.Receipt, error)

func putOverHTTPS(r *rig) putBatch {
	box := r.enrolBox(forger)
	return func(b *batch.Batch) (cloud.Receipt, error) { return box.Put(r.t.Context(), b) }
}

// putWithLogin sends batches to the database with the box's own login. It bypasses the checks of
// this program.
func putWithLogin(r *rig) putBatch {
	u, err := r.Store.AddDirect(r.t.Context(), cloudtest.School, forger, "Forger")
	if err != nil {
		r.t.Fatal(err)
	}
	db := connect(r.t, u)
	return func(b *batch.Batch) (cloud.Receipt, error) { return ingestBatch(r.t.Context(), db, b) }
}

// ingestBatch calls the function of the database that takes a batch.
func ingestBatch(ctx context.Context, db *pgx.Conn, b *batch.Batch) (got cloud.Receipt, err error) {
	n := len(b.Facts)
	pos, epoch, seq, boot, mono, wall := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	stream, kind, author, command, payload := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	version, trusted := make([]int32, n), make([]bool, n)
	for i, f := range b.Facts {
		pos[i], epoch[i], seq[i], boot[i], mono[i], wall[i] = int64(f.Pos), int64(f.Epoch), int64(f.Seq), int64(f.Boot), f.Mono, f.Wall
		stream[i], kind[i], author[i], command[i], payload[i] = f.Stream, f.Kind, f.By, f.ID, string(f.Data)
		version[i], trusted[i] = int32(f.Version), f.Trusted
	}
	err = db.QueryRow(ctx, `select pos, stored, (select coalesce(jsonb_agg(d - 'incarnation'), '[]') from jsonb_array_elements(dead) d) from livelearn.ingest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, null, null)`,
		b.Box, int64(b.Incarnation), int64(b.From), int64(b.To), b.Mark, b.Again, pos, stream, epoch, seq, kind, version, author, command, boot, mono, wall, trusted, payload,
	).Scan(&got.Pos, &got.Stored, &got.Dead)
	return got, err
}

// forgerRig is a node with the data of the victim and a way for the forger. from is the position of the
// forger, and dead counts its dead letters.
type forgerRig struct {
	*rig
	good *https.Client
	put  putBatch
	from uint64
	dead int
}

func newForgerRig(t *testing.T, way func(*rig) putBatch) *forgerRig {
	t.Helper()
	r := newRig(t)
	good := r.enrolBox(victim)
	if got, err := good.Put(t.Context(), honestBatch()); err != nil || got.Stored != 5 || len(got.Dead) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	return &forgerRig{rig: r, good: good, put: way(r)}
}

// TestABoxChangesOnlyItsOwnData sends facts of one box that name ids of another one, by both ways. The
// other box keeps its data. The forger gets the reason, and the rest of the batch is stored. A forgery
// that leaves something behind has a database of its own.
func TestABoxChangesOnlyItsOwnData(t *testing.T) {
	for way, put := range map[string]func(*rig) putBatch{"https": putOverHTTPS, "login": putWithLogin} {
		t.Run(way, func(t *testing.T) {
			all := newForgerRig(t, put)
			for name, f := range forgeries {
				t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
					r := all
					if f.free > 0 || f.change != nil {
						r = newForgerRig(t, put)
					}
					r.forge(t, f, way == "https")
				})
			}
		})
	}
}

// forge sends one forgery between two facts of the forger.
func (r *forgerRig) forge(t *testing.T, f forgery, checked bool) {
	t.Helper()
	b := makeBatch(forger, r.from, slices.Concat([]forgedFact{{"room:r_b", "", "room.came", "{}"}}, f.facts, []forgedFact{{"room:r_b", "", "room.went", "{}"}})...)
	if f.change != nil {
		f.change(b)
	}
	before := r.describeVictim(t, r.good)
	got, err := r.put(b)
	if d := cmp.Diff(before, r.describeVictim(t, r.good)); d != "" {
		t.Errorf("the other box (-before +after):\n%s", d)
	}
	if f.free < 0 && checked {
		checkCode(t, err, errs.Invalid, "bad_batch")
		return
	}
	if want := 2 + max(f.free, 0); err != nil || got.Stored != want {
		t.Errorf("%d stored, want %d; %v", got.Stored, want, err)
	}
	r.from = b.To
	r.checkRefused(t, got, len(f.facts)-max(f.free, 0))
}

// checkRefused fails the test unless n more facts became dead letters of the forger, in the receipt and
// in the database.
func (r *forgerRig) checkRefused(t *testing.T, got cloud.Receipt, n int) {
	t.Helper()
	r.dead += n
	there, err := r.Store.DeadLetters(t.Context(), "", forger)
	if err != nil || len(there) != r.dead || len(got.Dead) != n {
		t.Fatalf("dead letters %+v, there %+v, %v", got.Dead, there, err)
	}
	for i, d := range got.Dead { // the newest ones come first
		if d.Code != cloud.CodeForeign || !strings.Contains(d.Text, "belongs to another box") || len(there[i].Body) == 0 {
			t.Errorf("dead letter %+v, body %s", d, there[i].Body)
		}
	}
}

func checkCode(t *testing.T, err error, kind errs.Kind, code string) {
	t.Helper()
	if err == nil || errs.KindOf(err) != kind || errs.BodyOf(err).Code != code {
		t.Errorf("got %v, want %s, %s", err, kind, code)
	}
}

// TestAnErasureInAdvanceAppliesToItsBoxOnly erases a pupil before the pupil's box makes contact. The
// pupil's facts are stored when they arrive, and the box gets no erasure.
func TestAnErasureInAdvanceAppliesToItsBoxOnly(t *testing.T) {
	r := newRig(t)
	bad, good := r.enrolBox(forger), r.enrolBox(victim)
	for i, f := range []forgedFact{
		{"report@" + forger, "", cloud.Erased, cloud.Erasure{Pupil: mia}},
		{"room:r_b", mia, "room.came", "{}"},
	} {
		if got, err := bad.Put(t.Context(), makeBatch(forger, uint64(i), f)); err != nil || got.Stored != 1 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if _, err := good.Put(t.Context(), honestBatch()); err != nil {
		t.Fatal(err)
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.results where pupil = $1 and name = 'Mia' and points = 2`, mia); n != 1 {
		t.Errorf("she has %d results", n)
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.facts where box = $1 and author = $2`, forger, mia); n != 0 {
		t.Errorf("the box that erased her has %d facts of hers", n)
	}
	page, err := good.Pull(t.Context(), 0, 100)
	if err != nil || slices.ContainsFunc(page.Items, func(i cloud.Item) bool { return i.Kind == cloud.ItemErasure }) {
		t.Errorf("her box is told %+v, %v", page.Items, err)
	}
	own, err := bad.Pull(t.Context(), 0, 100)
	if err != nil || !slices.ContainsFunc(own.Items, func(i cloud.Item) bool { return i.Kind == cloud.ItemErasure }) {
		t.Errorf("a backup of the box that erased would bring her back: %+v, %v", own.Items, err)
	}
	// The pupil's own box erases her, and the school's class list no longer has her.
	data := json.RawMessage(`{"name":"7b","pupils":[{"id":"S-` + mia + `","name":"Mia"},{"id":"S-ben","name":"Ben"}]}`)
	if _, err := r.Store.PutItem(t.Context(), cloudtest.School, cloud.ItemClass, "k1", data, false); err != nil {
		t.Fatal(err)
	}
	if got, err := good.Put(t.Context(), makeBatch(victim, 6, forgedFact{"report@" + victim, "", cloud.Erased, cloud.Erasure{Pupil: mia}})); err != nil || got.Stored != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.facts where author = $1 or payload::text like '%' || $1 || '%'`, mia); n != 0 {
		t.Errorf("%d facts name her", n)
	}
	if n := r.QueryInt(t, `select count(*) from livelearn.pupils where source like 'S-%'`); n != 1 {
		t.Errorf("%d pupils are on the school's list", n)
	}
}

// TestFactsUnderANewBoxIdAreKnown sends the facts of a room under another box id. The
// box lost its roster and kept its journal.
func TestFactsUnderANewBoxIdAreKnown(t *testing.T) {
	r := newRig(t)
	room := makeBatch(victim, 0, forgedFact{"room:r_a", "t_a", "lesson.started", `{"lesson":"l_a"}`}, forgedFact{"room:r_a", mia, "room.came", "{}"})
	if _, err := r.enrolBox(victim).Put(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	room.Box = forger
	if got, err := r.enrolBox(forger).Put(t.Context(), room); err != nil || got.Known != 2 || len(got.Dead) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}
