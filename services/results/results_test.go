package results

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/livelearn/box/services/chat"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/hand"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/reaction"
)

func TestTheLastAnswerWhileARoundIsOpenCountsOnce(t *testing.T) {
	tp := newFactTape().lesson().came("p1").came("p2").load(false).open(1, single1, 0)
	tp.answer("p1", 1, "q1", "b", 100).answer("p1", 1, "q1", "a", 200).answer("p1", 1, "q1", "a", 300).shut(1)
	tp.answer("p1", 1, "q1", "b", 400).answer("p2", 1, "q1", "a", 500).answer("p2", 7, "q1", "a", 500)
	r := tp.end().results()
	_, p := r.pupil(t, "p1")
	if p.Score != 2 || p.Max != 2 || p.Answered != 1 || p.Right != 1 {
		t.Errorf("got %+v", p)
	}
	if _, p := r.pupil(t, "p2"); p.Answered != 0 || p.Score != 0 {
		t.Errorf("an answer after the lock counts: %+v", p)
	}
	q := r.Items[0]
	if q.Asked != 2 || q.Answered != 1 || q.Fraction != 1 || q.Counts["a"] != 1 || q.Counts["b"] != 0 || !slices.Equal(q.Right, []string{"a"}) {
		t.Errorf("got %+v", q)
	}
}

func TestWhoComesLateIsAskedWhatIsOpen(t *testing.T) {
	r := newFactTape().lesson().came("p1").load(false).open(1, single1, 0).wait(minute).came("p2").shut(1).came("p3").results()
	if q := r.Items[0]; q.Asked != 2 {
		t.Errorf("got %+v", q)
	}
}

func TestAQuestionAskedAgainCountsByTheLastRoundThatWasShown(t *testing.T) {
	tp := newFactTape().lesson().came("p1").load(false).open(1, single1, 0).answer("p1", 1, "q1", "b", 1).shut(1)
	tp.open(2, single1, 0).answer("p1", 2, "q1", "a", 1).shut(2)
	r := tp.open(3, single1, 0).results()
	_, p := r.pupil(t, "p1")
	if len(r.Items) != 1 || r.Items[0].Round != 2 || p.Score != 2 || p.Max != 2 || p.Answered != 1 {
		t.Errorf("got %+v and %+v", r.Items, p)
	}
}

func TestSpeedScoresFromAllToHalfOverThePupilsTime(t *testing.T) {
	score := func(speed bool, seconds int, took int64, more string) float64 {
		tp := newFactTape().lesson().came("p1").load(speed)
		if more != "" {
			tp.add("t1", quiz.Allowed, `{"user":"p1","factor":`+more+`}`)
		}
		_, p := tp.open(1, single1, seconds).answer("p1", 1, "q1", "a", took).shut(1).results().pupil(t, "p1")
		return p.Score
	}
	for _, c := range []struct {
		speed   bool
		seconds int
		took    int64
		more    string
		want    float64
	}{
		{true, 10, 0, "", 2},
		{true, 10, 5000, "", 1.5},
		{true, 10, 10_000, "", 1},
		{true, 10, 99_000, "", 1},
		{true, 10, 10_000, "2", 1.5},
		{true, 0, 5000, "", 2},
		{false, 10, 9000, "", 2},
	} {
		if got := score(c.speed, c.seconds, c.took, c.more); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestAnotherKeyGivesAnotherGrade(t *testing.T) {
	tp := newFactTape().lesson().came("p1").came("p2").load(false).open(1, single1, 0)
	tp.answer("p1", 1, "q1", "a", 1).answer("p2", 1, "q1", "b", 1).shut(1).end()
	tp.add("t1", quiz.Regraded, `{"round":1,"item":"q1","key":{"weights":{"b":1}},"shown":true,"score":0,"max":0}`)
	r := tp.results()
	if _, p := r.pupil(t, "p1"); p.Score != 0 {
		t.Errorf("got %+v", p)
	}
	if _, p := r.pupil(t, "p2"); p.Score != 2 {
		t.Errorf("got %+v", p)
	}
	if !slices.Equal(r.Items[0].Right, []string{"b"}) {
		t.Errorf("right is %v", r.Items[0].Right)
	}
}

func TestPollsHaveNoPoints(t *testing.T) {
	r := newFactTape().lesson().came("p1").load(false).open(1, poll3, 0).answer("p1", 1, "q3", "a", 1).shut(1).results()
	_, p := r.pupil(t, "p1")
	if r.Items[0].Graded || p.Max != 0 || p.Right+p.Wrong != 0 || p.Answered != 1 || len(r.Hardest) != 0 {
		t.Errorf("got %+v, %+v", r.Items[0], p)
	}
}

func TestWhoNeedsHelpAndWhy(t *testing.T) {
	tp := newFactTape().lesson().came("p1").came("p2").wait(10 * minute).came("p3").load(false)
	tp.add("p2", reaction.Tapped, `{"tap":"lost"}`).add("p2", reaction.Tapped, `{"tap":""}`).add("p2", hand.Raised, `{}`).add("t1", chat.Said, `{"text":"hello","to":"all"}`)
	tp.open(1, single1, 0).answer("p1", 1, "q1", "b", 1).answer("p2", 1, "q1", "a", 1).shut(1)
	tp.open(2, single2, 0).answer("p1", 2, "q2", "b", 1).answer("p2", 2, "q2", "a", 1).shut(2)
	r := tp.end().results()
	want := []Help{{"p3", []string{"silent", "late"}}, {"p1", []string{"wrong_often"}}, {"p2", []string{"lost"}}}
	if d := cmp.Diff(r.Help, want); d != "" {
		t.Error(d)
	}
	if _, p := r.pupil(t, "p2"); p.Hands != 1 || p.Lost != 1 || p.Chats != 0 || p.Streak != 2 || p.Score != 3 {
		t.Errorf("got %+v", p)
	}
	if !slices.Equal(r.Hardest, []string{"q1", "q2"}) {
		t.Errorf("the hardest are %v", r.Hardest)
	}
}

func TestAnEmptiedFactCountsAsNeverRecorded(t *testing.T) {
	tp := newFactTape().lesson().came("p1").load(false).open(1, single1, 0).answer("p1", 1, "q1", "a", 1).shut(1)
	for i := range tp.facts {
		if tp.facts[i].By == "p1" {
			tp.facts[i].By, tp.facts[i].Data = "erased", json.RawMessage("null")
		}
	}
	r := tp.results()
	if strings.Contains(r.text(t), "erased") || r.Items[0].Answered != 0 || len(r.Pupils) != 3 {
		t.Errorf("got %+v", r)
	}
}

func TestListsAreNeverNull(t *testing.T) {
	for name, r := range map[string]Results{
		"no fact": New(Meta{}).Results(), "a poll": newFactTape().lesson().load(false).open(1, poll3, 0).results(),
	} {
		raw, err := json.Marshal(r)
		if err != nil || strings.Contains(string(raw), "null") {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
}

func TestPayloadsThatCannotBeReadArePassedOver(t *testing.T) {
	tp := newFactTape().lesson().came("p1")
	for _, k := range []string{`[]`, `{"round":"x"}`, `{"user":1}`, `"x"`, `{"round":1,"items":[1]}`, `{"item":"q1","key":7}`} {
		for _, kind := range []string{"quiz.loaded", "quiz.opened", "quiz.answered", "quiz.revealed", "quiz.regraded", "quiz.allowed", "tap.tapped", "other"} {
			tp.add("p1", event.Kind(kind), k)
		}
	}
	if a, _ := tp.wait(minute).end().results().pupil(t, "p1"); a.MS != minute {
		t.Errorf("got %+v", a)
	}
}

// randomLesson is a lesson of random answers by three pupils.
func randomLesson(r *rand.Rand) *factTape {
	tp := newFactTape().lesson().came("p1").came("p2").load(r.IntN(2) == 0)
	for round, it := range []string{single1, single2, poll3} {
		tp.open(round+1, it, 10)
		for range r.IntN(8) {
			tp.wait(r.Int64N(2000))
			user := []string{"p1", "p2", "p3"}[r.IntN(3)]
			tp.answer(user, round+1, []string{"q1", "q2", "q3"}[round], []string{"a", "b"}[r.IntN(2)], r.Int64N(12_000))
			if r.IntN(3) == 0 {
				tp.add(user, hand.Raised, `{}`)
			}
		}
		tp.shut(round + 1)
	}
	return tp.end()
}

func TestTheSameFactsGiveTheSameBytes(t *testing.T) {
	for seed := range uint64(30) {
		tp := randomLesson(rand.New(rand.NewPCG(seed, 1)))
		want := tp.results().text(t)
		twice := tp.fold()
		for _, e := range tp.facts {
			twice.Add(e) // read again from the start
		}
		if got := twice.Results().text(t); got != want {
			t.Fatalf("seed %d: facts that were added twice count twice", seed)
		}
		if got := tp.results().text(t); got != want {
			t.Fatalf("seed %d: other bytes", seed)
		}
	}
}

// Two pupils who do something at the same moment reach the log in either order.
func TestTheOrderOfUnrelatedFactsMakesNoDifference(t *testing.T) {
	own := func(kind string) bool { return kind == "quiz.answered" || kind == "hand.raised" }
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		tp := randomLesson(rnd)
		want := tp.results()
		for range 50 {
			i := rnd.IntN(len(tp.facts) - 1)
			a, b := tp.facts[i], tp.facts[i+1]
			if own(string(a.Kind)) && own(string(b.Kind)) && a.By != b.By {
				a.Seq, b.Seq = b.Seq, a.Seq
				tp.facts[i], tp.facts[i+1] = b, a
			}
		}
		if d := cmp.Diff(tp.results(), want, cmpopts.IgnoreUnexported(Results{}, Answer{})); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

func TestPointsBySpeedFollowALongerLimit(t *testing.T) {
	tape := newFactTape().lesson().came("p1").load(true).open(1, single1, 10).
		add("t1", quiz.Extended, `{"round":1,"seconds":20,"left":15000}`).
		answer("p1", 1, "q1", "a", 10_000).shut(1).end()
	if _, p := tape.results().pupil(t, "p1"); p.Score != 1.5 { // 2 points, half of the time gone
		t.Errorf("%v points", p.Score)
	}
}
