package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/services/checkedkv"
)

// cutChild makes a journal and writes to it, so that each kind of commit happens
// often: lonely and grouped facts, raises, snapshots, checkpoints, copies, cuts and takeovers.
func cutChild() int {
	b := openBox(&childTB{}, Config{Path: filepath.Join(os.Getenv(dirEnv), "facts.db"), NoBallast: true, checkpointFacts: 30})
	c, err := newCopier(b.Journal, 0)
	for n := range 60 {
		if err = errors.Join(err, c.step(), c.step()); err != nil {
			return failChild(err)
		}
		stream := fmt.Sprintf("room:%d", n%5)
		if b.epoch[stream] == 0 || n%11 == 0 {
			b.raise(stream)
		}
		first := b.seq[stream] + 1
		b.append(stream, 1+n%7*(n%3))
		for seq := first; seq <= b.seq[stream]; seq++ {
			printLine("ack %s %d %d", stream, b.epoch[stream], seq)
		}
		if n%6 == 0 {
			b.SaveSnapshot(stream, b.epoch[stream], b.seq[stream], make([]byte, n*300), func(error) {})
		}
	}
	b.stop()
	return 0
}

// diskModel models the certain content of a disk and its possible content: data written since
// the last sync may be there, or not, or in part.
type diskModel struct {
	files map[int]*fileModel    // by open file
	names map[string]*fileModel // certain
	later []traceStep           // changes of names since the folder was synced
	live  map[string]*fileModel // names as the process sees them
	folds map[int]bool          // open files that are folders
}

type fileModel struct {
	sure fileImage   // as of the last sync
	wait []traceStep // writes and truncations since
}

// fileImage is a file's content. Missing data up to size reads as zeros.
type fileImage struct {
	data []byte
	size int64
}

// cutPower plays steps up to a power cut. sloppy is a disk for which no sync of a file
// ever happened, as with NoSync.
func cutPower(steps []traceStep, dir string, sloppy bool) *diskModel {
	d := &diskModel{files: map[int]*fileModel{}, names: map[string]*fileModel{}, live: map[string]*fileModel{}, folds: map[int]bool{}}
	for _, s := range steps {
		switch s.call {
		case "open":
			if s.path == dir {
				d.folds[s.file] = true
				continue
			}
			if d.live[s.path] == nil {
				d.live[s.path] = &fileModel{}
				d.later = append(d.later, s)
			}
			d.files[s.file] = d.live[s.path]
		case "rename":
			d.live[s.to] = d.live[s.path]
			delete(d.live, s.path)
			d.later = append(d.later, s)
		case "unlink":
			delete(d.live, s.path)
			d.later = append(d.later, s)
		case "write", "truncate":
			f := d.files[s.file]
			f.wait = append(f.wait, s)
		case "sync":
			if d.folds[s.file] {
				d.settle(len(d.later))
			} else if f := d.files[s.file]; f != nil && !sloppy {
				for _, w := range f.wait {
					f.sure = w.apply(f.sure, func() bool { return true }, 1<<30)
				}
				f.wait = nil
			}
		}
	}
	return d
}

// settle makes the first n changes of names certain.
func (d *diskModel) settle(n int) {
	for _, s := range d.later[:n] {
		switch s.call {
		case "open":
			d.names[s.path] = d.files[s.file]
		case "rename":
			d.names[s.to] = d.names[s.path]
			delete(d.names, s.path)
		case "unlink":
			delete(d.names, s.path)
		}
	}
	d.later = d.later[n:]
}

// apply does a write or truncation to a file's content, in units of which each is done
// only when keep says so.
func (s traceStep) apply(f fileImage, keep func() bool, unit int) fileImage {
	if s.call == "truncate" {
		if keep() {
			f.data, f.size = f.data[:min(int64(len(f.data)), s.size)], s.size
		}
		return f
	}
	for at := 0; at < len(s.data); at += unit {
		part := s.data[at:min(at+unit, len(s.data))]
		if !keep() {
			continue
		}
		from := int(s.off) + at
		if grow := from + len(part) - len(f.data); grow > 0 {
			f.data = append(f.data, make([]byte, grow)...)
		}
		copy(f.data[from:], part)
		f.size = max(f.size, int64(len(f.data)))
	}
	return f
}

// boot writes one of the states that the disk may have after the cut into a folder:
// of the changes to names the first few, of the writes any, in pages or in sectors.
func (d *diskModel) boot(rng *rand.Rand, from, to string) error {
	d.settle(rng.IntN(len(d.later) + 1))
	chance := []float64{0, .1, .5, .9, 1}[rng.IntN(5)]
	unit := []int{4096, 512}[rng.IntN(2)]
	for path, f := range d.names {
		content := f.sure
		for _, w := range f.wait {
			content = w.apply(content, func() bool { return rng.Float64() < chance }, unit)
		}
		name := filepath.Join(to, strings.TrimPrefix(path, from))
		if err := errors.Join(os.WriteFile(name, content.data, 0o600), os.Truncate(name, content.size)); err != nil {
			return err
		}
	}
	return nil
}

// replayPowerCut cuts the power at a random step and returns the faults after the boot.
func replayPowerCut(t *testing.T, steps []traceStep, dir string, rng *rand.Rand, sloppy bool) error {
	t.Helper()
	n := rng.IntN(len(steps) + 1)
	acked := newAcked()
	for _, s := range steps[:n] {
		if s.call == "say" {
			if err := acked.read(strings.TrimSpace(s.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	to := t.TempDir()
	if err := cutPower(steps[:n], dir, sloppy).boot(rng, dir, to); err != nil {
		t.Fatal(err)
	}
	j, err := Open(Config{Path: filepath.Join(to, "facts.db"), NoBallast: true, InitialMmap: 1 << 26, Sealer: testSealer()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatalf("cut after %d steps: %v", n, err)
	}
	b := wrapJournal(t, j)
	defer b.stop()
	b.serve()
	if f := j.OpenResult(); f.SetAside != "" || f.Reason != "" {
		return fmt.Errorf("cut after %d steps: %s", n, f.Reason)
	}
	if err := acked.check(j); err != nil {
		return fmt.Errorf("cut after %d steps: %w", n, err)
	}
	err = j.db.View(func(tx *checkedkv.Tx) error {
		var faults []error
		for fault := range tx.Check() {
			faults = append(faults, fault)
		}
		return errors.Join(faults...)
	})
	b.raise("room:0")
	b.append("room:0", 1)
	return err
}

// TestAPowerCutLosesAndDamagesNothing replays a recorded run up to a random point, with any
// part of the data that was not synced yet. The long programme sets LIVELEARN_CUTS=5000.
func TestAPowerCutLosesAndDamagesNothing(t *testing.T) {
	cuts := repeatCount(t, "LIVELEARN_CUTS", 300)
	dir := t.TempDir()
	steps := recordTrace(t, "cut", dir)
	kinds := make(map[string]int)
	for _, s := range steps {
		kinds[s.call]++
	}
	all := newAcked()
	for _, s := range steps {
		if s.call == "say" && all.read(strings.TrimSpace(s.text)) != nil {
			t.Fatalf("the child said %q", s.text)
		}
	}
	if cuts, taken := all.countCuts(); cuts < 5 || taken == 0 {
		t.Fatalf("%d cuts, %d streams taken over: the child did too little", cuts, taken)
	}
	if kinds["say"] < 50 || kinds["sync"] < 50 || kinds["rename"] == 0 {
		t.Fatalf("the trace is not what the child did: %v", kinds)
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range cuts {
		if err := replayPowerCut(t, steps, dir, rng, false); err != nil {
			t.Fatalf("seed %d, cut %d: %v", seed, i, err)
		}
	}
	broken := 0
	for range cuts / 3 {
		if replayPowerCut(t, steps, dir, rng, true) != nil {
			broken++
		}
	}
	t.Logf("%d steps (%v), %d cuts: 0 lost, 0 damaged; without syncs %d of %d broke", len(steps), kinds, cuts, broken, cuts/3)
	if broken < cuts/6 {
		t.Errorf("only %d of %d cuts without syncs broke: the replay proves nothing", broken, cuts/3)
	}
}
