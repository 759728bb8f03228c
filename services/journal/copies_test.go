package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// run makes facts of one epoch, from a seq to another, both included.
func run(epoch, from, to uint64) (facts []event.Event) {
	for seq := from; seq <= to; seq++ {
		facts = append(facts, testFact("room:a", epoch, seq))
	}
	return facts
}

// copies hands facts of room:a over and returns the refusal.
func (b *journalRig) copies(facts ...event.Event) error {
	results := make(chan error, 1)
	b.AppendCopies(Batch{Stream: "room:a", Facts: facts}, func(err error) { results <- err })
	return <-results
}

func (b *journalRig) mustCopy(facts ...event.Event) {
	b.t.Helper()
	if err := b.copies(facts...); err != nil {
		b.t.Fatal(err)
	}
}

// cut is one call of CutStream in a table.
func (b *journalRig) cut(seq uint64) {
	b.t.Helper()
	if err := b.CutStream(b.t.Context(), "room:a", seq); err != nil {
		b.t.Fatal(err)
	}
}

// identities lists epoch and seq of what room:a reads as.
func (b *journalRig) identities() (list []Cursor) {
	b.t.Helper()
	facts, err := b.Since("room:a", 0, 0)
	if err != nil {
		b.t.Error(err)
	}
	for _, e := range facts {
		list = append(list, Cursor{e.Epoch, e.Seq})
	}
	return list
}

func cursors(facts ...[]event.Event) (list []Cursor) {
	for _, e := range slices.Concat(facts...) {
		list = append(list, Cursor{e.Epoch, e.Seq})
	}
	return list
}

func with(f event.Event, change func(*event.Event)) event.Event {
	change(&f)
	return f
}

func TestARefusedCopySaysWhyAndChangesNothing(t *testing.T) {
	branch := func(b *journalRig) { // 11 to 13 of epoch 4, then 14 and 15 of epoch 6
		b.mustCopy(slices.Concat(run(4, 11, 13), run(6, 14, 15))...)
	}
	cutOff := func(b *journalRig) { // epoch 6 was cut off
		branch(b)
		b.cut(14)
	}
	for name, try := range map[string]struct {
		before      func(*journalRig)
		facts       []event.Event
		kind        errs.Kind
		code, field string
	}{
		"a hole":                  {branch, run(6, 17, 18), errs.Stale, "gap", ""},
		"a hole in the batch":     {branch, append(run(6, 16, 16), run(6, 18, 18)...), errs.Invalid, "not_dense", "seq"},
		"another fact at a seq":   {branch, run(5, 14, 16), errs.Stale, "diverged", ""},
		"another kind at a seq":   {branch, []event.Event{with(testFact("", 6, 15), func(e *event.Event) { e.Kind = "quiz.answered" })}, errs.Stale, "diverged", ""},
		"another stamp at a seq":  {branch, []event.Event{with(testFact("", 6, 15), func(e *event.Event) { e.Stamp.Boot++ })}, errs.Stale, "diverged", ""},
		"an older epoch":          {branch, run(5, 16, 16), errs.Stale, "diverged", ""},
		"an epoch that has ended": {branch, append(run(6, 16, 16), run(4, 17, 17)...), errs.Stale, "diverged", ""},
		"falls back in the batch": {branch, append(run(9, 16, 16), run(8, 17, 17)...), errs.Stale, "diverged", ""},
		"an epoch that was cut":   {cutOff, run(6, 15, 16), errs.Stale, "diverged", ""},
		"an epoch ended before":   {cutOff, run(4, 15, 15), errs.Stale, "diverged", ""},
		"epoch 0":                 {branch, run(0, 16, 16), errs.Invalid, "out_of_range", "epoch"},
		"an epoch without end":    {branch, run(1<<53, 16, 16), errs.Invalid, "out_of_range", "epoch"},
		"seq 0":                   {func(*journalRig) {}, run(4, 0, 1), errs.Invalid, "out_of_range", "seq"},
		"a seq without end":       {func(*journalRig) {}, run(4, 1<<53, 1<<53), errs.Invalid, "out_of_range", "seq"},
		"a large fact at the end": {branch, append(run(7, 16, 16), with(testFact("", 7, 17), func(e *event.Event) { e.By = strings.Repeat("x", maxFact) })), errs.Invalid, "", ""},
		"of an owner that was":    {func(b *journalRig) { branch(b); b.take() }, run(6, 16, 16), errs.Stale, "diverged", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
			try.before(b)
			pos, was := b.Position(), b.state()
			err := b.copies(try.facts...)
			e, ok := errors.AsType[*errs.Error](err)
			if !ok || e.Kind != try.kind || e.Code != try.code || e.Field != try.field {
				t.Errorf("got %v (%+v)", err, e)
			}
			if d := cmp.Diff(was, b.state()); d != "" || b.Position() != pos {
				t.Errorf("position %d, was %d: %s", b.Position(), pos, d)
			}
			if was.At.Seq > 0 && !was.Ended { // the next copy is taken all the same
				b.mustCopy(run(was.At.Epoch+1, was.At.Seq+1, was.At.Seq+1)...)
			}
		})
	}
}

func (b *journalRig) state() StreamState {
	b.t.Helper()
	s, err := b.StreamState("room:a")
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *journalRig) take() Cursor {
	b.t.Helper()
	c, err := b.TakeOver(b.t.Context(), "room:a")
	if err != nil {
		b.t.Fatal(err)
	}
	b.epoch["room:a"], b.seq["room:a"] = c.Epoch, c.Seq
	return c
}

func TestCopiesKeepEpochsAndSeqsAndBeginAtTheFirst(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 20}
	b := openBox(t, cfg)
	b.raise("room:b")
	b.append("room:b", 3)
	for _, part := range [][]event.Event{run(4, 11, 13), run(4, 12, 30), run(4, 5, 31), run(6, 32, 40), slices.Concat(run(4, 30, 31), run(6, 32, 41), run(9, 42, 60))} {
		b.mustCopy(part...)
	}
	want := slices.Concat(run(4, 11, 31), run(6, 32, 41), run(9, 42, 60))
	for i := range want {
		want[i].Pos = uint64(i) + 4
	}
	for range 2 {
		if got, err := b.Since("room:a", 0, 0); err != nil || diffFacts(want, got) != "" {
			t.Fatalf("%v %s", err, diffFacts(want, got))
		}
		if got, err := b.Since("room:a", 10, 3); err != nil || diffFacts(want[:3], got) != "" {
			t.Errorf("%v %s", err, diffFacts(want[:3], got))
		}
		if d := cmp.Diff(StreamState{At: Cursor{9, 60}, Base: 10, Ends: []Cursor{{4, 31}, {6, 41}}}, b.state()); d != "" {
			t.Error(d)
		}
		for epoch, seq := range map[uint64]uint64{4: 31, 6: 41, 9: 60} {
			if got, ok := b.EpochEnd("room:a", epoch); !ok || got != seq {
				t.Errorf("epoch %d ended at %d (%v)", epoch, got, ok)
			}
		}
		if s, err := b.Scrub(t.Context()); err != nil || len(s.Damaged) > 0 {
			t.Errorf("%+v %v", s, err)
		}
		b.stop()
		b = openBox(t, cfg)
	}
}

// Retention empties a fact on one box before the other: the same fact with another payload is no
// other fact.
func TestACopyOfAFactWhosePayloadIsGoneIsTheSameFact(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.mustCopy(run(4, 11, 13)...)
	b.rewriteAll("room:a", "p_ada")
	b.mustCopy(run(4, 11, 14)...)
	got, err := b.Since("room:a", 0, 0)
	if err != nil || len(got) != 4 || got[2].By != "erased" || got[3].By != "p_ada" {
		t.Errorf("%v %+v", err, got)
	}
}

func TestABoxAppendsToACopyOnlyAfterTakeOver(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	b.mustCopy(run(4, 11, 13)...)
	if got := b.try("room:a", 4, 14); got != errs.Stale {
		t.Errorf("a fact of another box's epoch: %v", got)
	}
	b.epoch["room:a"], b.seq["room:a"] = 4, 13
	if err := b.save("room:a", "state"); errs.KindOf(err) != errs.Stale {
		t.Errorf("a snapshot of another box's epoch: %v", err)
	}
	first := b.take()
	b.append("room:a", 2)
	b.stop()
	b = openBox(t, cfg)
	second := b.take()
	if first.Seq != 13 || second.Seq != 15 || first.Epoch < 1<<20 || second.Epoch < first.Epoch+1<<20 || second.Epoch > maxNumber {
		t.Errorf("took over at %+v and %+v", first, second)
	}
	b.append("room:a", 1)
	want := append(cursors(run(4, 11, 13)), Cursor{first.Epoch, 14}, Cursor{first.Epoch, 15}, Cursor{second.Epoch, 16})
	if d := cmp.Diff(want, b.identities()); d != "" {
		t.Error(d)
	}
}

func TestACopyIsVitalOnlyWhenItsBatchIs(t *testing.T) {
	for kind, want := range map[opKind]bool{opTake: true, opCut: true, opCopy: false} {
		if got := (&op{kind: kind}).isVital(); got != want {
			t.Errorf("op %d: %v", kind, got)
		}
	}
	if o := (&op{kind: opCopy, batch: Batch{Vital: true}}); !o.isVital() {
		t.Error("a vital batch of copies is not taken when the disk is full")
	}
}

func TestFactsTravelUnchangedWithoutTheirPosition(t *testing.T) {
	want := run(4, 11, 13)
	want[1].Data, want[1].By = nil, ""
	sent := EncodeFacts(want)
	if got, err := DecodeFacts(sent); err != nil || diffFacts(want, got) != "" {
		t.Errorf("%v %s", err, diffFacts(want, got))
	}
	for name, bad := range map[string][]byte{"cut": sent[:len(sent)-1], "unreadable": {1, 9}, "too_long": EncodeFacts([]event.Event{{By: strings.Repeat("x", maxFact)}})} {
		got, err := DecodeFacts(bad)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Code != name || e.Field != "facts" || got != nil {
			t.Errorf("%s: %d facts, %v", name, len(got), err)
		}
	}
}

// openLogged opens a journal whose log is kept.
func openLogged(t *testing.T, cfg Config) (*journalRig, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	cfg.NoBallast, cfg.Pace, cfg.Sealer = true, -1, testSealer()
	j, err := Open(cfg, slog.New(slog.NewTextHandler(&said, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := wrapJournal(t, j)
	b.serve()
	return b, &said
}

// A stream that begins late, or was cut, is whole. Nothing about it is logged as damage, and no
// reader falls back to a search of all facts.
func TestReadingACopiedStreamCallsNothingDamaged(t *testing.T) {
	for _, flush := range []int{8, 1000} {
		cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: flush}
		b, said := openLogged(t, cfg)
		b.mustCopy(run(4, 11, 40)...)
		b.take()
		b.append("room:a", 20)
		stale, err := b.headOf(nil, "room:a")
		if err != nil {
			t.Fatal(err)
		}
		b.cut(40)
		b.mu.Lock() // a reader may find the cut on disk before it is published
		published := b.heads["room:a"]
		b.heads["room:a"] = stale
		b.mu.Unlock()
		if d := cmp.Diff(cursors(run(4, 11, 40)), b.identities()); d != "" {
			t.Error(d)
		}
		b.mu.Lock()
		b.heads["room:a"] = published
		b.mu.Unlock()
		b.mustCopy(run(4, 39, 50)...)
		for range 2 {
			for after := range uint64(51) {
				if got, err := b.Since("room:a", after, 0); err != nil || uint64(len(got)) != 50-max(after, 10) {
					t.Errorf("after %d: %d facts, %v", after, len(got), err)
				}
			}
			if b.stop(); said.Len() > 0 {
				t.Fatal(said.String())
			}
			b, said = openLogged(t, cfg)
		}
	}
}

// Readers hold heads that were published: the committer changes copies only.
func TestACutLeavesAPublishedHeadAsItWas(t *testing.T) {
	made := func() *streamHead {
		h := &streamHead{epoch: 3, seq: 5, ends: make([]epochEnd, 0, 8), first: 1}
		h.pos = append(make([]uint64, 0, 16), 1, 2, 3, 4, 5)
		h.ends = append(h.ends, epochEnd{1, 2}, epochEnd{2, 4})
		h.bounds.cuts = append(make([]cutMark, 0, 8), cutMark{epoch: 9})[:0]
		return h
	}
	h := made()
	staged := *h
	staged.endEpochAt(3, 4, 5)
	staged.beginEpoch(2)
	staged.addFact(4, 6)
	want := made()
	if d := cmp.Diff(want.pos, h.pos); d != "" {
		t.Error(d)
	}
	if !slices.Equal(want.ends, h.ends) || h.bounds.cuts[:1][0].epoch != 9 || h.seq != 5 {
		t.Errorf("%+v", h)
	}
}
