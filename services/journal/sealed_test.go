package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/seal"
)

const secretText = "what only the class may know"

// openPlain opens a journal as a box without a key does.
func openPlain(t *testing.T, path string) *journalRig {
	t.Helper()
	j, err := Open(Config{Path: path, NoBallast: true, Pace: -1}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := wrapJournal(t, j)
	b.serve()
	return b
}

// tell appends n facts with the secret text and saves a snapshot with it.
func (b *journalRig) tell(n int) {
	b.t.Helper()
	b.raise("room:a")
	facts := make([]event.Event, n)
	for i := range facts {
		b.seq["room:a"]++
		facts[i] = testFact("room:a", b.epoch["room:a"], b.seq["room:a"])
		facts[i].Data = []byte(`"` + secretText + `"`)
	}
	done := make(chan error, 2)
	b.Append(Batch{Stream: "room:a", Epoch: b.epoch["room:a"], Facts: facts}, func(err error) { done <- err })
	b.SaveSnapshot("room:a", b.epoch["room:a"], b.seq["room:a"], []byte(`"`+secretText+`"`), func(err error) { done <- err })
	for range 2 {
		if err := <-done; err != nil {
			b.t.Fatal(err)
		}
	}
}

// checkTold checks that n facts of tell and the snapshot are readable.
func (b *journalRig) checkTold(n int) {
	b.t.Helper()
	facts, err := b.Since("room:a", 0, 0)
	if err != nil || len(facts) != n {
		b.t.Errorf("%d facts, want %d: %v", len(facts), n, err)
	}
	for _, f := range facts {
		if string(f.Data) != `"`+secretText+`"` {
			b.t.Errorf("seq %d is %s", f.Seq, f.Data)
		}
	}
	if _, data, err := b.Snapshot("room:a"); string(data) != `"`+secretText+`"` || err != nil {
		b.t.Errorf("snapshot %q %v", data, err)
	}
}

// holdsSecret reports whether a file of the folder holds the secret text, or a file of its copies.
func holdsSecret(t *testing.T, path string) (in []string) {
	t.Helper()
	for _, name := range append(copiesOf(path), path) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secretText)) {
			in = append(in, filepath.Base(name))
		}
	}
	return in
}

func TestASealedJournalShowsNothingOfItsFacts(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	b.tell(copyLen + 10)
	if err := b.CopySealed(); err != nil {
		t.Fatal(err)
	}
	b.stop()
	if in := holdsSecret(t, cfg.Path); len(in) > 0 || len(copiesOf(cfg.Path)) == 0 {
		t.Errorf("the text is in %v", in)
	}
	openBox(t, cfg).checkTold(copyLen + 10)
}

func TestAJournalFromBeforeIsReadAndSealed(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openPlain(t, cfg.Path)
	b.tell(copyLen + 10)
	if err := b.CopySealed(); err != nil {
		t.Fatal(err)
	}
	b.stop()
	if in := holdsSecret(t, cfg.Path); len(in) != 2 {
		t.Fatalf("the text is in %v: the test proves nothing", in)
	}
	b = openBox(t, cfg)
	b.checkTold(copyLen + 10)
	b.tell(20)
	b.checkTold(copyLen + 30)
	b.stop()
	if err := checkedkv.CompactNext(cfg.Path); err != nil {
		t.Fatal(err)
	}
	b = openBox(t, cfg)
	b.checkTold(copyLen + 30)
	if err := b.CopySealed(); err != nil {
		t.Fatal(err)
	}
	if in := holdsSecret(t, cfg.Path); len(in) > 0 {
		t.Errorf("the text is in %v", in)
	}
	if s, err := b.Scrub(t.Context()); err != nil || len(s.Damaged) > 0 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestABackupOfASealedJournalNeedsNoKey(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.tell(30)
	var saved bytes.Buffer
	if err := b.Backup(&saved); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "facts.db")
	if err := Restore(bytes.NewReader(saved.Bytes()), path); err != nil {
		t.Fatal(err)
	}
	other := openBox(t, Config{Path: path, Sealer: seal.NewKey().For("facts.db")})
	other.checkTold(30)
	other.tell(5)
	other.checkTold(35)
}

func TestAJournalWithoutItsKeySaysSo(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	b.tell(3)
	b.stop()
	for name, sealer := range map[string]*seal.Sealer{"another": seal.NewKey().For("facts.db"), "none": nil} {
		j, err := Open(Config{Path: cfg.Path, NoBallast: true, Sealer: sealer}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := j.Since("room:a", 0, 0)
		if e, ok := errors.AsType[*errs.Error](err); len(facts) > 0 || !ok || e.Kind != errs.Corrupt || e.Code != "key_missing" {
			t.Errorf("%s: %d facts, %v", name, len(facts), err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	openBox(t, cfg).checkTold(3)
}

// Somebody with the card cannot give a fact another place: its checksum can be made again, its tag
// cannot.
func TestAFactThatWasMovedDoesNotOpen(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	b := openBox(t, cfg)
	b.tell(3)
	b.stop()
	db, err := bbolt.Open(cfg.Path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		facts := tx.Bucket([]byte(bucketFacts))
		body, err := verifyChecksum(bucketFacts, factKey(1), facts.Get(factKey(1)))
		if err != nil {
			return err
		}
		return facts.Put(factKey(2), appendChecksum(bucketFacts, factKey(2), bytes.Clone(body)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	facts, err := openBox(t, cfg).Since("room:a", 0, 0)
	if len(facts) != 2 || errs.KindOf(err) != errs.Corrupt {
		t.Errorf("%d facts, %v", len(facts), err)
	}
}

// Of two values of one fact, the one that was erased is shorter, sealed or not.
func TestTheErasedValueOfAFactIsTheNewerOne(t *testing.T) {
	key := factKey(7)
	sealed, plain := factCipher{sealer: testSealer()}, factCipher{}
	store := func(c factCipher, fact string) []byte { return c.seal(key, append(c.reserve(len(fact)), fact...)) }
	whole, erased := "\x01 the fact with its text", "\x01 the fact"
	for _, first := range [][]byte{store(sealed, whole), store(plain, whole)} {
		for _, second := range [][]byte{store(sealed, erased), store(plain, erased)} {
			if !isNewer(bucketFacts, first, second) || isNewer(bucketFacts, second, first) {
				t.Errorf("%d and %d bytes", len(first), len(second))
			}
		}
	}
}

// A fact is sealed in the memory that it is encoded in.
func TestASealedFactTakesNoMoreAllocationsThanAPlainOne(t *testing.T) {
	var allocs []float64
	for _, c := range []*factCipher{{}, {sealer: testSealer()}} {
		key, fact := factKey(7), testFact("room:a", 1, 1)
		var value []byte
		allocs = append(allocs, testing.AllocsPerRun(100, func() {
			encoded, err := c.encode(fact)
			if err != nil {
				t.Fatal(err)
			}
			value = c.seal(key, encoded)
		}))
		if body, err := c.open(key, value); err != nil || !bytes.Equal(body, appendFact(nil, fact)) {
			t.Errorf("%q, %v", body, err)
		}
	}
	if allocs[0] != allocs[1] {
		t.Errorf("plain %v, sealed %v", allocs[0], allocs[1])
	}
}

func FuzzOpenFact(f *testing.F) {
	key := factKey(1)
	sealed, plain := factCipher{sealer: testSealer()}, factCipher{}
	for _, c := range []factCipher{sealed, plain} {
		encoded, err := c.encode(testFact("room:a", 1, 1))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.seal(key, encoded))
	}
	f.Add([]byte{2, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		body, err := sealed.open(key, value)
		if err != nil {
			return
		}
		body = bytes.Clone(body)
		opened := recode(sealed.sealer, bucketFacts, key, value, false)
		if again, err := sealed.open(key, opened); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%x: opened to %x: %v", value, again, err)
		}
	})
}
