package journal

import (
	"bufio"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/timetest"
)

// repeatCount reads from the environment how often a long test repeats.
func repeatCount(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

const (
	crashRooms  = 8
	crashCopies = 3 // streams of another box: branch_crash_test.go
)

// loadChild raises and writes to some rooms, with several batches under way in each. It prints
// each acknowledgement, until it is killed.
func loadChild() int {
	b := openBox(&childTB{}, Config{Path: filepath.Join(os.Getenv(dirEnv), "facts.db"), NoBallast: true, checkpointFacts: 500})
	var all sync.WaitGroup
	for i := range crashRooms {
		stream := fmt.Sprintf("room:%d", i)
		c := b.raise(stream)
		all.Go(func() { appendForever(b.Journal, stream, c) })
	}
	for i := range crashCopies {
		c, err := newCopier(b.Journal, i)
		if err != nil {
			return failChild(err)
		}
		all.Go(func() {
			for {
				if err := c.step(); err != nil {
					os.Exit(failChild(err))
				}
			}
		})
	}
	printLine("ready")
	all.Wait()
	return 0
}

// appendForever appends for ever, four batches of one to three facts under way.
func appendForever(j *Journal, stream string, c Cursor) {
	slots := make(chan struct{}, 4)
	for n := 1; ; n++ {
		slots <- struct{}{}
		first := c.Seq + 1
		var facts []event.Event
		for range 1 + n%3 {
			c.Seq++
			facts = append(facts, testFact(stream, c.Epoch, c.Seq))
		}
		last := c.Seq
		j.Append(Batch{Stream: stream, Epoch: c.Epoch, Facts: facts}, func(err error) {
			if err != nil {
				os.Exit(failChild(err))
			}
			for seq := first; seq <= last; seq++ {
				printLine("ack %s %d %d", stream, c.Epoch, seq)
			}
			<-slots
		})
		if n%100 == 0 {
			j.SaveSnapshot(stream, c.Epoch, c.Seq, make([]byte, 3000), func(error) {})
		}
	}
}

// ackedFacts holds the facts that a child reported as acknowledged.
type ackedFacts map[string]map[uint64]uint64 // stream, seq, epoch

func (a ackedFacts) read(line string) error {
	var stream string
	var epoch, seq uint64
	if _, err := fmt.Sscanf(line, "ack %s %d %d", &stream, &epoch, &seq); err != nil {
		return err
	}
	if a[stream] == nil {
		a[stream] = make(map[uint64]uint64)
	}
	if before, twice := a[stream][seq]; twice {
		return fmt.Errorf("%s %d was acknowledged in epoch %d and %d", stream, seq, before, epoch)
	}
	a[stream][seq] = epoch
	return nil
}

// check compares the disk with the acknowledged facts: all are there, once and unaltered, with
// dense seq and position.
func (a ackedFacts) check(j *Journal) error {
	pos := uint64(0)
	seen := make(map[string]uint64)
	for f := range j.scanFacts(0, j.Position()) {
		if f.err != nil {
			return f.err
		}
		e := f.event
		if pos++; e.Pos != pos {
			return fmt.Errorf("position %d where %d should be", e.Pos, pos)
		}
		if isCopied(e.Stream) {
			continue // ackedCopies
		}
		if seen[e.Stream]++; e.Seq != seen[e.Stream] {
			return fmt.Errorf("%s: seq %d where %d should be", e.Stream, e.Seq, seen[e.Stream])
		}
		want := testFact(e.Stream, e.Epoch, e.Seq)
		if want.Pos = e.Pos; !sameFact(want, e) {
			return fmt.Errorf("altered: %s", cmp.Diff(want, e))
		}
		if epoch, ok := a[e.Stream][e.Seq]; ok && epoch != e.Epoch {
			return fmt.Errorf("%s %d was acknowledged in epoch %d and is of epoch %d", e.Stream, e.Seq, epoch, e.Epoch)
		}
	}
	for stream, facts := range a {
		for seq := range facts {
			if seq > seen[stream] {
				return fmt.Errorf("%s: seq %d was acknowledged, the last on disk is %d", stream, seq, seen[stream])
			}
		}
		if events, err := j.Since(stream, 0, 0); err != nil || uint64(len(events)) != seen[stream] {
			return fmt.Errorf("%s: %d facts by the index, %d by position: %w", stream, len(events), seen[stream], err)
		}
	}
	return nil
}

// TestKillLosesAndDoublesNothing kills a process under load again and again. The
// long programme sets LIVELEARN_KILLS=200.
func TestKillLosesAndDoublesNothing(t *testing.T) {
	kills := repeatCount(t, "LIVELEARN_KILLS", 25)
	dir := t.TempDir()
	acked := newAcked()
	var ready []time.Duration
	total := 0
	for range kills {
		took, n := killOne(t, dir, acked)
		ready = append(ready, took)
		total += n
		j, err := Open(Config{Path: filepath.Join(dir, "facts.db"), NoBallast: true, Sealer: testSealer()}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		if f := j.OpenResult(); f.SetAside != "" || f.Reason != "" {
			t.Fatalf("%+v", f)
		}
		if err := acked.check(j); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(ready)
	worst := ready[len(ready)-1]
	cuts, taken := acked.countCuts()
	t.Logf("%d kills, %d results acknowledged, %d of them cuts, 0 lost, 0 doubled; process start to ready: median %v, worst %v",
		kills, total, cuts, ready[len(ready)/2], worst)
	if cuts < kills/5 || taken == 0 {
		t.Errorf("%d cuts, %d streams taken over: the children did too little", cuts, taken)
	}
	timetest.CheckBudget(t, "the slowest start", worst, time.Second)
}

// killOne runs a child until some facts are acknowledged, and kills it.
func killOne(t *testing.T, dir string, acked acked) (ready time.Duration, n int) {
	t.Helper()
	cmd := childCommand(t, "load", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var killed chan error
	enough := rand.IntN(400)
	for lines.Scan() {
		if lines.Text() == "ready" {
			ready = time.Since(start)
		} else if err := acked.read(lines.Text()); err != nil {
			t.Fatal(err)
		} else {
			n++
		}
		if ready > 0 && n >= enough && killed == nil { // at a random point of a commit
			killed = make(chan error, 1)
			delay := time.Duration(rand.IntN(3000)) * time.Microsecond
			go func() { time.Sleep(delay); killed <- cmd.Process.Kill() }() // a process is killed at any moment
		}
	}
	if killed == nil {
		t.Fatalf("the child ended by itself: %v", cmd.Wait())
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	return ready, n
}
