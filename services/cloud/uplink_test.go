package cloud_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

var errCut = errs.New("test", errs.Down, errors.New("connection reset"))

// inFakeTime runs a test in fake time.
func inFakeTime(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

// advanceTime lets d pass in fake time.
func advanceTime(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestEveryFactArrivesOnceWhateverFails(t *testing.T) {
	for seed := range uint64(6) {
		inFakeTime(t, func(t *testing.T) {
			r, luck := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
			sink := newMemorySink()
			sink.poison = func(f batch.Fact) bool { return bytes.Contains(f.Data, []byte("poison")) }
			bad := true
			sink.before = func(string) error {
				if bad && luck.IntN(4) == 0 {
					return errCut
				}
				return nil
			}
			sink.after = sink.before // it took effect, and the answer is lost
			b := startBox(t, t.TempDir(), sink)
			if err := b.Link(t.Context(), "cloud"); err != nil {
				t.Fatal(err)
			}
			want, poison := 0, 0
			for range 40 {
				n := r.IntN(300)
				b.writeFacts("room:a", "quiz.answered", n, `{"round":1}`)
				b.writeFacts("room:b", "board.drawn", r.IntN(50), `{}`)
				if r.IntN(3) == 0 {
					b.writeFacts("room:b", "quiz.answered", 1, `{"x":"poison"}`)
					poison++
				}
				want += n
				time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
			}
			advanceTime(3 * time.Hour)
			sink.withLock(func() { bad = false }) // the hourly report may be on its way
			advanceTime(10 * time.Minute)
			if got := sink.countFacts("quiz.answered"); got != want {
				t.Errorf("seed %d: %d of %d facts", seed, got, want)
			}
			if got := len(b.DeadFacts()); got != poison || len(sink.dead) != poison {
				t.Errorf("seed %d: %d dead letters here, %d there, want %d", seed, got, len(sink.dead), poison)
			}
			if _, waiting := b.Waiting(); waiting != 0 {
				t.Errorf("seed %d: %d wait", seed, waiting)
			}
			b.stop()
		})
	}
}

func TestABoxResumesAfterATermOffline(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		tries, gone := 0, true
		sink.before = func(string) error {
			tries++
			if gone {
				return errCut
			}
			return nil
		}
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		b.writeFacts("room:a", "quiz.answered", 3000, `{}`)
		advanceTime(100 * 24 * time.Hour)
		if s := b.Status(); s.State != cloud.StateOffline || s.Queue < 3000 || s.Next == 0 {
			t.Errorf("away: %+v", s)
		}
		sink.withLock(func() {
			if gone = false; tries > 100*24*60 {
				t.Errorf("%d tries in 100 days", tries)
			}
		})
		advanceTime(10 * time.Minute)
		if got := sink.countFacts("quiz.answered"); got != 3000 {
			t.Errorf("%d of 3000", got)
		}
		if s := b.Status(); s.State != cloud.StateIdle || s.Queue != 0 || s.School != "Hill School" {
			t.Errorf("back: %+v", s)
		}
	})
}

func TestFactsThatStayOnTheBoxCauseNoPut(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Second)
		for range 100 {
			b.writeFacts("room:a", "board.drawn", 20, `{}`)
			b.writeFacts("room:a", "chat.said", 1, `{"text":"hello"}`)
			advanceTime(500 * time.Millisecond)
		}
		if len(sink.puts) != 0 {
			t.Errorf("puts %v", sink.puts)
		}
		if _, waiting := b.Waiting(); waiting != 0 {
			t.Errorf("%d wait", waiting)
		}
		b.Sync() // the watermark is far behind, and no fact waits
		advanceTime(time.Second)
		if _, waiting := b.Waiting(); waiting != 0 {
			t.Errorf("asked for: %d wait", waiting)
		}
		sink.withLock(func() { sink.puts = nil }) // the hourly report
		b.writeFacts("room:a", "quiz.answered", 1, `{}`)
		advanceTime(time.Second)
		if sink.countFacts("quiz.answered") != 1 || len(sink.puts) != 1 {
			t.Errorf("%d, puts %v", sink.countFacts("quiz.answered"), sink.puts)
		}
	})
}

func TestTextsAndNamesLeaveOnlyWithPermission(t *testing.T) {
	for _, policy := range []cloud.Policy{{}, {Chat: true}, {Names: true}, {Chat: true, Names: true}} {
		inFakeTime(t, func(t *testing.T) {
			sink := newMemorySink()
			sink.state.Policy = policy
			b := startBox(t, t.TempDir(), sink)
			defer b.stop()
			b.lists = []cloud.Listing{{Class: "c_1", Name: "7b", Pupils: []cloud.ListedPupil{{ID: "p_1", Name: "Ada Canary"}}}}
			b.writeFacts("room:a", "chat.said", 5, `{"text":"canary words"}`)
			b.writeFacts("box", "letter.buried", 1, `{"id":"l_1","kind":"chat.say","data":{"text":"canary words"},"err":"panic","stack":"canary words"}`)
			if err := b.Link(t.Context(), "cloud"); err != nil {
				t.Fatal(err)
			}
			advanceTime(30 * time.Minute)
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
			if sink.countFacts(cloud.Listed) == 0 || sink.countFacts(cloud.Reported) == 0 {
				t.Error("the box told nothing of itself")
			}
		})
	}
}

func TestBoxStreamsHaveTheBoxId(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		b.writeFacts("box", "letter.buried", 1, `{}`)
		b.writeFacts("room:a", "quiz.answered", 1, `{}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		for _, f := range sink.facts {
			if !strings.HasPrefix(f.Stream, "room:") && !strings.HasSuffix(f.Stream, "@b_1") {
				t.Errorf("stream %q", f.Stream)
			}
		}
	})
}

func TestAnotherCopyOfTheBoxMakesItANewIncarnation(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		b.writeFacts("room:a", "quiz.answered", 100, `{}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		was := b.journal.Incarnation()
		sink.mu.Lock()
		sink.marks[was] = cloud.State{Pos: sink.marks[was].Pos, Mark: 4711} // the copy wrote other facts there
		sink.mu.Unlock()
		b.Sync()
		advanceTime(time.Minute)
		if b.journal.Incarnation() == was {
			t.Fatal("still the same incarnation")
		}
		b.writeFacts("room:a", "quiz.answered", 10, `{}`)
		advanceTime(time.Minute)
		if got := sink.countFacts("quiz.answered"); got != 110 {
			t.Errorf("%d facts, want 110: those that were there by their identity, and the new ones", got)
		}
		notes := b.Status().Notes
		if len(notes) == 0 || notes[len(notes)-1].Code != cloud.CodeForked {
			t.Errorf("notes %+v", notes)
		}
		// The other copy learns of it too.
		sink.mu.Lock()
		sink.marks[99] = cloud.State{Pos: 5}
		sink.mu.Unlock()
		b.Sync()
		advanceTime(time.Minute)
		if n := b.Status().Notes[0]; n.Code != "copy" || n.What != "63" {
			t.Errorf("note %+v", n)
		}
	})
}

func TestACloudThatIsAheadOfTheBoxIsNotOverwritten(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		b.writeFacts("room:a", "quiz.answered", 10, `{}`)
		sink.marks[b.journal.Incarnation()] = cloud.State{Pos: 5000, Mark: 1}
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		if got := sink.countFacts("quiz.answered"); got != 10 {
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
		inFakeTime(t, func(t *testing.T) {
			sink := newMemorySink()
			refuses, tries := true, 0
			sink.before = func(string) error {
				if tries++; refuses {
					return errs.NewCode("cloud", kind, code, "no")
				}
				return nil
			}
			b := startBox(t, t.TempDir(), sink)
			defer b.stop()
			b.writeFacts("room:a", "quiz.answered", 10, `{}`)
			if err := b.Link(t.Context(), "cloud"); err != nil {
				t.Fatal(err)
			}
			advanceTime(24 * time.Hour)
			if s := b.Status(); s.State != code || s.Code != code {
				t.Errorf("%s: %+v", code, s)
			}
			if list := b.health.List(); len(list) == 0 || list[0].Level != health.Warn || list[0].Code != code {
				t.Errorf("%s: health %+v", code, list)
			}
			sink.withLock(func() {
				if refuses = false; tries > 24*13 {
					t.Errorf("%s: %d tries a day", code, tries)
				}
			})
			b.Sync()
			advanceTime(time.Minute)
			if s := b.Status(); s.State != cloud.StateIdle || s.Code != "" || sink.countFacts("quiz.answered") != 10 {
				t.Errorf("%s, lifted: %+v", code, s)
			}
			if list := b.health.List(); list[0].Level != health.OK {
				t.Errorf("%s: health %+v", code, list)
			}
		})
	}
}

func TestAnUnreadableFactBlocksNoOther(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		strict := &refusingSink{memorySink: sink}
		b := startBox(t, t.TempDir(), strict)
		defer b.stop()
		b.writeFacts("room:a", "quiz.answered", 300, `{}`)
		b.writeFacts("room:a", "quiz.answered", 1, `{"odd":1}`)
		b.writeFacts("room:a", "quiz.answered", 300, `{}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(10 * time.Minute)
		if got := sink.countFacts("quiz.answered"); got != 600 {
			t.Errorf("%d of 600", got)
		}
		if d := b.DeadFacts(); len(d) != 1 || d[0].Code != "no_json" || d[0].Kind != "quiz.answered" {
			t.Errorf("dead %+v", d)
		}
	})
}

// refusingSink refuses whole batches with an odd fact, as a cloud that cannot parse them.
type refusingSink struct{ *memorySink }

func (r *refusingSink) Put(ctx context.Context, b *batch.Batch) (cloud.Receipt, error) {
	for _, f := range b.Facts {
		if bytes.Contains(f.Data, []byte("odd")) {
			return cloud.Receipt{}, errs.NewField("batch.Decode", "facts[0].data", "no_json", 0, "is not JSON")
		}
	}
	return r.memorySink.Put(ctx, b)
}

func TestTheClockIsSetByTheCloudAndOldFactsAreAnchored(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		sink.state.Time = 1_800_000_000_000
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		b.writeFacts("room:a", "quiz.answered", 1, `{}`)
		time.Sleep(time.Hour)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		if now := b.clock.Now(); !now.Trusted || now.Wall < 1_800_000_000_000 || now.Wall > 1_800_000_061_000 {
			t.Errorf("%+v", now)
		}
		if got := sink.countFacts(cloud.Anchored); got != 1 {
			t.Errorf("%d anchors", got)
		}
	})
}

func TestRestartsResumeAtTheWatermark(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink, dir := newMemorySink(), t.TempDir()
		for i := range 5 {
			b := startBox(t, dir, sink)
			if i == 0 {
				if err := b.Link(t.Context(), "cloud"); err != nil {
					t.Fatal(err)
				}
			}
			b.writeFacts("room:a", "quiz.answered", 100, `{}`)
			advanceTime(30 * time.Second)
			b.stop()
		}
		if got := sink.countFacts("quiz.answered"); got != 500 || sink.arrived > 510 {
			t.Errorf("%d facts, %d sent", got, sink.arrived)
		}
	})
}

func TestADeadLetterIsSentAgainAndRepaired(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		sink.poison = func(f batch.Fact) bool { return bytes.Contains(f.Data, []byte(`\u0000`)) }
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		b.writeFacts("room:a", "quiz.answered", 1, `{"text":"a\u0000b\ud83d\ude00\ud83d"}`)
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		dead := b.DeadFacts()
		if len(dead) != 1 {
			t.Fatalf("dead %+v", dead)
		}
		if err := b.RetryDead(t.Context(), dead[0].Incarnation, dead[0].Pos, false); errs.BodyOf(err).Code != "refused_again" {
			t.Errorf("as it is: %v", err)
		}
		if err := b.RetryDead(t.Context(), dead[0].Incarnation, dead[0].Pos, true); err != nil {
			t.Error(err)
		}
		for _, f := range sink.facts {
			if f.Kind == "quiz.answered" && string(f.Data) != `{"text":"a\ufffdb\ud83d\ude00\ufffd"}` {
				t.Errorf("arrived as %s", f.Data)
			}
		}
		if len(b.DeadFacts()) != 0 || b.RetryDead(t.Context(), dead[0].Incarnation, dead[0].Pos, true) == nil {
			t.Error("it is still there")
		}
	})
}

func TestAnUnlinkedBoxSendsNothing(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		sink := newMemorySink()
		b := startBox(t, t.TempDir(), sink)
		defer b.stop()
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		if err := b.Unlink(t.Context()); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		b.writeFacts("room:a", "quiz.answered", 10, `{}`)
		advanceTime(time.Hour)
		if sink.countFacts("quiz.answered") != 0 || b.Status().State != cloud.StateOff {
			t.Errorf("%d facts, %+v", sink.countFacts("quiz.answered"), b.Status())
		}
		if err := b.Link(t.Context(), "cloud"); err != nil {
			t.Fatal(err)
		}
		advanceTime(time.Minute)
		if sink.countFacts("quiz.answered") != 10 {
			t.Errorf("%d facts", sink.countFacts("quiz.answered"))
		}
	})
}
