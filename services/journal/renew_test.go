package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// identity may be given to one fact only.
type identity struct {
	stream     string
	epoch, seq uint64
}

// factPlace is a place for one fact only.
type factPlace struct{ incarnation, pos uint64 }

// givenIdentities collects the identities that a box gives to facts, and fails when one was
// given before.
type givenIdentities struct {
	t          *testing.T
	identities map[identity]string
	places     map[factPlace]string
}

// write raises each stream and appends to it. All positions and identities must be new.
func (g *givenIdentities) write(name string, b *journalRig, streams ...string) {
	g.t.Helper()
	for _, stream := range streams {
		b.raise(stream)
		for _, e := range b.append(stream, 5) {
			what := fmt.Sprintf("%s %s %d", name, stream, e.Pos)
			if was, twice := g.identities[identity{e.Stream, e.Epoch, e.Seq}]; twice {
				g.t.Errorf("%s has the identity of %s", what, was)
			}
			if was, twice := g.places[factPlace{b.Incarnation(), e.Pos}]; twice {
				g.t.Errorf("%s has the place of %s", what, was)
			}
			g.identities[identity{e.Stream, e.Epoch, e.Seq}] = what
			g.places[factPlace{b.Incarnation(), e.Pos}] = what
		}
	}
}

func checkRenew(t *testing.T, b *journalRig) {
	t.Helper()
	was := b.Incarnation()
	if err := b.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.Incarnation() == was {
		t.Fatal("the incarnation is the same")
	}
}

// copyCard makes a file with facts, with one stream's record damaged and rebuilt, and two boxes
// of it, as of a copied card.
func copyCard(t *testing.T, g *givenIdentities) (one, two *journalRig) {
	t.Helper()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "one.db"), filepath.Join(dir, "two.db")
	b := openBox(t, Config{Path: first, checkpointFacts: 8})
	g.write("before", b, "room:a", "room:b", "room:broken")
	b.stop()
	damageValue(t, first, bucketStreams, "room:broken")
	b = openBox(t, Config{Path: first, checkpointFacts: 8})
	g.write("mended", b, "room:broken") // far above all others now
	b.stop()
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return openBox(t, Config{Path: first, checkpointFacts: 8}), openBox(t, Config{Path: second, checkpointFacts: 8})
}

// damageValue alters one value.
func damageValue(t *testing.T, path, bucket, key string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), []byte("damage")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestCopiesOfOneFileGiveNothingTwiceOnceBothWereRenewed(t *testing.T) {
	g := &givenIdentities{t, map[identity]string{}, map[factPlace]string{}}
	one, two := copyCard(t, g)
	checkRenew(t, one)
	checkRenew(t, two)
	streams := []string{"room:a", "room:b", "room:broken", "room:new"}
	for range 3 {
		g.write("one", one, streams...)
		g.write("two", two, streams...)
	}
}

func TestCopiesOfOneFileGiveNothingTwiceOnceOneWasRenewed(t *testing.T) {
	g := &givenIdentities{t, map[identity]string{}, map[factPlace]string{}}
	one, two := copyCard(t, g)
	streams := []string{"room:a", "room:b", "room:broken", "room:new"}
	g.write("one", one, streams...)
	checkRenew(t, two) // before it wrote anything of its own
	for range 3 {
		g.write("two", two, streams...)
		g.write("one", one, streams...)
	}
}

func TestARenewedJournalRefusesEveryEpochOfBefore(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 5}
	b := openBox(t, cfg)
	for _, stream := range []string{"room:a", "room:b"} { // b's are in the index, a's in memory
		b.raise(stream)
		b.append(stream, 6)
	}
	results := make(chan error, 2)
	write := func(seq uint64) {
		b.Append(Batch{Stream: "room:a", Epoch: 1, Facts: []event.Event{testFact("room:a", 1, seq)}}, func(err error) { results <- err })
	}
	write(7)
	checkRenew(t, b)
	write(8)
	if err := <-results; err != nil {
		t.Errorf("what came before is refused: %v", err)
	}
	if err := <-results; errs.KindOf(err) != errs.Stale {
		t.Errorf("the next batch ended with %v", err)
	}
	if got := b.try("room:b", 1, 7); got != errs.Stale {
		t.Errorf("room:b: %v", got)
	}
	incarnation, position := b.Incarnation(), b.Position()
	b.stop()
	b = openBox(t, cfg)
	if b.Incarnation() != incarnation || b.Position() != position || b.OpenResult().Restored {
		t.Errorf("after a reopen: incarnation %x, position %d, %+v", b.Incarnation(), b.Position(), b.OpenResult())
	}
	if got := b.try("room:b", 1, 7); got != errs.Stale {
		t.Errorf("room:b after a reopen: %v", got)
	}
	if c := b.raise("room:b"); c.Seq != 6 || c.Epoch <= 1<<20 {
		t.Errorf("raised to %+v", c)
	}
	b.append("room:b", 1)
	if seq, ok := b.EpochEnd("room:b", 1); !ok || seq != 6 {
		t.Errorf("the old epoch ended at %d, %v", seq, ok)
	}
}

func TestARenewalThatMayBeOnDiskIsKnownAfterAFailedCommit(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.end()
	<-b.done
	var box boxRecord
	err := b.writeTx(func(tx *checkedkv.Tx) (err error) { // the disk wrote it but reported an error
		if box, err = getBox(tx); err == nil {
			box.newIncarnation(highestEpoch(tx))
			err = putBox(tx, box)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.inFlight = []*op{{kind: opRenew, done: func(*op) {}}}
	b.serve()
	if got := b.try("room:a", 1, 1); got != errs.Stale {
		t.Errorf("an epoch of before was taken: %v", got)
	}
	if b.Incarnation() != box.incarnation {
		t.Error("memory and disk differ on who the journal is")
	}
}

func TestRenewIsTakenOnAFullDiskAndRefusedAfterClose(t *testing.T) {
	if !(&op{kind: opRenew}).isVital() {
		t.Error("a full disk refuses it")
	}
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.stop()
	if err := b.Renew(context.Background()); errs.KindOf(err) != errs.Down {
		t.Errorf("ended with %v", err)
	}
}

func TestScanEndsWhereItIsToldAndWaitsForNothing(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 100})
	b.raise("room:a")
	want := b.append("room:a", 700)
	for _, try := range []struct{ after, upTo, from, to uint64 }{
		{0, 700, 0, 700}, {0, 1 << 60, 0, 700}, {255, 257, 255, 257}, {699, 700, 699, 700}, {700, 701, 700, 700}, {9, 3, 0, 0}, {1 << 60, 1 << 61, 0, 0},
	} {
		var got []event.Event
		for e, err := range b.Scan(try.after, try.upTo) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		if d := diffFacts(want[try.from:try.to], got); d != "" {
			t.Errorf("Scan(%d, %d): %s", try.after, try.upTo, d)
		}
	}
}

func TestScanTellsOfADamagedFactAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.db")
	b := openBox(t, Config{Path: path})
	b.raise("room:a")
	b.append("room:a", 5)
	b.stop()
	damageValue(t, path, bucketFacts, string(factKey(3)))
	b = openBox(t, Config{Path: path})
	seen, damaged := 0, uint64(0)
	for e, err := range b.Scan(0, 5) {
		if err == nil {
			seen++
		} else if errs.KindOf(err) == errs.Corrupt {
			damaged = e.Pos
		}
	}
	if seen != 4 || damaged != 3 {
		t.Errorf("%d facts, damage reported at %d", seen, damaged)
	}
}
