package cloud_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

var errCut = errs.New("test", errs.Down, errors.New("connection reset"))

// bubble runs a test in fake time.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

// settle gives the link so long in fake time.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestEveryFactArrivesOnceWhateverFails(t *testing.T) {
	for seed := range uint64(6) {
		bubble(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			sink := newRows()
			sink.poison = func(f batch.Fact) bool { return bytes.Contains(f.Data, []byte("poison")) }
			bad := true
			sink.before = func(string) error {
				if bad && r.IntN(4) == 0 {
					return errCut
				}
				return nil
			}
			sink.after = sink.before // it counted, and the answer is lost
			b := start(t, t.TempDir(), sink)
			if err := b.Link(t.Context(), "cloud"); err != nil {
				t.Fatal(err)
			}
			want, poison := 0, 0
			for range 40 {
				n := r.IntN(300)
				b.record("room:a", "quiz.answered", n, `{"round":1}`)
				b.record("room:b", "board.drawn", r.IntN(50), `{}`)
				if r.IntN(3) == 0 {
					b.record("room:b", "quiz.answered", 1, `{"x":"poison"}`)
					poison++
				}
				want += n
				time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
			}
			settle(3 * time.Hour)
			bad = false // how the box is, it tells each hour: that may be on its way
			settle(10 * time.Minute)
			if got := sink.count("quiz.answered"); got != want {
				t.Errorf("seed %d: %d of %d facts", seed, got, want)
			}
			if got := len(b.Dead()); got != poison || len(sink.dead) != poison {
				t.Errorf("seed %d: %d dead letters here, %d there, want %d", seed, got, len(sink.dead), poison)
			}
			if _, waiting := b.Waiting(); waiting != 0 {
				t.Errorf("seed %d: %d wait", seed, waiting)
			}
			b.stop()
		})
	}
}

func TestABoxThatWasAwayForATermGoesOnWhereItWas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		tries := 0 // of the link alone, which waits now
		var gone atomic.Bool
		gone.Store(true)
		sink.before = func(string) error {
			tries++
			if gone.Load() {
				return errCut
			}
			return nil
		}
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		b.record("room:a", "quiz.answered", 3000, `{}`)
		settle(100 * 24 * time.Hour)
		if s := b.Status(); s.State != cloud.StateOffline || s.Queue < 3000 || s.Next == 0 {
			t.Errorf("away: %+v", s)
		}
		if tries > 100*24*60 {
			t.Errorf("%d tries in 100 days", tries)
		}
		gone.Store(false)
		settle(10 * time.Minute)
		if got := sink.count("quiz.answered"); got != 3000 {
			t.Errorf("%d of 3000", got)
		}
		if s := b.Status(); s.State != cloud.StateIdle || s.Queue != 0 || s.School != "Hill School" {
			t.Errorf("back: %+v", s)
		}
	})
}

func TestWhatStaysOnTheBoxCostsNoExchange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		for range 100 {
			b.record("room:a", "board.drawn", 20, `{}`)
			b.record("room:a", "chat.said", 1, `{"text":"hello"}`)
			settle(500 * time.Millisecond)
		}
		if len(sink.puts) != 0 {
			t.Errorf("puts %v", sink.puts)
		}
		if _, waiting := b.Waiting(); waiting != 0 {
			t.Errorf("%d wait", waiting)
		}
		b.record("room:a", "quiz.answered", 1, `{}`)
		settle(time.Second)
		if sink.count("quiz.answered") != 1 || len(sink.puts) != 1 {
			t.Errorf("%d, puts %v", sink.count("quiz.answered"), sink.puts)
		}
	})
}

func TestWordsAndNamesLeaveWhereTheSchoolAllowsItOnly(t *testing.T) {
	for _, policy := range []cloud.Policy{{}, {Chat: true}, {Names: true}, {Chat: true, Names: true}} {
		bubble(t, func(t *testing.T) {
			sink := newRows()
			sink.state.Policy = policy
			b := start(t, t.TempDir(), sink)
			defer b.stop()
			b.lists = []cloud.Listing{{Class: "c_1", Name: "7b", Pupils: []cloud.ListedPupil{{ID: "p_1", Name: "Ada Canary"}}}}
			b.record("room:a", "chat.said", 5, `{"text":"canary words"}`)
			b.record("box", "letter.buried", 1, `{"id":"l_1","kind":"chat.say","data":{"text":"canary words"},"err":"panic","stack":"canary words"}`)
			if err := b.Link(t.Context(), "cloud"); err != nil {
				t.Fatal(err)
			}
			settle(30 * time.Minute)
			words, names, letters := false, false, 0
			for _, f := range sink.facts {
				words = words || bytes.Contains(f.Data, []byte("canary words"))
				names = names || bytes.Contains(f.Data, []byte("Ada Canary"))
				if f.Kind == "letter.buried" {
					letters++
				}
			}
			if words != policy.Chat || names != policy.Names || letters != 1 {
				t.Errorf("%+v: words %t, names %t, letters %d", policy, words, names, letters)
			}
			if sink.count(cloud.Listed) == 0 || sink.count(cloud.Reported) == 0 {
				t.Error("the box told nothing of itself")
			}
		})
	}
}

func TestStreamsOfTheBoxItselfBearItsName(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		b.record("box", "letter.buried", 1, `{}`)
		b.record("room:a", "quiz.answered", 1, `{}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		for _, f := range sink.facts {
			if !strings.HasPrefix(f.Stream, "room:") && !strings.HasSuffix(f.Stream, "@b_1") {
				t.Errorf("stream %q", f.Stream)
			}
		}
	})
}

func TestAnotherCopyOfTheBoxMakesItANewIncarnation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		b.record("room:a", "quiz.answered", 100, `{}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		was := b.journal.Incarnation()
		sink.mu.Lock()
		sink.marks[was] = cloud.State{Pos: sink.marks[was].Pos, Mark: 4711} // the copy wrote other facts there
		sink.mu.Unlock()
		b.Sync()
		settle(time.Minute)
		if b.journal.Incarnation() == was {
			t.Fatal("still the same incarnation")
		}
		b.record("room:a", "quiz.answered", 10, `{}`)
		settle(time.Minute)
		if got := sink.count("quiz.answered"); got != 110 {
			t.Errorf("%d facts, want 110: those that were there by their identity, and the new ones", got)
		}
		notes := b.Status().Notes
		if len(notes) == 0 || notes[len(notes)-1].Code != cloud.CodeForked {
			t.Errorf("notes %+v", notes)
		}
		// The other one learns it, too.
		sink.mu.Lock()
		sink.marks[99] = cloud.State{Pos: 5}
		sink.mu.Unlock()
		b.Sync()
		settle(time.Minute)
		if n := b.Status().Notes[0]; n.Code != "copy" || n.What != "63" {
			t.Errorf("note %+v", n)
		}
	})
}

func TestACloudThatIsAheadOfTheBoxIsNotOverwritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		b.record("room:a", "quiz.answered", 10, `{}`)
		sink.marks[b.journal.Incarnation()] = cloud.State{Pos: 5000, Mark: 1}
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		if got := sink.count("quiz.answered"); got != 10 {
			t.Errorf("%d of 10", got)
		}
		if len(sink.marks) != 2 || sink.marks[b.journal.Incarnation()].Pos == 0 {
			t.Errorf("watermarks %+v", sink.marks)
		}
	})
}

func TestARefusalIsAStateAndEndsByItself(t *testing.T) {
	for code, kind := range map[string]errs.Kind{
		cloud.CodeRevoked: errs.Denied, cloud.CodeStranger: errs.Denied, cloud.CodeCloudOlder: errs.Down, cloud.CodeBoxOlder: errs.Denied,
	} {
		bubble(t, func(t *testing.T) {
			sink := newRows()
			refuses, tries := true, 0
			sink.before = func(string) error {
				if tries++; refuses {
					return errs.Code("cloud", kind, code, "no")
				}
				return nil
			}
			b := start(t, t.TempDir(), sink)
			defer b.stop()
			b.record("room:a", "quiz.answered", 10, `{}`)
			if err := b.Link(t.Context(), "cloud"); err != nil {
				t.Fatal(err)
			}
			settle(24 * time.Hour)
			if s := b.Status(); s.State != code || s.Code != code {
				t.Errorf("%s: %+v", code, s)
			}
			if list := b.health.List(); len(list) == 0 || list[0].Level != health.Warn || list[0].Code != code {
				t.Errorf("%s: health %+v", code, list)
			}
			if tries > 24*13 {
				t.Errorf("%s: %d tries a day", code, tries)
			}
			refuses = false
			b.Sync()
			settle(time.Minute)
			if s := b.Status(); s.State != cloud.StateIdle || s.Code != "" || sink.count("quiz.answered") != 10 {
				t.Errorf("%s, lifted: %+v", code, s)
			}
			if list := b.health.List(); list[0].Level != health.OK {
				t.Errorf("%s: health %+v", code, list)
			}
		})
	}
}

func TestAFactThatTheCloudCannotReadKeepsNoOtherBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		strict := &refusing{rows: sink}
		b := start(t, t.TempDir(), strict)
		defer b.stop()
		b.record("room:a", "quiz.answered", 300, `{}`)
		b.record("room:a", "quiz.answered", 1, `{"odd":1}`)
		b.record("room:a", "quiz.answered", 300, `{}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(10 * time.Minute)
		if got := sink.count("quiz.answered"); got != 600 {
			t.Errorf("%d of 600", got)
		}
		if d := b.Dead(); len(d) != 1 || d[0].Code != "no_json" || d[0].Kind != "quiz.answered" {
			t.Errorf("dead %+v", d)
		}
	})
}

// refusing refuses whole batches that hold an odd fact, as a cloud that cannot read them.
type refusing struct{ *rows }

func (r *refusing) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	for _, f := range b.Facts {
		if bytes.Contains(f.Data, []byte("odd")) {
			return cloud.Receipt{}, errs.Field("batch.Decode", "facts[0].data", "no_json", 0, "is not JSON")
		}
	}
	return r.rows.Put(ctx, b)
}

func TestTheClockIsSetByTheCloudAndOldFactsAreAnchored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		sink.state.Time = 1_800_000_000_000
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		b.record("room:a", "quiz.answered", 1, `{}`)
		time.Sleep(time.Hour)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		if now := b.clock.Now(); !now.Trusted || now.Wall < 1_800_000_000_000 || now.Wall > 1_800_000_061_000 {
			t.Errorf("%+v", now)
		}
		if got := sink.count(cloud.Anchored); got != 1 {
			t.Errorf("%d anchors", got)
		}
	})
}

func TestRestartsGoOnFromTheWatermark(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink, dir := newRows(), t.TempDir()
		for i := range 5 {
			b := start(t, dir, sink)
			if i == 0 {
				if err := b.Link(t.Context(), "cloud"); err != nil {
					t.Fatal(err)
				}
			}
			b.record("room:a", "quiz.answered", 100, `{}`)
			settle(30 * time.Second)
			b.stop()
		}
		if got := sink.count("quiz.answered"); got != 500 || sink.arrived > 510 {
			t.Errorf("%d facts, %d sent", got, sink.arrived)
		}
	})
}

func TestADeadLetterIsSentAgainAndRepaired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		sink.poison = func(f batch.Fact) bool { return bytes.Contains(f.Data, []byte(`\u0000`)) }
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		b.record("room:a", "quiz.answered", 1, `{"text":"a\u0000b\ud83d\ude00\ud83d"}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		dead := b.Dead()
		if len(dead) != 1 {
			t.Fatalf("dead %+v", dead)
		}
		if err := b.Retry(t.Context(), dead[0].Incarnation, dead[0].Pos, false); errs.BodyOf(err).Code != "refused_again" {
			t.Errorf("as it is: %v", err)
		}
		if err := b.Retry(t.Context(), dead[0].Incarnation, dead[0].Pos, true); err != nil {
			t.Error(err)
		}
		for _, f := range sink.facts {
			if f.Kind == "quiz.answered" && string(f.Data) != `{"text":"a\ufffdb\ud83d\ude00\ufffd"}` {
				t.Errorf("arrived as %s", f.Data)
			}
		}
		if len(b.Dead()) != 0 || b.Retry(t.Context(), dead[0].Incarnation, dead[0].Pos, true) == nil {
			t.Error("it is still there")
		}
	})
}

func TestALinkThatIsLeftSendsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := newRows()
		b := start(t, t.TempDir(), sink)
		defer b.stop()
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		if err := b.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		b.record("room:a", "quiz.answered", 10, `{}`)
		settle(time.Hour)
		if sink.count("quiz.answered") != 0 || b.Status().State != cloud.StateOff {
			t.Errorf("%d facts, %+v", sink.count("quiz.answered"), b.Status())
		}
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
		if sink.count("quiz.answered") != 10 {
			t.Errorf("%d facts", sink.count("quiz.answered"))
		}
	})
}
