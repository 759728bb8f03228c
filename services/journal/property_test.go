package journal

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/event"
)

// journalModel is the expected content of a journal that is used at random.
type journalModel struct {
	t        *testing.T
	rng      *rand.Rand
	cfg      Config
	box      *journalRig
	facts    map[string][]event.Event // by stream
	all      []event.Event            // by position
	followed []event.Event            // the facts that a follower saw over all restarts
	ends     map[string]map[uint64]uint64
	snaps    map[string]string
}

// TestAJournalUsedAtRandomIsWhatItShouldBe compares a journal with a model: seq and
// positions are dense, a follower sees every fact once across restarts, epochs end
// where they ended.
func TestAJournalUsedAtRandomIsWhatItShouldBe(t *testing.T) {
	runs := 12
	if testing.Short() {
		runs = 3
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &journalModel{
				t: t, rng: rand.New(rand.NewPCG(seed, 7)), facts: map[string][]event.Event{},
				ends: map[string]map[uint64]uint64{}, snaps: map[string]string{},
			}
			w.cfg = Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 1 + w.rng.IntN(400), InitialMmap: 1 << 26}
			w.box = openBox(t, w.cfg)
			for range 150 {
				w.act()
			}
			w.reopen()
			w.check()
		})
	}
}

func (w *journalModel) act() {
	stream := fmt.Sprintf("room:%d", w.rng.IntN(6))
	switch n := w.rng.IntN(100); {
	case n < 3:
		w.reopen()
	case n < 15 || w.box.epoch[stream] == 0:
		if w.box.epoch[stream] > 0 {
			w.end(stream)
		}
		w.box.raise(stream)
	case n < 25:
		w.follow()
	case n < 30:
		state := fmt.Sprintf("state at %d", w.box.seq[stream])
		results := make(chan error, 1)
		w.box.SaveSnapshot(stream, w.box.epoch[stream], w.box.seq[stream], []byte(state), func(err error) { results <- err })
		if err := <-results; err != nil {
			w.t.Fatal(err)
		}
		w.snaps[stream] = state
	case n < 35:
		w.refused(stream)
	default:
		w.append(stream)
	}
}

func (w *journalModel) end(stream string) {
	if w.ends[stream] == nil {
		w.ends[stream] = make(map[uint64]uint64)
	}
	w.ends[stream][w.box.epoch[stream]] = w.box.seq[stream]
}

func (w *journalModel) append(stream string) {
	for _, e := range w.box.append(stream, 1+w.rng.IntN(40)) {
		w.facts[stream] = append(w.facts[stream], e)
		w.all = append(w.all, e)
	}
}

// refused appends facts that do not follow. The only result may be a new epoch.
func (w *journalModel) refused(stream string) {
	if got := w.box.try(stream, w.box.epoch[stream], w.box.seq[stream]+2); got == 99 {
		w.t.Fatal("a hole was taken")
	}
	w.end(stream)
	w.box.raise(stream)
}

func (w *journalModel) reopen() {
	epoch, seq := w.box.epoch, w.box.seq
	w.box.stop()
	w.box = openBox(w.t, w.cfg)
	w.box.epoch, w.box.seq = epoch, seq
}

// follow continues from the follower's last position.
func (w *journalModel) follow() {
	last := w.box.Position()
	if uint64(len(w.followed)) == last {
		return
	}
	for e, err := range w.box.Follow(w.t.Context(), uint64(len(w.followed))) {
		if err != nil {
			w.t.Fatal(err)
		}
		if w.followed = append(w.followed, e); e.Pos == last || w.rng.IntN(200) == 0 {
			return
		}
	}
}

func (w *journalModel) check() {
	for uint64(len(w.followed)) < w.box.Position() {
		w.follow()
	}
	if d := diffFacts(w.all, w.followed); d != "" {
		w.t.Errorf("followed: %s", d)
	}
	for stream, want := range w.facts {
		got, err := w.box.Since(stream, 0, 0)
		if d := diffFacts(want, got); err != nil || d != "" {
			w.t.Errorf("%s: %v %s", stream, err, d)
		}
		after := w.rng.IntN(len(want))
		if got, err = w.box.Since(stream, uint64(after), 17); err != nil || diffFacts(want[after:min(len(want), after+17)], got) != "" {
			w.t.Errorf("%s after %d: %v", stream, after, err)
		}
		for epoch, seq := range w.ends[stream] {
			if got, ok := w.box.EpochEnd(stream, epoch); !ok || got != seq {
				w.t.Errorf("%s: epoch %d ended at %d (%v), not %d", stream, epoch, got, ok, seq)
			}
		}
		if _, state, err := w.box.Snapshot(stream); err != nil || string(state) != w.snaps[stream] {
			w.t.Errorf("%s: snapshot %q, want %q: %v", stream, state, w.snaps[stream], err)
		}
	}
	if s, err := w.box.Scrub(w.t.Context()); err != nil || len(s.Damaged) > 0 || s.Values < len(w.all) {
		w.t.Errorf("scrub: %+v %v", s, err)
	}
}
