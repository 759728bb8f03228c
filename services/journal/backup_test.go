package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

func TestARestoredJournalHasItsFactsAndIsAnotherIncarnation(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db"), checkpointFacts: 40})
	b.raise("room:a")
	want := b.append("room:a", 100)
	var backup bytes.Buffer
	if err := b.Backup(&backup); err != nil {
		t.Fatal(err)
	}
	b.append("room:a", 5) // after the backup: lost with the old box
	b.raise("room:a")
	seen := b.epoch["room:a"]

	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db")}
	epochs := make(map[uint64]bool)
	for range 2 { // the second restore sets the first aside
		if err := Restore(bytes.NewReader(backup.Bytes()), cfg.Path); err != nil {
			t.Fatal(err)
		}
		r := openBox(t, cfg)
		if !r.OpenResult().Restored || r.OpenResult().SetAside != "" || r.Incarnation() == b.Incarnation() {
			t.Errorf("%+v, incarnation %x of %x", r.OpenResult(), r.Incarnation(), b.Incarnation())
		}
		if got, err := r.Since("room:a", 0, 0); err != nil || diffFacts(want, got) != "" {
			t.Errorf("%v %s", err, cmp.Diff(want, got))
		}
		c := r.raise("room:a")
		if c.Epoch <= seen || c.Seq != 100 || epochs[c.Epoch] || c.Epoch >= 1<<53 {
			t.Errorf("raised to %+v; the box that was lost had given epoch %d", c, seen)
		}
		epochs[c.Epoch] = true
		if _, ok := r.EpochEnd("room:a", seen); ok {
			t.Error("an epoch that only the lost box knew is taken for valid")
		}
		r.stop()
		r = openBox(t, cfg)
		if r.OpenResult().Restored {
			t.Error("the second Open says restored again")
		}
		if c2 := r.raise("room:a"); c2.Epoch != c.Epoch+1 {
			t.Errorf("raised from %+v to %+v", c, c2)
		}
		r.stop()
	}
	kept, err := filepath.Glob(cfg.Path + ".replaced-*")
	if err != nil || len(kept) != 1 {
		t.Errorf("set aside: %v %v", kept, err)
	}
}

func TestABackupIsTakenWhileFactsAreWritten(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 500)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- errors.Join(b.Backup(w), w.Close()) }()
	path := filepath.Join(t.TempDir(), "facts.db")
	restored := make(chan error, 1)
	go func() { restored <- Restore(&slowReader{r: r, each: b}, path) }()
	if err := errors.Join(<-done, <-restored); err != nil {
		t.Fatal(err)
	}
	c := openBox(t, Config{Path: path})
	if got, err := c.Since("room:a", 0, 0); len(got) < 500 || err != nil {
		t.Errorf("%d facts: %v", len(got), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(b.cfg.Path), "*backup*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// slowReader reads a backup as a slow browser does. A fact is appended at each read, and no
// read transaction may be open meanwhile.
type slowReader struct {
	r    io.Reader
	each *journalRig
	n    int
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.n++; s.n%10 == 0 && s.n < 300 {
		s.each.append("room:a", 1)
		if n := s.each.db.Stats().OpenTxN; n > 0 {
			return 0, errors.New("a read transaction is open while the backup is sent")
		}
	}
	return s.r.Read(p)
}

func TestABackupThatIsNotWholeIsRefusedAndNothingReplaced(t *testing.T) {
	good := backupOf(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "facts.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty":     nil,
		"truncated": good[:len(good)-1],
		"half":      good[:len(good)/2],
		"altered":   flipBit(bytes.Clone(good)),
		"other":     append([]byte("PK\x03\x04"), good...),
	} {
		if err := Restore(bytes.NewReader(bad), path); err == nil || errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if got, err2 := os.ReadFile(path); string(got) != "precious" || len(entries) != 1 || errors.Join(err, err2) != nil {
		t.Errorf("%q, %v", got, entries)
	}
}

func TestRestoreIsRefusedWhileTheBoxRuns(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	if err := Restore(bytes.NewReader(backupOf(t)), b.cfg.Path); errs.KindOf(err) != errs.Busy || err == nil {
		t.Errorf("got %v", err)
	}
}

func backupOf(t testing.TB) []byte {
	t.Helper()
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 20)
	var backup bytes.Buffer
	if err := b.Backup(&backup); err != nil {
		t.Fatal(err)
	}
	b.stop()
	return backup.Bytes()
}
