package pg_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/errs"
)

const (
	allFacts = `select count(*) from livelearn.facts`
	allDead  = `select count(*) from livelearn.dead_letters where resolved is null`
)

func TestABatchGivenAgainChangesNothing(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addAnswers(100)
	first := x.takeBatch()
	if got := r.put(first); got.Stored != 100 || got.Known != 0 || got.Pos != 100 {
		t.Fatalf("got %+v", got)
	}
	_, err := r.store.Ingest(t.Context(), ada, first)
	wantError(t, err, errs.Stale, cloud.CodeMoved)

	// The same facts from a database that was restored from a backup.
	again := *first
	again.Incarnation = 8
	if got := r.put(&again); got.Stored != 0 || got.Known != 100 || got.Pos != 100 || len(got.Dead) != 0 {
		t.Fatalf("restored: got %+v", got)
	}
	if n := r.queryInt(allFacts); n != 100 {
		t.Fatalf("%d facts", n)
	}
}

func TestABatchFromElsewhereIsRefusedAsAWhole(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addAnswers(10)
	skipped := x.takeBatch()
	x.addAnswers(10)
	later := x.takeBatch()
	_, err := r.store.Ingest(t.Context(), ada, later)
	wantError(t, err, errs.Stale, cloud.CodeMoved)
	if n := r.queryInt(allFacts) + r.queryInt(`select count(*) from livelearn.watermarks`); n != 0 {
		t.Fatalf("%d rows stay", n)
	}
	r.put(skipped)
	r.put(later)
	state, err := r.store.State(t.Context(), ada, cloud.Self{Box: ada, Name: "Room 12", Version: "2.0", Format: 1, Incarnation: 7, Position: 25})
	r.must(err)
	if !state.Known || state.Pos != 20 || state.Mark != 140 || state.School != school || state.Time == 0 || !state.Policy.Chat {
		t.Fatalf("state %+v", state)
	}
}

func TestAnEmptyBatchMovesTheWatermark(t *testing.T) {
	r := newRig(t)
	if got := r.put(&batch.Batch{Box: ada, Incarnation: 7, To: 500, Mark: 9}); got.Pos != 500 {
		t.Fatalf("got %+v", got)
	}
	if n := r.queryInt(`select pos from livelearn.watermarks where mark = 9`); n != 500 {
		t.Fatalf("watermark at %d", n)
	}
}

func TestACallThatIsCutLeavesAllOrNothing(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	for range 20 {
		x.addAnswers(200)
		in := x.takeBatch()
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			_, _ = r.db.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`)
			cancel()
		})
		_, err := r.store.Ingest(ctx, ada, in)
		group.Wait()
		cancel()
		if err != nil && errs.KindOf(err) != errs.Down {
			t.Fatal(err)
		}
		pos := r.queryInt(`select coalesce(max(pos), 0) from livelearn.watermarks`)
		if n := r.queryInt(allFacts); n != pos {
			t.Fatalf("%d facts at watermark %d", n, pos)
		}
		x.sent = uint64(pos)
	}
}

func TestExactlyThePoisonRowsBecomeDeadLetters(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	poison := map[int]string{
		3:   `{"text":"a\u0000b"}`,      // Postgres has no such text
		4:   `{"text":"\ud800"}`,        // half of a surrogate pair
		500: `{"n":1e9999999}`,          // Postgres has no such number
		501: "{\"text\":\"\xff\"}",      // not UTF-8
		999: `{"text":"\udc00 \ud83d"}`, // surrogate halves in the wrong order
	}
	var want []uint64
	for i := range 1000 {
		if data, bad := poison[i]; bad {
			want = append(want, x.addFact("room:r1", "u_ben", "quiz.answered", data).Pos)
			continue
		}
		x.addAnswers(1)
	}
	in := x.takeBatch()
	in.Facts[700].Version = 1 << 20 // a fact of a much newer program
	in.Facts[800].Wall = 1 << 60    // a broken clock
	in.Facts[900].By = "u_\x00"     // Postgres has no such text
	want = append(want, in.Facts[700].Pos, in.Facts[800].Pos, in.Facts[900].Pos)
	slices.Sort(want)
	got := r.put(in)
	if got.Stored != 992 || got.Known != 0 || got.Pos != 1000 {
		t.Fatalf("got %d stored, %d known, at %d", got.Stored, got.Known, got.Pos)
	}
	var dead []uint64
	for _, d := range got.Dead {
		dead = append(dead, d.Pos)
		if d.Code == "" || d.Text == "" || d.Incarnation != 7 || d.Stream != "room:r1" || d.Seq != d.Pos || d.At == 0 {
			t.Errorf("dead letter %+v", d)
		}
	}
	slices.Sort(dead)
	if diff := cmp.Diff(dead, want); diff != "" {
		t.Fatal(diff)
	}

	state, err := r.store.State(t.Context(), ada, cloud.Self{Box: ada, Format: 1, Incarnation: 7, Position: 1000})
	r.must(err)
	list, err := r.store.DeadLetters(t.Context(), school, ada)
	r.must(err)
	if len(state.Dead) != 8 || len(list) != 8 {
		t.Fatalf("%d in the state, %d on the list", len(state.Dead), len(list))
	}
	for _, d := range list {
		if data, ok := poison[int(d.Pos)-1]; ok && !strings.Contains(string(d.Body), data) {
			t.Errorf("%d: the body is %s, without %s", d.Pos, d.Body, data)
		}
	}
}

func TestPoisonThatComesAgainIsOneDeadLetter(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addFact("room:r1", "u_ben", "quiz.answered", `{"text":"\u0000"}`)
	first := x.takeBatch()
	r.put(first)
	again := *first
	again.Incarnation = 8
	if got := r.put(&again); len(got.Dead) != 1 || got.Dead[0].Incarnation != 8 {
		t.Fatalf("got %+v", got)
	}
	if n := r.queryInt(allDead); n != 1 {
		t.Fatalf("%d dead letters", n)
	}

	// After a repair the fact is stored when it is sent again. The bad form is known then.
	mended := again
	mended.Again = true
	mended.Facts = slices.Clone(again.Facts)
	mended.Facts[0].Data = json.RawMessage(`{"text":"\ufffd"}`)
	if got := r.put(&mended); got.Stored != 1 || got.Pos != 1 {
		t.Fatalf("mended: got %+v", got)
	}
	again.Incarnation = 9
	if got := r.put(&again); len(got.Dead) != 0 || got.Known != 1 {
		t.Fatalf("after that: got %+v", got)
	}
	if n := r.queryInt(allDead); n != 0 {
		t.Fatalf("%d dead letters", n)
	}
}

func TestACopyOfABoxOverwritesNothing(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addAnswers(50)
	r.put(x.takeBatch())

	// Both copies continue under incarnations of their own.
	twin := newBox(ada, 8)
	twin.addAnswers(50)
	for i := range twin.facts {
		twin.facts[i] = x.facts[i]
	}
	twin.boot, twin.mono = 99, 40*24*3600*1000 // another month, so another partition
	twin.addAnswers(20)
	x.addAnswers(30)
	r.put(x.takeBatch())
	got := r.put(twin.takeBatch())
	if got.Known != 50 || got.Stored != 0 || len(got.Dead) != 20 {
		t.Fatalf("got %d known, %d stored, %d dead", got.Known, got.Stored, len(got.Dead))
	}
	for _, d := range got.Dead {
		if d.Code != cloud.CodeForked {
			t.Fatalf("dead letter %+v", d)
		}
	}
	if n := r.queryInt(`select count(distinct (stream, epoch, seq)) from livelearn.facts`); n != 80 || n != r.queryInt(allFacts) {
		t.Fatalf("%d identities of %d facts", n, r.queryInt(allFacts))
	}
	if n := r.queryInt(`select count(*) from livelearn.facts where boot = 99`); n != 0 {
		t.Fatalf("%d facts of the copy took a place", n)
	}
	twin.addAnswers(40) // numbers that the first copy never had
	if got := r.put(twin.takeBatch()); got.Stored != 30 || len(got.Dead) != 10 {
		t.Fatalf("got %d stored, %d dead", got.Stored, len(got.Dead))
	}
}

func TestTwoBoxesOfOneNameAreTwo(t *testing.T) {
	r := newRig(t)
	r.enrol(school, "box-bob")
	for _, id := range []string{ada, "box-bob"} {
		x := newBox(id, 7)
		x.addReport(cloud.Reported, cloud.Report{Version: id})
		r.put(x.takeBatch())
	}
	if n := r.queryInt(allFacts); n != 2 {
		t.Fatalf("%d facts", n)
	}
	list, err := r.store.Boxes(t.Context(), school)
	r.must(err)
	if len(list) != 2 || list[0].Name != list[1].Name || list[0].Box == list[1].Box {
		t.Fatalf("boxes %+v", list)
	}
}

func TestABoxCannotActForAnother(t *testing.T) {
	r := newRig(t)
	r.enrol(school, "box-bob")
	x := newBox("box-bob", 7)
	x.addAnswers(1)
	_, err := r.store.Ingest(t.Context(), ada, x.takeBatch())
	wantError(t, err, errs.Denied, cloud.CodeStranger)
	_, err = r.store.State(t.Context(), ada, cloud.Self{Box: "box-bob", Format: 1})
	wantError(t, err, errs.Denied, cloud.CodeStranger)
	_, err = r.store.Ingest(t.Context(), "nobody", &batch.Batch{Box: "nobody", Incarnation: 1, To: 1})
	wantError(t, err, errs.Denied, cloud.CodeStranger)
	_, err = r.store.Pull(t.Context(), "nobody", 0, 0)
	wantError(t, err, errs.Denied, cloud.CodeStranger)

	y := newBox(ada, 7)
	y.addFact("report@box-bob", "", cloud.Reported, "{}")
	_, err = r.store.Ingest(t.Context(), ada, y.takeBatch())
	wantError(t, err, errs.Invalid, "bad_batch")
}

func TestARevokedBoxIsRefusedUntilItEnrolsAgain(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addAnswers(3)
	r.must(r.store.RevokeBox(t.Context(), ada))
	in := x.takeBatch()
	_, err := r.store.Ingest(t.Context(), ada, in)
	wantError(t, err, errs.Denied, cloud.CodeRevoked)
	_, err = r.store.State(t.Context(), ada, cloud.Self{Box: ada, Format: 1})
	wantError(t, err, errs.Denied, cloud.CodeRevoked)
	_, err = r.store.Pull(t.Context(), ada, 0, 10)
	wantError(t, err, errs.Denied, cloud.CodeRevoked)
	if _, revoked, err := r.store.BoxKey(t.Context(), ada); err != nil || !revoked {
		t.Fatalf("revoked %v, %v", revoked, err)
	}
	key := r.enrol(school, ada)
	if got, revoked, err := r.store.BoxKey(t.Context(), ada); err != nil || revoked || !got.Equal(key) {
		t.Fatalf("key %x, revoked %v, %v", got, revoked, err)
	}
	if got := r.put(in); got.Stored != 3 {
		t.Fatalf("got %+v", got)
	}
}

func TestAnUnknownKindAndAnOldPayloadStayReadable(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.addFact("room:r1", "", "lesson.started", `{"lesson":"l1","title":"Fractions"}`)
	f := x.addFact("room:r1", "u_ben", "poll.voted", `{"option":"b","weights":[1,2]}`)
	x.facts[len(x.facts)-1].Version = 9
	old := x.addFact("room:r1", "u_ben", "quiz.answered", `{"item":"q1","choice":2}`) // from before rounds existed
	r.put(x.takeBatch())
	var kind, option string
	var version int
	r.must(r.db.QueryRow(t.Context(), `select kind, version, payload ->> 'option' from livelearn.facts_at where stream = $1 and seq = $2`, f.Stream, f.Seq).
		Scan(&kind, &version, &option))
	if kind != "poll.voted" || version != 9 || option != "b" {
		t.Fatalf("got %s %d %s", kind, version, option)
	}
	var round *string
	var item string
	r.must(r.db.QueryRow(t.Context(), `select round, item from livelearn.answers where seq = $1`, old.Seq).Scan(&round, &item))
	if round != nil || item != "q1" {
		t.Fatalf("got %v, %s", round, item)
	}
}

func TestABatchOutOfOrderIsRefused(t *testing.T) {
	r := newRig(t)
	for name, spoil := range map[string]func(*batch.Batch){
		"position twice":  func(b *batch.Batch) { b.Facts[1].Pos = b.Facts[0].Pos },
		"after the end":   func(b *batch.Batch) { b.To = 2 },
		"before the from": func(b *batch.Batch) { b.From = 1 },
		"number twice":    func(b *batch.Batch) { b.Facts[2].Seq = 1 },
		"foreign stream":  func(b *batch.Batch) { b.Facts[2].Stream = "report@box-bob" },
		"backwards":       func(b *batch.Batch) { b.From, b.To = 9, 3 },
		"huge":            func(b *batch.Batch) { b.Facts[2].Epoch = 1 << 63 },
	} {
		x := newBox(ada, 7)
		x.addAnswers(3)
		in := x.takeBatch()
		spoil(in)
		if _, err := r.store.Ingest(t.Context(), ada, in); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSeveralNodesStoreAtOnce(t *testing.T) {
	r := newRig(t)
	nodes := []*pg.Store{r.store, openStore(t, r.url), openStore(t, r.url)}
	var group sync.WaitGroup
	for i := range 6 {
		id := fmt.Sprintf("box-%d", i)
		r.enrol(school, id)
		group.Go(func() {
			x := newBox(id, uint64(i+1))
			for n := range 10 {
				x.mono = int64(n) * 31 * 24 * 3600 * 1000 // each batch needs a new month at the same time
				for range 50 {
					x.addFact("room:"+id, "u_ben", "quiz.answered", `{"item":"q1"}`)
				}
				in := x.takeBatch()
				var moved int
				for k := range nodes { // the first answer may have been lost
					_, err := nodes[(i+k)%3].Ingest(t.Context(), id, in)
					if errs.BodyOf(err).Code == cloud.CodeMoved {
						moved++
					} else if err != nil {
						t.Error(err)
					}
				}
				if moved != 2 {
					t.Errorf("%s: refused %d times", id, moved)
				}
			}
		})
	}
	group.Wait()
	if n := r.queryInt(allFacts); n != 3000 {
		t.Fatalf("%d facts", n)
	}
	if n := r.queryInt(`select count(*) from livelearn.facts_undated`); n != 0 {
		t.Fatalf("%d facts have no month", n)
	}
}

func TestTwoNodesGivenOneBatchStoreItOnce(t *testing.T) {
	r := newRig(t)
	other := openStore(t, r.url)
	x := newBox(ada, 7)
	for range 20 {
		x.addAnswers(100)
		in := x.takeBatch()
		var group sync.WaitGroup
		var errors [2]error
		for i, s := range []*pg.Store{r.store, other} {
			group.Go(func() { _, errors[i] = s.Ingest(t.Context(), ada, in) })
		}
		group.Wait()
		if (errors[0] == nil) == (errors[1] == nil) {
			t.Fatalf("got %v and %v", errors[0], errors[1])
		}
	}
	if n := r.queryInt(allFacts); n != 2000 {
		t.Fatalf("%d facts", n)
	}
}

func TestAClockThatIsYearsOffLosesNothing(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	x.untrusted = true
	for _, wall := range []int64{0, 1000, -5, 4102444800000, 1767225599999, 1767225600000, 2429913599999, 2429913600000} {
		x.addFact("room:r1", "u_ben", "quiz.answered", `{"item":"q1"}`)
		x.facts[len(x.facts)-1].Wall = wall
	}
	if got := r.put(x.takeBatch()); got.Stored != 8 {
		t.Fatalf("got %+v", got)
	}
}
