package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("JOBS_TEST_ROLE"); role != "" {
		os.Exit(playWorker(role))
	}
	goleak.VerifyTestMain(m)
}

// jobsRig is a journal and the letters on it, running.
type jobsRig struct {
	*jobs.Jobs
	journal *journal.Journal
	stop    func()
}

func startBox(t *testing.T, path string, serving bool) jobsRig {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: path, NoBallast: true, Pace: -1}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := jobsRig{Jobs: jobs.New(j, event.NewClock(1), slog.New(slog.DiscardHandler), nil), journal: j}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	if serving {
		go func() { done <- j.Serve(ctx) }()
	} else {
		done <- nil
	}
	go func() { done <- b.Serve(ctx) }()
	b.stop = func() {
		cancel()
		<-done
		<-done
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	return b
}

func newLetter(n int) jobs.DeadLetter {
	return jobs.DeadLetter{
		Room: "c_1", Kind: "chat.say", By: "p_1", Role: event.Pupil, Cmd: fmt.Sprint("m", n),
		Data: json.RawMessage(`{"text":"hello"}`), Err: "panic: nil map", Stack: "chat.Handle",
	}
}

func letterCommands(list []jobs.DeadLetter) []string {
	out := []string{}
	for _, l := range list {
		out = append(out, l.Cmd)
	}
	return out
}

func TestLettersAreThereAgainAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		b := startBox(t, path, true)
		for n := range 3 {
			b.AddDeadLetter(newLetter(n))
		}
		synctest.Wait()
		before := b.ListDeadLetters()
		if diff := cmp.Diff(letterCommands(before), []string{"m2", "m1", "m0"}); diff != "" {
			t.Fatal(diff)
		}
		if err := b.DropDeadLetter(t.Context(), before[1].ID); err != nil {
			t.Fatal(err)
		}
		if err := b.MarkRetried(t.Context(), before[2].ID); err != nil {
			t.Fatal(err)
		}
		b.stop()

		b = startBox(t, path, true)
		defer b.stop()
		synctest.Wait()
		if diff := cmp.Diff(b.ListDeadLetters(), before[:1]); diff != "" {
			t.Error(diff)
		}
		got, err := b.GetDeadLetter(before[0].ID)
		if err != nil || got.Role != event.Pupil || got.By != "p_1" {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestARefusedLetterIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		b := startBox(t, path, true)
		synctest.Wait()
		if _, err := b.journal.Raise(t.Context(), jobs.Stream); err != nil { // another caller takes the stream away
			t.Fatal(err)
		}
		b.AddDeadLetter(newLetter(0))
		b.AddDeadLetter(newLetter(1))
		synctest.Wait()
		if diff := cmp.Diff(letterCommands(b.ListDeadLetters()), []string{"m0"}); diff != "" {
			t.Errorf("refused, so in memory: %s", diff)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.stop()
		b = startBox(t, path, true)
		defer b.stop()
		synctest.Wait()
		if diff := cmp.Diff(letterCommands(b.ListDeadLetters()), []string{"m1", "m0"}); diff != "" {
			t.Error(diff)
		}
	})
}

func TestADecisionCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBox(t, filepath.Join(t.TempDir(), "journal.db"), true)
		defer b.stop()
		b.AddDeadLetter(newLetter(0))
		synctest.Wait()
		id := b.ListDeadLetters()[0].ID
		if err := b.DropDeadLetter(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{b.DropDeadLetter(t.Context(), id), b.MarkRetried(t.Context(), id)} {
			if errs.KindOf(err) != errs.Missing {
				t.Errorf("got %v, want missing", err)
			}
		}
	})
}

func TestBuryNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "journal.db"), NoBallast: true, Pace: -1}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		b := jobs.New(j, event.NewClock(1), slog.New(slog.DiscardHandler), nil)
		for n := range 1000 { // Serve does not run
			b.AddDeadLetter(newLetter(n))
		}
	})
}

func TestADecisionFailsInTimeWhenTheDiskIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBox(t, filepath.Join(t.TempDir(), "journal.db"), true)
		b.AddDeadLetter(newLetter(0))
		synctest.Wait()
		id := b.ListDeadLetters()[0].ID
		b.stop()
		if err := b.DropDeadLetter(t.Context(), id); errs.KindOf(err) != errs.Down {
			t.Errorf("got %v, want down", err)
		}
	})
}

func TestAnOversizedOrBrokenPayloadIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBox(t, filepath.Join(t.TempDir(), "journal.db"), true)
		defer b.stop()
		broken, huge := newLetter(0), newLetter(1)
		broken.Data = json.RawMessage(`{"text":`)
		huge.Data = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		huge.Stack = strings.Repeat("ü", 1<<20)
		b.AddDeadLetter(broken)
		b.AddDeadLetter(huge)
		synctest.Wait()
		for _, l := range b.ListDeadLetters() {
			if l.Data != nil && string(l.Data) != "null" || len(l.Stack) > 16<<10 {
				t.Errorf("%s: data of %d bytes, stack of %d bytes", l.Cmd, len(l.Data), len(l.Stack))
			}
		}
		if len(b.ListDeadLetters()) != 2 {
			t.Errorf("%d letters, want 2", len(b.ListDeadLetters()))
		}
	})
}

func TestLettersLeaveTheBoxAndJobsDoNot(t *testing.T) {
	for _, d := range jobs.Events() {
		if d.Cloud != strings.HasPrefix(string(d.Kind), "letter.") {
			t.Errorf("%s: %v", d.Kind, d.Cloud)
		}
	}
}
