package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// branchBox is one of two journals that keep the same streams, and what it must hold.
type branchBox struct {
	*journalRig
	cfg     Config
	streams map[string]*branchModel
	all     []event.Event // by position
}

// branchModel is what a box must read of one stream.
type branchModel struct {
	facts  []event.Event // after base
	base   uint64
	owner  bool // epoch is this box's, and it may append
	epoch  uint64
	ended  bool // by a cut
	snap   uint64
	raised []Cursor // epochs without a later cut, and their ends
}

func (m *branchModel) seq() uint64 { return m.base + uint64(len(m.facts)) }

// branchWorld plays two boxes, of which either is the owner of a stream, or both after a cut of the
// line between them.
type branchWorld struct {
	t     *testing.T
	rng   *rand.Rand
	boxes [2]*branchBox
	wrong map[string]int // refusals, by code
}

// TestCopiesEqualTheOriginalWhateverHappens plays two journals at random: appends, copies, holes,
// takeovers, two owners at once, cuts, restarts and kills. Each journal is compared with a model:
// every reader agrees with it, and what was acknowledged is there.
func TestCopiesEqualTheOriginalWhateverHappens(t *testing.T) {
	runs := 8
	if testing.Short() {
		runs = 3
	}
	wrong := map[string]int{}
	for seed := range uint64(runs) {
		w := &branchWorld{t: t, rng: rand.New(rand.NewPCG(seed, 16)), wrong: wrong}
		for i := range w.boxes {
			cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 1 + w.rng.IntN(120), InitialMmap: 1 << 26}
			w.boxes[i] = &branchBox{journalRig: openBox(t, cfg), cfg: cfg, streams: map[string]*branchModel{}}
		}
		for step := range 150 {
			w.act()
			if step%30 == 29 {
				w.check()
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		for _, b := range w.boxes {
			b.stop()
		}
	}
	t.Logf("answers to copies: %v", wrong)
	if wrong["gap"] < runs || wrong["diverged"] < runs {
		t.Errorf("refusals: %v", wrong)
	}
}

func (w *branchWorld) act() {
	stream := fmt.Sprintf("room:%d", w.rng.IntN(3))
	i := w.rng.IntN(2)
	a, b := w.boxes[i], w.boxes[1-i]
	m := a.model(stream)
	switch n := w.rng.IntN(100); {
	case n < 4:
		a.reopen(w.rng.IntN(2) == 0)
	case n < 12 || len(m.facts) == 0 && !m.owner && n < 50 && m.seq() == 0 && b.model(stream).seq() == 0:
		w.take(a, stream)
	case n < 17 && m.owner:
		a.end(stream)
		a.must(func() (Cursor, error) { return a.Raise(w.t.Context(), stream) }, stream)
	case n < 22 && m.owner:
		w.save(a, stream)
	case n < 32:
		w.heal(a, b, stream)
	case n < 70 && m.owner:
		w.write(a, stream)
	default:
		w.copy(a, b, stream)
	}
}

func (b *branchBox) model(stream string) *branchModel {
	if b.streams[stream] == nil {
		b.streams[stream] = &branchModel{}
	}
	return b.streams[stream]
}

// end notes that an epoch ends where the stream stands.
func (b *branchBox) end(stream string) {
	if m := b.model(stream); m.epoch > 0 && !m.ended {
		m.raised = append(m.raised, Cursor{m.epoch, m.seq()})
	}
}

func (b *branchBox) must(begin func() (Cursor, error), stream string) {
	b.t.Helper()
	c, err := begin()
	m := b.model(stream)
	if err != nil || c.Seq != m.seq() || c.Epoch <= m.epoch {
		b.t.Fatalf("%s at %d: begun %+v: %v", stream, m.seq(), c, err)
	}
	m.owner, m.epoch, m.ended = true, c.Epoch, false
}

func (w *branchWorld) take(a *branchBox, stream string) {
	a.end(stream)
	a.must(func() (Cursor, error) { return a.TakeOver(w.t.Context(), stream) }, stream)
}

func (w *branchWorld) save(a *branchBox, stream string) {
	m := a.model(stream)
	a.epoch[stream], a.seq[stream] = m.epoch, m.seq()
	if err := a.save(stream, fmt.Sprint(m.seq())); err != nil {
		w.t.Fatal(err)
	}
	m.snap = m.seq()
}

func (w *branchWorld) write(a *branchBox, stream string) {
	m := a.model(stream)
	a.epoch[stream], a.seq[stream] = m.epoch, m.seq()
	for _, e := range a.append(stream, 1+w.rng.IntN(20)) {
		m.facts, a.all = append(m.facts, e), append(a.all, e)
	}
}

// copy hands facts of a to b: those that follow, some again, or with a hole before them.
func (w *branchWorld) copy(a, b *branchBox, stream string) {
	from, to := a.model(stream), b.model(stream)
	if len(from.facts) == 0 {
		return
	}
	first := int(to.seq()) - int(from.base) + w.rng.IntN(13) - 9
	if to.seq() == 0 || w.rng.IntN(10) == 0 {
		first = w.rng.IntN(len(from.facts))
	}
	first = min(max(0, first), len(from.facts)-1)
	part := slices.Clone(from.facts[first:min(len(from.facts), first+1+w.rng.IntN(25))])
	code := w.expect(to, part)
	err := b.copyIn(stream, part)
	got := ""
	if e, ok := errors.AsType[*errs.Error](err); ok {
		got = e.Code
	}
	if got != code {
		w.t.Errorf("%s: copies from %d of epoch %d to a stream at %d, epoch %d (ended %v): %q, want %q: %v",
			stream, part[0].Seq, part[0].Epoch, to.seq(), to.epoch, to.ended, got, code, err)
	}
	if w.wrong[code]++; code != "" {
		return
	}
	if to.epoch == 0 {
		to.base = part[0].Seq - 1
	}
	for _, e := range part {
		if e.Seq <= to.seq() {
			continue
		}
		if e.Epoch != to.epoch {
			b.end(stream)
			to.raised = slices.DeleteFunc(to.raised, func(c Cursor) bool { return c.Epoch == e.Epoch })
			to.epoch, to.ended = e.Epoch, false
		}
		to.owner = false
		e.Pos = uint64(len(b.all)) + 1
		to.facts, b.all = append(to.facts, e), append(b.all, e)
	}
}

// expect is the code of the refusal.
func (w *branchWorld) expect(to *branchModel, part []event.Event) string {
	if to.epoch == 0 {
		return ""
	}
	for _, e := range part {
		if e.Seq > to.base && e.Seq <= to.seq() && to.facts[e.Seq-to.base-1].Epoch != e.Epoch {
			return "diverged"
		}
	}
	last := part[len(part)-1]
	switch {
	case last.Seq <= to.seq():
		return ""
	case part[0].Seq > to.seq()+1:
		return "gap"
	}
	next := part[to.seq()+1-part[0].Seq]
	if next.Epoch < to.epoch && !to.ended {
		return "diverged"
	}
	return ""
}

func (b *branchBox) copyIn(stream string, facts []event.Event) error {
	results := make(chan error, 1)
	b.AppendCopies(Batch{Stream: stream, Facts: facts}, func(err error) { results <- err })
	return <-results
}

// heal ends b's branch where the two streams part, if they do. Either may be the winner.
func (w *branchWorld) heal(a, b *branchBox, stream string) {
	win, lose := a.model(stream), b.model(stream)
	if win.epoch == 0 || lose.epoch == 0 || win.base > lose.seq() || lose.base > win.seq() {
		return
	}
	fork := max(win.base, lose.base)
	for fork < min(win.seq(), lose.seq()) && win.facts[fork-win.base].Epoch == lose.facts[fork-lose.base].Epoch {
		fork++
	}
	if fork == lose.seq() && !lose.owner {
		return
	}
	for range 1 + w.rng.IntN(2) { // cutting once more changes nothing
		if err := b.CutStream(w.t.Context(), stream, fork); err != nil {
			w.t.Fatal(err)
		}
	}
	if lose.facts = lose.facts[:fork-lose.base]; lose.snap > fork {
		lose.snap = 0
	}
	for i := range lose.raised {
		lose.raised[i].Seq = min(lose.raised[i].Seq, fork)
	}
	b.end(stream)
	lose.owner, lose.ended = false, true
}

// reopen restarts a box. After a kill the file is as the last commit left it.
func (b *branchBox) reopen(kill bool) {
	file, err := os.ReadFile(b.cfg.Path)
	b.stop()
	if kill {
		err = errors.Join(err, os.WriteFile(b.cfg.Path, file, 0o600))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.journalRig = openBox(b.t, b.cfg)
	if f := b.OpenResult(); f.SetAside != "" || f.Reason != "" {
		b.t.Fatalf("%+v", f)
	}
}

func (w *branchWorld) check() {
	for i, b := range w.boxes {
		for stream, m := range b.streams {
			if err := b.checkStream(w.rng, stream, m); err != nil {
				w.t.Errorf("box %d, %s: %v", i, stream, err)
			}
		}
		var scanned []event.Event
		for e, err := range b.Scan(0, b.Position()) {
			if err != nil {
				w.t.Error(err)
			}
			scanned = append(scanned, e)
		}
		if d := diffFacts(b.all, scanned); d != "" {
			w.t.Errorf("box %d, by position: %s", i, d)
		}
		if s, err := b.Scrub(w.t.Context()); err != nil || len(s.Damaged) > 0 {
			w.t.Errorf("scrub: %+v %v", s, err)
		}
	}
}

// checkStream compares each way to read a stream with the model.
func (b *branchBox) checkStream(rng *rand.Rand, stream string, m *branchModel) error {
	s, err := b.StreamState(stream)
	if want := (Cursor{m.epoch, m.seq()}); err != nil || s.At != want || s.Base != m.base || s.Ended != m.ended {
		return fmt.Errorf("stands at %+v, want %+v, base %d, ended %v: %w", s, want, m.base, m.ended, err)
	}
	if got, err := b.Since(stream, 0, 0); err != nil || diffFacts(m.facts, got) != "" {
		return fmt.Errorf("since 0: %w %s", err, diffFacts(m.facts, got))
	}
	after := rng.IntN(len(m.facts) + 1)
	if got, err := b.Since(stream, m.base+uint64(after), 0); err != nil || diffFacts(m.facts[after:], got) != "" {
		return fmt.Errorf("since %d: %w %s", after, err, diffFacts(m.facts[after:], got))
	}
	if at, state, err := b.Snapshot(stream); err != nil || at != m.snap || m.snap > 0 && string(state) != fmt.Sprint(at) {
		return fmt.Errorf("snapshot %q at %d, want one at %d: %w", state, at, m.snap, err)
	}
	for _, c := range m.raised[max(0, len(m.raised)-keptEpochs+1):] {
		if seq, ok := b.EpochEnd(stream, c.Epoch); !ok || seq != c.Seq {
			return fmt.Errorf("epoch %d ended at %d (%v), want %d", c.Epoch, seq, ok, c.Seq)
		}
	}
	return b.checkSearch(stream, m)
}

// checkSearch reads the stream as if its index, and then its record, were damaged.
func (b *branchBox) checkSearch(stream string, m *branchModel) error {
	h, err := b.headOf(nil, stream)
	if err != nil {
		return err
	}
	refs, err := b.searchFacts(stream, 0, h)
	if err != nil || len(refs) != len(m.facts) {
		return fmt.Errorf("%d facts by search, want %d: %w", len(refs), len(m.facts), err)
	}
	for i, r := range refs {
		if r.seq != m.facts[i].Seq || r.pos != m.facts[i].Pos {
			return fmt.Errorf("seq %d at position %d by search, want %d at %d", r.seq, r.pos, m.facts[i].Seq, m.facts[i].Pos)
		}
	}
	highest := uint64(0)
	for _, e := range b.all {
		if e.Stream == stream {
			highest = max(highest, e.Epoch)
		}
	}
	if again := b.rebuildHead(stream, b.Position(), h.bounds); again.seq != m.seq() || again.highestEpoch() <= highest {
		return fmt.Errorf("made again from its facts: epoch %d, seq %d", again.epoch, again.seq)
	}
	return nil
}
