package journal

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/timetest"
)

// smallDisk returns a folder on a disk of its own of that size: a tmpfs if the test may mount
// one. Otherwise the test runs its part in a process with a limit on file sizes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Logf("no mount here (%v): only the file size limit is tested", err)
		return ""
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestAFullDiskTakesVitalFactsOnlyUntilSpaceReturns(t *testing.T) {
	dir := smallDisk(t, "24m")
	if dir == "" {
		return // see TestAFileSizeLimitIsAFullDiskToo
	}
	b := openBox(t, Config{Path: filepath.Join(dir, "facts.db"), Ballast: 2 << 20, checkpointFacts: 200, probeEvery: time.Millisecond})
	if s := b.State(); s.Full || s.Ballast != 2<<20 {
		t.Fatalf("%+v", s)
	}
	hog := filepath.Join(dir, "video")
	if err := fillDisk(hog); err != nil {
		t.Fatal(err)
	}
	b.raise("room:a")
	refused := b.until("room:a", false, 20000)
	if e, ok := errors.AsType[*errs.Error](refused); !ok || e.Kind != errs.Down || e.Code != "disk_full" {
		t.Fatalf("a chat fact on a full disk: %v", refused)
	}
	before := b.seq["room:a"]
	if s := b.State(); !s.Full || s.Ballast != 0 || s.Since.IsZero() {
		t.Errorf("the disk is full and the state %+v", s)
	}
	if got := b.try("room:a", b.epoch["room:a"], before+1); got != errs.Stale && got != errs.Down {
		t.Errorf("the refused epoch continues: %v", got)
	}
	if c := b.raise("room:a"); c.Seq != before {
		t.Errorf("raised to %+v, %d were acknowledged", c, before)
	}
	for range 100 { // an answer is still kept
		if err := b.one("room:a", true); err != nil {
			t.Fatalf("a vital fact: %v", err)
		}
	}
	if got, err := b.Since("room:a", 0, 0); uint64(len(got)) != before+100 || err != nil {
		t.Errorf("%d facts are read, %d were acknowledged: %v", len(got), before+100, err)
	}
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	timetest.WaitUntil(t, "the end of a full disk", func() bool { return !b.State().Full })
	if s := b.State(); s.Ballast != 2<<20 {
		t.Errorf("the ballast is not back: %+v", s)
	}
	if err := b.one("room:a", false); err != nil {
		t.Errorf("chat after space returned: %v", err)
	}
	b.stop()
	b = openBox(t, Config{Path: filepath.Join(dir, "facts.db"), Ballast: 2 << 20})
	if got, err := b.Since("room:a", 0, 0); uint64(len(got)) != before+101 || err != nil {
		t.Errorf("after a reopen %d facts: %v", len(got), err)
	}
}

// one appends the next fact of a stream, with a payload of 2 kB.
func (b *journalRig) one(stream string, vital bool) error {
	e := testFact(stream, b.epoch[stream], b.seq[stream]+1)
	e.Data = []byte(`"` + strings.Repeat("x", 2000) + `"`)
	results := make(chan error, 1)
	b.Append(Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}, Vital: vital}, func(err error) { results <- err })
	err := <-results
	if err == nil {
		b.seq[stream]++
	}
	return err
}

// until appends facts until one is refused.
func (b *journalRig) until(stream string, vital bool, most int) error {
	for range most {
		if err := b.one(stream, vital); err != nil {
			return err
		}
	}
	return nil
}

// fillDisk takes all but some hundred kB of a disk.
func fillDisk(path string) error {
	free, err := checkedkv.DiskFree(path)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fillFile(f, free-400<<10), f.Close())
}

func TestAFileSizeLimitIsAFullDiskToo(t *testing.T) {
	out := runChild(t, "limited", t.TempDir())
	if out != "refused as disk_full\nread 3\n" {
		t.Errorf("got %q", out)
	}
}

// limitedChild runs a journal with a limit of 64 kB for each file. Sparse growth counts, so the
// first commit that grows the file is refused, in every file system.
func limitedChild() int {
	b := openBox(&childTB{}, Config{Path: filepath.Join(os.Getenv(dirEnv), "facts.db"), NoBallast: true})
	b.raise("room:a")
	for range 3 {
		if err := b.one("room:a", false); err != nil {
			return failChild(err)
		}
	}
	limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return failChild(err)
	}
	refused := b.until("room:a", false, 10000)
	if e, ok := errors.AsType[*errs.Error](refused); !ok || e.Code != "disk_full" {
		return failChild(refused)
	}
	printLine("refused as disk_full")
	read, err := b.Since("room:a", 0, 3)
	if err != nil {
		return failChild(err)
	}
	printLine("read %d", len(read))
	return 0
}

func TestALongReadDoesNotStopCommits(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 1)
	worst := time.Duration(0)
	err := b.db.View(func(*checkedkv.Tx) error { // for example a report that reads for a long time
		for range 200 { // grows the file far past its first 32 KiB and 16 MiB
			e := testFact("room:a", 1, b.seq["room:a"]+1)
			e.Data = []byte(`"` + strings.Repeat("x", 100<<10) + `"`)
			results := make(chan error, 1)
			start := time.Now()
			b.Append(Batch{Stream: "room:a", Epoch: 1, Facts: []event.Event{e}}, func(err error) { results <- err })
			select {
			case err := <-results:
				if err != nil {
					return err
				}
			case <-time.After(timetest.Patience):
				return errors.New("a commit waits for the reader")
			}
			worst = max(worst, time.Since(start))
			b.seq["room:a"]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("20 MB were committed during an open read, the worst commit took %v", worst)
}

func TestReadsAreCutIntoShortTransactions(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "facts.db")})
	b.raise("room:a")
	b.append("room:a", 2000)
	for range b.Replay("room:a", 0) {
		if n := b.db.Stats().OpenTxN; n != 0 {
			t.Fatalf("%d read transactions are open while the caller's code runs", n)
		}
	}
	for range b.Follow(t.Context(), 0) {
		if n := b.db.Stats().OpenTxN; n != 0 {
			t.Fatalf("%d read transactions are open while the caller's code runs", n)
		}
		if b.Position() == 2000 {
			break
		}
	}
}

func TestAHalfEmptyFileIsMadeSmallerAtOpen(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "facts.db"), NoBallast: true}
	b := openBox(t, cfg)
	b.raise("room:a")
	want := b.append("room:a", 50)
	for _, size := range []int{12 << 20, 100} {
		results := make(chan error, 1)
		b.SaveSnapshot("room:a", 1, 50, make([]byte, size), func(err error) { results <- err })
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	b.append("room:a", 5)
	before := b.Incarnation()
	b.stop()
	old, err := os.Stat(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	// A crash during a compaction leaves this file. It must not be in the way.
	if err := os.WriteFile(cfg.Path+".compact", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b = openBox(t, cfg)
	now, err := os.Stat(cfg.Path)
	if err != nil || now.Size() > 1<<20 {
		t.Errorf("%d bytes, then %d: %v", old.Size(), now.Size(), err)
	}
	if b.Incarnation() != before {
		t.Error("a smaller file is another incarnation")
	}
	got, err := b.Since("room:a", 0, 50)
	if err != nil || len(got) != 50 || string(got[49].Data) != string(want[49].Data) {
		t.Errorf("%d facts: %v", len(got), err)
	}
	b.raise("room:a")
	b.append("room:a", 10)
}

func TestOpenOnANearlyFullDiskTakesVitalFacts(t *testing.T) {
	dir := smallDisk(t, "8m")
	if dir == "" {
		return // the ballast always fits without a disk of our own
	}
	j, err := Open(Config{Path: filepath.Join(dir, "facts.db"), Ballast: 16 << 20}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := wrapJournal(t, j)
	b.serve()
	b.raise("room:a")
	if err := b.one("room:a", true); err != nil {
		t.Errorf("a vital fact: %v", err)
	}
	if err := b.one("room:a", false); errs.KindOf(err) != errs.Down || err == nil {
		t.Errorf("a chat fact: %v", err)
	}
}
