package cloudtest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

// School is the name of a Fixture's school.
const School = "School 1"

// Fixture is a database and a way to it for a box.
type Fixture struct {
	URL   string    // of the database, with its owner's login
	Store *pg.Store // opened with URL
	// Open enrols a box with School and returns its Sink.
	Open func(box string) cloud.Sink
	// Carried says that a USB stick carries the batches. A batch that does not start at the
	// watermark is then no error: its facts are stored, and the watermark waits at the gap.
	Carried bool
}

// NewFixture makes a Fixture with a new database and its school. Open is nil.
func NewFixture(t testing.TB) Fixture {
	t.Helper()
	f := Fixture{URL: Postgres(t)}
	store, err := pg.Open(t.Context(), f.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	f.Store = store
	if err := store.AddSchool(t.Context(), School, cloud.Policy{Names: true}); err != nil {
		t.Fatal(err)
	}
	return f
}

// QueryInt returns the number that a query selects.
func (f Fixture) QueryInt(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, f.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if err := c.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// StickKey returns the key that signs the files of a box. It is the same each time.
func StickKey(box string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("key of " + box))
	return ed25519.NewKeyFromSeed(seed[:])
}

// LessonFacts returns n facts of a lesson after position from. Each incarnation has its own
// stream.
func LessonFacts(box string, incarnation, from uint64, n int) *batch.Batch {
	b := &batch.Batch{Box: box, Incarnation: incarnation, From: from, To: from + uint64(n), Mark: int64(from) + int64(n)}
	for i := range uint64(n) {
		b.Facts = append(b.Facts, batch.Fact{
			Pos: from + i + 1, Stream: fmt.Sprintf("room:%s-%d", box, incarnation), Epoch: 1, Seq: from + i + 1, Kind: "quiz.answered", Version: 1,
			By: fmt.Sprintf("p_%d", i%30), ID: fmt.Sprintf("c%d", i), Boot: 1<<63 + 5, Mono: int64(from+i) * 10, Wall: 1_790_000_000_000 + int64(from+i), Trusted: true,
			Data: json.RawMessage(fmt.Sprintf(`{"id":"c%d","round":1,"item":"q1","response":{"options":["o%d"]},"took":%d}`, i, i%4, 900+i)),
		})
	}
	return b
}

// NewSelf returns the Self of a box.
func NewSelf(box string, incarnation, position uint64) cloud.Self {
	return cloud.Self{Box: box, Name: "Box " + box, Version: "1.0.0", Format: batch.Format, Incarnation: incarnation, Position: position}
}

// poisonJSON is JSON that jsonb refuses: a text of Postgres cannot hold U+0000.
var poisonJSON = json.RawMessage(`{"text":"a\u0000b"}`)

// TestSink is the suite that each cloud.Sink must pass.
func TestSink(t *testing.T, open func(t *testing.T) Fixture) {
	for name, test := range map[string]func(t *testing.T, f Fixture, s cloud.Sink){
		"ABatchMovesTheWatermark":          testBatchMovesWatermark,
		"ABatchThatIsSentAgainIsHarmless":  testSentAgain,
		"ABatchFromElsewhereIsRefused":     testWrongFrom,
		"AnEmptyBatchMovesTheWatermark":    testEmptyBatch,
		"ExactlyThePoisonBecomesLetters":   testPoison,
		"ARepairedFactResolvesItsLetter":   testRepairedFact,
		"AnotherFactUnderAnIdentityIsKept": testForkedFact,
		"AnUnknownKindIsKept":              testUnknownKind,
		"TheLargestBatchGetsThrough":       testLargestBatch,
		"TwoIncarnationsDoNotMeet":         testTwoIncarnations,
		"ARevokedBoxIsRefused":             testRevokedBox,
		"ABoxSpeaksForItselfOnly":          testOwnBoxOnly,
		"PagesComeInOrder":                 testItemPages,
		"PolicyAndClockAreTold":            testPolicyAndClock,
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			test(t, f, f.Open("b1"))
		})
	}
}

func mustState(t *testing.T, s cloud.Sink, box string, incarnation uint64) cloud.State {
	t.Helper()
	st, err := s.State(t.Context(), NewSelf(box, incarnation, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func mustPut(t *testing.T, s cloud.Sink, b *batch.Batch) cloud.Receipt {
	t.Helper()
	r, err := s.Put(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkCode fails the test unless err has the kind and the code.
func checkCode(t *testing.T, err error, kind errs.Kind, code string) {
	t.Helper()
	if got := errs.BodyOf(err); errs.KindOf(err) != kind || got.Code != code {
		t.Errorf("got %v (%s, %s), want %s, %s", err, got.Reason, got.Code, kind, code)
	}
}

const countFacts = `select count(*) from livelearn.facts`

func testBatchMovesWatermark(t *testing.T, f Fixture, s cloud.Sink) {
	if st := mustState(t, s, "b1", 1); st.Known || st.Pos != 0 || st.School != School {
		t.Errorf("before: %+v", st)
	}
	b := LessonFacts("b1", 1, 0, 500)
	if r := mustPut(t, s, b); r.Pos != 500 || r.Stored != 500 || r.Known != 0 || len(r.Dead) != 0 {
		t.Errorf("got %+v", r)
	}
	if r := mustPut(t, s, LessonFacts("b1", 1, 500, 10)); r.Pos != 510 || r.Stored != 10 {
		t.Errorf("got %+v", r)
	}
	if st := mustState(t, s, "b1", 1); !st.Known || st.Pos != 510 || st.Mark != 510 {
		t.Errorf("after: %+v", st)
	}
	if n := f.QueryInt(t, countFacts); n != 510 {
		t.Errorf("%d facts", n)
	}
}

func testSentAgain(t *testing.T, f Fixture, s cloud.Sink) {
	mustPut(t, s, LessonFacts("b1", 1, 0, 100))
	_, err := s.Put(t.Context(), LessonFacts("b1", 1, 0, 100))
	if f.Carried && err != nil {
		t.Errorf("got %v", err)
	} else if !f.Carried {
		checkCode(t, err, errs.Stale, cloud.CodeMoved)
	}
	if st := mustState(t, s, "b1", 1); st.Pos != 100 {
		t.Errorf("the watermark is at %d", st.Pos)
	}
	if n := f.QueryInt(t, countFacts); n != 100 {
		t.Errorf("%d facts", n)
	}
	again := LessonFacts("b1", 1, 0, 100)
	again.Again = true
	if r := mustPut(t, s, again); r.Stored != 0 || r.Known != 100 || r.Pos != 100 {
		t.Errorf("given once more: %+v", r)
	}
}

func testWrongFrom(t *testing.T, f Fixture, s cloud.Sink) {
	mustPut(t, s, LessonFacts("b1", 1, 0, 100))
	_, err := s.Put(t.Context(), LessonFacts("b1", 1, 150, 100))
	if f.Carried {
		if n := f.QueryInt(t, countFacts); err != nil || n != 200 {
			t.Errorf("%d facts, %v", n, err)
		}
	} else {
		checkCode(t, err, errs.Stale, cloud.CodeMoved)
		if n := f.QueryInt(t, countFacts); n != 100 {
			t.Errorf("%d facts of a batch that was refused are there", n-100)
		}
		_, err = s.Put(t.Context(), LessonFacts("b1", 7, 150, 100)) // a new incarnation begins at 0
		checkCode(t, err, errs.Stale, cloud.CodeMoved)
	}
	if st := mustState(t, s, "b1", 1); st.Pos != 100 || st.Mark != 100 {
		t.Errorf("got %+v", st)
	}
}

func testEmptyBatch(t *testing.T, _ Fixture, s cloud.Sink) {
	b := LessonFacts("b1", 1, 0, 0)
	b.To, b.Mark = 77, -9
	if r := mustPut(t, s, b); r.Pos != 77 || r.Stored != 0 {
		t.Errorf("got %+v", r)
	}
	if st := mustState(t, s, "b1", 1); !st.Known || st.Pos != 77 || st.Mark != -9 {
		t.Errorf("got %+v", st)
	}
}

func testPoison(t *testing.T, f Fixture, s cloud.Sink) {
	b := LessonFacts("b1", 1<<63|1, 0, 1000)
	bad := []uint64{1, 2, 500, 777, 1000}
	for _, pos := range bad {
		b.Facts[pos-1].Data = poisonJSON
	}
	r := mustPut(t, s, b)
	if r.Pos != 1000 || r.Stored != 995 || len(r.Dead) != len(bad) {
		t.Fatalf("stored %d, dead %d, at %d", r.Stored, len(r.Dead), r.Pos)
	}
	for _, list := range [][]cloud.Dead{r.Dead, mustState(t, s, "b1", 1<<63|1).Dead} {
		var got []uint64
		for _, d := range list {
			got = append(got, d.Pos)
			if d.Code == "" || d.Text == "" || d.Incarnation != 1<<63|1 || d.Kind != "quiz.answered" || d.Seq != d.Pos || d.At == 0 {
				t.Errorf("a letter that tells too little: %+v", d)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(bad, got); d != "" {
			t.Errorf("dead letters (-want +got):\n%s", d)
		}
	}
	if n := f.QueryInt(t, countFacts); n != 995 {
		t.Errorf("%d facts", n)
	}
}

func testRepairedFact(t *testing.T, f Fixture, s cloud.Sink) {
	b := LessonFacts("b1", 1, 0, 10)
	b.Facts[4].Data = poisonJSON
	if r := mustPut(t, s, b); len(r.Dead) != 1 {
		t.Fatalf("got %+v", r)
	}
	mustPut(t, s, LessonFacts("b1", 1, 10, 10))
	again := &batch.Batch{Box: "b1", Incarnation: 1, From: 4, To: 5, Again: true, Facts: LessonFacts("b1", 1, 0, 10).Facts[4:5]}
	if r := mustPut(t, s, again); r.Stored != 1 || len(r.Dead) != 0 || r.Pos != 20 {
		t.Errorf("got %+v", r)
	}
	if st := mustState(t, s, "b1", 1); len(st.Dead) != 0 || st.Pos != 20 {
		t.Errorf("got %+v", st)
	}
	if n := f.QueryInt(t, countFacts); n != 20 {
		t.Errorf("%d facts", n)
	}
}

func testForkedFact(t *testing.T, f Fixture, s cloud.Sink) {
	mustPut(t, s, LessonFacts("b1", 1, 0, 10))
	b := LessonFacts("b1", 1, 0, 10) // from another copy of the box
	b.Incarnation = 2
	b.Facts[3].Boot, b.Facts[3].Data = 99, json.RawMessage(`{"other":true}`)
	r := mustPut(t, s, b)
	if r.Stored != 0 || r.Known != 9 || len(r.Dead) != 1 || r.Dead[0].Pos != 4 || r.Dead[0].Code != cloud.CodeForked {
		t.Errorf("got %+v", r)
	}
	if n := f.QueryInt(t, countFacts+` where payload ? 'other'`); n != 0 {
		t.Error("a fact was overwritten")
	}
}

func testUnknownKind(t *testing.T, f Fixture, s cloud.Sink) {
	b := LessonFacts("b1", 1, 0, 2)
	b.Facts[0].Kind, b.Facts[0].Version, b.Facts[0].Data = "poll.vanished", 300, json.RawMessage(`[1,"two",null]`)
	b.Facts[1].Data = nil
	mustPut(t, s, b)
	if n := f.QueryInt(t, countFacts+` where kind = 'poll.vanished' and version = 300 and payload = '[1,"two",null]'`); n != 1 {
		t.Error("it is not there")
	}
	if n := f.QueryInt(t, countFacts+` where payload is null`); n != 1 {
		t.Error("a fact without a payload is not there")
	}
}

func testLargestBatch(t *testing.T, f Fixture, s cloud.Sink) {
	if r := mustPut(t, s, LessonFacts("b1", 1, 0, batch.MaxFacts)); r.Stored != batch.MaxFacts || r.Pos != batch.MaxFacts {
		t.Errorf("stored %d, at %d", r.Stored, r.Pos)
	}
	b := LessonFacts("b1", 1, batch.MaxFacts, 12)
	for i := range b.Facts {
		raw, _ := json.Marshal(string(make([]byte, 0))) // the largest payload
		long := make([]byte, batch.MaxData-len(raw))
		for j := range long {
			long[j] = 'a' + byte((i*7+j*j)%26)
		}
		b.Facts[i].Data = json.RawMessage(`"` + string(long) + `"`)
	}
	if r := mustPut(t, s, b); r.Stored != 12 {
		t.Errorf("stored %d of 12 large ones", r.Stored)
	}
	if n := f.QueryInt(t, countFacts); n != batch.MaxFacts+12 {
		t.Errorf("%d facts", n)
	}
}

func testTwoIncarnations(t *testing.T, f Fixture, s cloud.Sink) {
	mustPut(t, s, LessonFacts("b1", 1, 0, 30))
	mustPut(t, s, LessonFacts("b1", 2, 0, 20))
	mustPut(t, s, LessonFacts("b1", 1, 30, 5))
	st := mustState(t, s, "b1", 2)
	if st.Pos != 20 || len(st.Others) != 1 || st.Others[0].Incarnation != 1 || st.Others[0].Pos != 35 || st.Others[0].Last == 0 {
		t.Errorf("got %+v", st)
	}
	if n := f.QueryInt(t, countFacts); n != 55 {
		t.Errorf("%d facts", n)
	}
}

func testRevokedBox(t *testing.T, f Fixture, s cloud.Sink) {
	mustPut(t, s, LessonFacts("b1", 1, 0, 10))
	if err := f.Store.RevokeBox(t.Context(), "b1"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Put(t.Context(), LessonFacts("b1", 1, 10, 10))
	checkCode(t, err, errs.Denied, cloud.CodeRevoked)
	_, err = s.State(t.Context(), NewSelf("b1", 1, 20))
	checkCode(t, err, errs.Denied, cloud.CodeRevoked)
	_, err = s.Pull(t.Context(), 0, 10)
	checkCode(t, err, errs.Denied, cloud.CodeRevoked)
	if n := f.QueryInt(t, countFacts); n != 10 {
		t.Errorf("%d facts", n)
	}
}

func testOwnBoxOnly(t *testing.T, f Fixture, s cloud.Sink) {
	other := f.Open("b2")
	mustPut(t, other, LessonFacts("b2", 1, 0, 10))
	if !f.Carried { // the header of the file names the box
		_, err := s.Put(t.Context(), LessonFacts("b2", 1, 10, 10))
		checkCode(t, err, errs.Denied, cloud.CodeStranger)
		_, err = s.State(t.Context(), NewSelf("b2", 1, 20))
		checkCode(t, err, errs.Denied, cloud.CodeStranger)
	}
	if st := mustState(t, other, "b2", 1); st.Pos != 10 {
		t.Errorf("another box moved the watermark to %d", st.Pos)
	}
	if st := mustState(t, s, "b1", 1); st.Known || len(st.Others) != 0 {
		t.Errorf("a box sees another one's: %+v", st)
	}
}

func testItemPages(t *testing.T, f Fixture, s cloud.Sink) {
	for i := range 25 {
		data := fmt.Sprintf(`{"name":"Class %d","pupils":[{"id":"s1","name":"Ada"}]}`, i)
		if _, err := f.Store.PutItem(t.Context(), School, cloud.ItemClass, fmt.Sprintf("c%d", i), json.RawMessage(data), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Store.PutItem(t.Context(), School, cloud.ItemClass, "c3", nil, true); err != nil {
		t.Fatal(err)
	}
	newest := mustState(t, s, "b1", 1).Down
	seen := map[string]cloud.Item{}
	since, last := uint64(0), uint64(0)
	for more := true; more; {
		p, err := s.Pull(t.Context(), since, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) > 10 {
			t.Fatalf("%d items, at most 10 were asked for", len(p.Items))
		}
		for _, it := range p.Items {
			if it.N <= last {
				t.Fatalf("item %d after %d", it.N, last)
			}
			last, seen[it.Kind+" "+it.ID] = it.N, it
		}
		since, more = p.Next, p.More
	}
	if last != newest || since != newest {
		t.Errorf("ended at item %d of %d", last, newest)
	}
	if it := seen["class c3"]; !it.Gone || it.Version != 2 {
		t.Errorf("a class that was taken off: %+v", it)
	}
	for i := range 25 {
		if _, ok := seen[fmt.Sprintf("class c%d", i)]; !ok {
			t.Errorf("class %d did not come", i)
		}
	}
	if p, err := s.Pull(t.Context(), newest, 10); err != nil || len(p.Items) != 0 || p.More || p.Next != newest {
		t.Errorf("at the end: %+v, %v", p, err)
	}
}

func testPolicyAndClock(t *testing.T, f Fixture, s cloud.Sink) {
	if err := f.Store.SetPolicy(t.Context(), School, cloud.Policy{Chat: true}); err != nil {
		t.Fatal(err)
	}
	st := mustState(t, s, "b1", 1)
	if st.Policy != (cloud.Policy{Chat: true}) || st.Format != batch.Format {
		t.Errorf("got %+v", st)
	}
	if now := f.QueryInt(t, `select extract(epoch from now())::int`); st.Time != 0 && (st.Time/1000 < int64(now)-60 || st.Time/1000 > int64(now)+60) {
		t.Errorf("the cloud's clock is said to be at %d, it is at %d", st.Time/1000, now)
	}
	old := NewSelf("b1", 1, 0)
	old.Format = 0
	_, err := s.State(t.Context(), old)
	checkCode(t, err, errs.Denied, cloud.CodeBoxOlder)
}
