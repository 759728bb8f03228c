package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
)

// branchFile makes a journal with a base and a cut, whose index is on disk in part. It returns the
// winner's epoch and what room:a reads as.
func branchFile(t *testing.T, path string) (uint64, []Cursor) {
	t.Helper()
	b := openBox(t, Config{Path: path, checkpointFacts: 16})
	b.raise("room:b")
	b.append("room:b", 3)
	b.mustCopy(run(4, 11, 40)...)
	own := b.take()
	b.append("room:a", 12)
	b.cut(37)
	winner := own.Epoch + 1
	b.mustCopy(run(winner, 38, 60)...)
	b.append("room:b", 40)
	b.mustCopy(run(winner, 61, 64)...)
	b.stop()
	return winner, cursors(run(4, 11, 37), run(winner, 38, 64))
}

// Damage to one part of what says where a copied stream begins and which facts count never makes
// damage of the facts that were not here, nor brings back what was cut off.
func TestDamageBesideTheFactsOfACopiedStreamAltersNothing(t *testing.T) {
	flip := func(_, v []byte) []byte { return flipBit(v) }
	gone := func(_, _ []byte) []byte { return []byte{} }
	for name, damage := range map[string]func(path string){
		"index flipped":   func(path string) { breakValues(t, path, bucketIndex, flip) },
		"index gone":      func(path string) { breakValues(t, path, bucketIndex, gone) },
		"streams flipped": func(path string) { breakValues(t, path, bucketStreams, flip) },
		"streams gone":    func(path string) { breakValues(t, path, bucketStreams, gone) },
		"bounds flipped":  func(path string) { breakValues(t, path, bucketBounds, flip) },
		"checkpoint gone": func(path string) {
			breakValues(t, path, bucketBox, func(k, _ []byte) []byte {
				if string(k) == keyCheckpoint {
					return []byte{}
				}
				return nil
			})
		},
		"bounds and checkpoint gone": func(path string) {
			breakValues(t, path, bucketBounds, gone)
			breakValues(t, path, bucketBox, func(k, _ []byte) []byte {
				if string(k) == keyCheckpoint {
					return []byte{}
				}
				return nil
			})
		},
	} {
		for _, limit := range []int64{0, 1} { // Open saves what a small file holds, and checks no leaf of a large one
			t.Run(fmt.Sprint(name, limit), func(t *testing.T) {
				cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 16, leafLimit: limit}
				winner, want := branchFile(t, cfg.Path)
				damage(cfg.Path)
				for round := range uint64(2) {
					b := openBox(t, cfg)
					if d := cmp.Diff(want, b.identities()); d != "" {
						t.Fatalf("round %d: %s", round, d)
					}
					b.mustCopy(run(winner, 63, 65+round)...) // the standby goes on where it was
					want = append(want, Cursor{winner, 65 + round})
					if d := cmp.Diff(want, b.identities()); d != "" {
						t.Fatalf("round %d, after a copy: %s", round, d)
					}
					if s := b.state(); s.Base != 10 || s.At != (Cursor{winner, 65 + round}) {
						t.Errorf("round %d: %+v", round, s)
					}
					b.stop()
				}
				b := openBox(t, cfg)
				if c := b.raise("room:a"); c.Epoch <= winner {
					t.Errorf("epoch %d may have been given before", c.Epoch)
				}
				if n := b.rewriteAll("room:a", "p_ada"); n != 30+12+29 {
					t.Errorf("%d facts were erased, want %d", n, 30+12+29)
				}
			})
		}
	}
}

// Salvage reads a file of which a page is garbage. Whatever page it is, the stream begins where it
// began, facts are those that count, and only a fact on that page may be missing.
func TestASalvagedCopyHasItsBaseAndNothingThatWasCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.db")
	winner, want := branchFile(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(data, "\x00"))/4096 + 1
	whole := 0
	for page := range end {
		bad := bytes.Clone(data[:(end+1)*4096])
		copy(bad[page*4096:], bytes.Repeat([]byte{0x5A}, 4096))
		cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 16}
		if err := os.WriteFile(cfg.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		b := openBox(t, cfg)
		var got []Cursor
		lost := 0
		for e, err := range b.Replay("room:a", 0) {
			if err != nil {
				lost++
				continue
			}
			got = append(got, Cursor{e.Epoch, e.Seq})
			if !slices.Contains(want, Cursor{e.Epoch, e.Seq}) {
				t.Fatalf("page %d: epoch %d, seq %d was cut off or never there", page, e.Epoch, e.Seq)
			}
		}
		if !slices.IsSortedFunc(got, func(a, b Cursor) int { return int(a.Seq) - int(b.Seq) }) {
			t.Errorf("page %d: out of order: %v", page, got)
		}
		switch missing := b.OpenResult().Missing; {
		case lost == 0 && len(got) == len(want):
			whole++
			b.mustCopy(run(winner, 65, 65)...)
		case lost == 0 && slices.Equal(got, want[:len(got)]): // the last facts were on that page
			b.mustCopy(run(winner, got[len(got)-1].Seq+1, 65)...)
		case missing == "":
			t.Errorf("page %d: %d facts of %d, %d called damaged, and Open missed nothing: %+v", page, len(got), len(want), lost, b.OpenResult())
		}
		b.stop()
	}
	t.Logf("%d of %d pages cost no fact", whole, end)
	if whole < end/2 {
		t.Errorf("only %d of %d pages cost no fact", whole, end)
	}
}

// A file of a program without bounds opens, and the bucket is made.
func TestAFileOfAnEarlierVersionGetsBounds(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	b.raise("room:a")
	want := b.append("room:a", 3)
	b.stop()
	if err := removeBounds(cfg.Path); err != nil {
		t.Fatal(err)
	}
	b = openBox(t, cfg)
	if f := b.OpenResult(); f.SetAside != "" || f.Reason != "" {
		t.Errorf("%+v", f)
	}
	if got, err := b.Since("room:a", 0, 0); err != nil || diffFacts(want, got) != "" {
		t.Errorf("%v %s", err, diffFacts(want, got))
	}
	b.cut(2)
	if c := b.take(); c.Seq != 2 {
		t.Errorf("took over at %+v", c)
	}
}

// removeBounds makes a file as the version before bounds wrote it.
func removeBounds(path string) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte(bucketBounds)) })
	return errors.Join(err, db.Close())
}

// Facts lost at the end of the file stay lost: the next ones, at their positions, do not
// make the stream begin later. The record of the stream says that they were there.
func TestLostFactsAtTheEndAreNotTakenForNeverHere(t *testing.T) {
	for name, c := range map[string]struct{ before, after func(*journalRig) }{
		"own": {
			func(b *journalRig) { b.raise("room:a"); b.append("room:a", 50) },
			func(b *journalRig) { b.raise("room:a"); b.append("room:a", 1); b.raise("room:a") },
		},
		"copied": {
			func(b *journalRig) { b.mustCopy(run(4, 1, 50)...) },
			func(b *journalRig) { b.mustCopy(run(4, 51, 51)...) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), leafLimit: 1}
			b := openBox(t, cfg)
			c.before(b)
			b.stop()
			gone := func(_, _ []byte) []byte { return []byte{} }
			for _, bucket := range []string{bucketFacts, bucketIndex, bucketBox} { // as a salvage leaves it
				breakValues(t, cfg.Path, bucket, gone)
			}
			b = openBox(t, cfg)
			c.after(b)
			killed := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
			data, err := os.ReadFile(cfg.Path)
			if err := errors.Join(err, os.WriteFile(killed.Path, data, 0o600)); err != nil {
				t.Fatal(err)
			}
			b = openBox(t, killed)
			lost, read := 0, 0
			for _, err := range b.Replay("room:a", 0) {
				if read++; err != nil {
					lost++
				}
			}
			if lost != 50 || read != 51 || b.state().Base != 0 {
				t.Errorf("%d facts, %d of them lost, base %d: want 51, 50 and 0", read, lost, b.state().Base)
			}
		})
	}
}

// Only the facts of a copied stream are left. They are from before the loss, however high their epoch.
func TestACopiedStreamOfWhichOnlyFactsAreLeftBeginsWhereItBegan(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), leafLimit: 1}
	b := openBox(t, cfg)
	b.mustCopy(run(1<<50, 11, 20)...)
	b.stop()
	for _, bucket := range []string{bucketStreams, bucketBounds, bucketIndex, bucketBox} {
		breakValues(t, cfg.Path, bucket, func(_, _ []byte) []byte { return []byte{} })
	}
	b = openBox(t, cfg)
	if d := cmp.Diff(cursors(run(1<<50, 11, 20)), b.identities()); d != "" || b.state().Base != 10 {
		t.Errorf("base %d %s", b.state().Base, d)
	}
	if c := b.raise("room:a"); c.Epoch <= 1<<50 {
		t.Errorf("epoch %d may have been given before", c.Epoch)
	}
}

// A full disk, or a card that refuses writes, does not keep a box from starting after an update.
func TestAFileOfAnEarlierVersionOpensOnADiskThatTakesNoWrites(t *testing.T) {
	want := "read 3, <nil>\nscrubbed [], <nil>\nrefused\nraised to 2 3\ncut at 2\n"
	if out := runChild(t, "earlier", t.TempDir()); out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// earlierChild opens a file of an earlier version under a limit that leaves room for the file's head
// only, and writes to it when the limit is gone.
func earlierChild() int {
	cfg := Config{Path: filepath.Join(os.Getenv(dirEnv), "facts.db")}
	b := openBox(&childTB{}, cfg)
	b.raise("room:a")
	b.append("room:a", 3)
	b.stop()
	var was syscall.Rlimit
	err := errors.Join(removeBounds(cfg.Path), syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 8 << 10, Max: was.Max})
	}
	if err != nil {
		return failChild(err)
	}
	b = openBox(&childTB{}, cfg)
	got, err := b.Since("room:a", 0, 0)
	printLine("read %d, %v", len(got), err)
	s, err := b.Scrub(context.Background())
	printLine("scrubbed %v, %v", s.Damaged, err)
	if _, err := b.Raise(context.Background(), "room:a"); err != nil {
		printLine("refused")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return failChild(err)
	}
	c := b.raise("room:a")
	printLine("raised to %d %d", c.Epoch, c.Seq)
	err = b.CutStream(context.Background(), "room:a", 2)
	b.stop()
	b = openBox(&childTB{}, cfg)
	state, failed := b.StreamState("room:a")
	if err := errors.Join(err, failed); err != nil {
		return failChild(err)
	}
	printLine("cut at %d", state.At.Seq)
	b.stop()
	return 0
}

// Nothing came after the cut yet, so its mark alone says what does not count.
func TestACutHoldsWhenTheRestIsReadFromTheFacts(t *testing.T) {
	for name, damage := range map[string]func(k, v []byte) []byte{
		bucketBox: func(k, _ []byte) []byte {
			if string(k) == keyCheckpoint {
				return []byte{}
			}
			return nil
		},
		bucketStreams: func(_, v []byte) []byte { return flipBit(v) },
		bucketIndex:   func(_, v []byte) []byte { return flipBit(v) },
	} {
		for _, limit := range []int64{0, 1} {
			cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), leafLimit: limit}
			b := openBox(t, cfg)
			b.mustCopy(run(4, 11, 40)...)
			own := b.take()
			b.append("room:a", 12)
			b.cut(37)
			b.stop()
			breakValues(t, cfg.Path, name, damage)
			b = openBox(t, cfg)
			if d := cmp.Diff(cursors(run(4, 11, 37)), b.identities()); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			if c := b.take(); c.Seq != 37 || c.Epoch <= own.Epoch {
				t.Errorf("%s: took over at %+v after %+v", name, c, own)
			}
			b.stop()
		}
	}
}

// Damage to the name of the bucket of bounds, or to the flag that makes it a bucket, is no file of an
// earlier version: the values are saved.
func TestADamagedNameOfABucketLosesNoBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.db")
	_, want := branchFile(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := []byte(bucketBounds)
	if data = bytes.ReplaceAll(data, name, []byte("boumds")); !bytes.Contains(data, []byte("boumds")) {
		t.Fatal("the file has no such name")
	}
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), leafLimit: 1}
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBox(t, cfg)
	if d := cmp.Diff(want, b.identities()); d != "" || b.state().Base != 10 || b.OpenResult().SetAside == "" {
		t.Errorf("base %d: %+v %s", b.state().Base, b.OpenResult(), d)
	}
	b.stop()
}

// Open saves what a damaged file holds. Bounds that are damaged later are guessed from the index.
func TestBoundsThatAreDamagedUnderARunningJournalAreGuessed(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 16}
	winner, want := branchFile(t, cfg.Path)
	b := openBox(t, cfg)
	err := b.db.Update(func(tx *checkedkv.Tx) error {
		bucket := tx.Bucket([]byte(bucketBounds))
		return bucket.Put([]byte("room:a"), flipBit(bytes.Clone(bucket.Get([]byte("room:a")))))
	})
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	delete(b.heads, "room:a")
	b.mu.Unlock()
	b.mustCopy(run(winner, 63, 65)...)
	if d := cmp.Diff(append(want, Cursor{winner, 65}), b.identities()); d != "" || b.state().Base != 10 {
		t.Errorf("base %d %s", b.state().Base, d)
	}
	if n := b.rewriteAll("room:a", "p_ada"); n != 30+12+28 {
		t.Errorf("%d facts were erased, want %d", n, 30+12+28)
	}
	if c := b.take(); c.Epoch <= winner || c.Seq != 65 {
		t.Errorf("took over at %+v", c)
	}
}

// A stream that was cut is read from its facts as long as there is no checkpoint. That is no damage.
func TestACutStreamWithoutACheckpointIsNotCalledDamaged(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 16, leafLimit: 1}
	_, want := branchFile(t, cfg.Path)
	breakValues(t, cfg.Path, bucketBox, func(k, _ []byte) []byte {
		if string(k) == keyCheckpoint {
			return []byte{}
		}
		return nil
	})
	b, said := openLogged(t, cfg)
	if d := cmp.Diff(want, b.identities()); d != "" {
		t.Error(d)
	}
	if b.stop(); strings.Contains(said.String(), "damaged") || !strings.Contains(said.String(), "no checkpoint") {
		t.Error(said.String())
	}
}
