package logbook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir, boot string, o Options) *Book {
	t.Helper()
	b, err := Open(dir, boot, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func say(t testing.TB, b *Book, line string) {
	t.Helper()
	if n, err := b.Write([]byte(line + "\n")); err != nil || n != len(line)+1 {
		t.Fatal(n, err)
	}
}

func TestLinesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "one", Options{})
	say(t, b, "first")
	say(t, b, "second")
	if got := b.Tail(5); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("before it is written: %q", got)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, "two", Options{})
	say(t, b, "third")
	if got := b.Tail(5); !slices.Equal(got, []string{"third"}) {
		t.Errorf("this start: %q", got)
	}
	if got := b.PreviousBoot(1); !slices.Equal(got, []string{"second"}) {
		t.Errorf("the start before: %q", got)
	}
}

func TestErrorsDoNotWait(t *testing.T) {
	for line, waits := range map[string]bool{
		`{"level":"INFO","msg":"x"}`: true, `{"level":"ERROR","msg":"x"}`: false, "panic: runtime error": false, "fatal error: out of memory": false,
	} {
		dir := t.TempDir()
		b := open(t, dir, "one", Options{})
		say(t, b, line) // and the power goes
		after := open(t, dir, "two", Options{})
		if got := len(after.PreviousBoot(9)) == 0; got != waits {
			t.Errorf("%s: lost %v, want %v", line, got, waits)
		}
	}
}

func TestTheBudgetHolds(t *testing.T) {
	dir := t.TempDir()
	o := Options{Files: 3, Size: 1000, Batch: 100, Every: time.Minute}
	b := open(t, dir, "one", o)
	for i := range 500 {
		say(t, b, fmt.Sprint("line ", i))
	}
	total := int64(0)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if len(files) != 3 || total > 3*1100 {
		t.Errorf("%d files of %d bytes", len(files), total)
	}
	if got := b.Tail(2); !slices.Equal(got, []string{"line 498", "line 499"}) {
		t.Errorf("got %q", got)
	}
}

func TestATornLineIsNoFault(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "one", Options{})
	say(t, b, "whole")
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "00000001.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("torn\x00\x00\xff")
	_ = f.Close()
	b = open(t, dir, "two", Options{})
	say(t, b, "next")
	if got := b.Tail(9); !slices.Equal(got, []string{"next"}) {
		t.Errorf("got %q", got)
	}
	if got := b.PreviousBoot(9); len(got) != 2 || got[0] != "whole" {
		t.Errorf("got %q", got)
	}
}

func TestAFullDiskStopsNobody(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "one", Options{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	say(t, b, `{"level":"ERROR"}`)
	if err := b.Flush(); err != nil {
		t.Errorf("nothing waits: %v", err)
	}
	say(t, b, "x")
	if err := b.Flush(); err == nil || b.lost == 0 {
		t.Error("the loss was not counted")
	}
}

func TestLinesAreWrittenTogether(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, dir, "one", Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Serve(ctx) }()
		say(t, b, "waits")
		time.Sleep(59 * time.Second)
		if b.Written() != 0 {
			t.Error("it did not wait")
		}
		time.Sleep(2 * time.Second)
		if b.Written() == 0 {
			t.Error("it waits too long")
		}
		say(t, b, "last")
		cancel()
		if err := <-done; err != nil || !slices.Equal(b.Tail(1), []string{"last"}) {
			t.Error(err)
		}
	})
	if data, err := os.ReadFile(filepath.Join(dir, "00000001.log")); err != nil || !strings.HasSuffix(string(data), "last\n") {
		t.Errorf("%q %v", data, err)
	}
}

func FuzzStarts(f *testing.F) {
	f.Add([]byte("--- start one\nx\n--- start two\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(starts(b)) == 0 {
			t.Error("no start at all")
		}
	})
}

// BenchmarkLesson is what a lesson of 45 minutes writes: 40 lines of information, as one
// logs, over the time, and each batch counted in whole blocks of 4 KiB twice, for the file
// and the file system's journal.
func BenchmarkLesson(b *testing.B) {
	line := `{"time":"2026-11-23T21:06:18.746926672Z","level":"INFO","msg":"the lesson has begun","pkg":"room","room":"c_x6b7ptaq2zq5o","seq":12}`
	bytes, blocks := int64(0), int64(0)
	for b.Loop() {
		book := open(b, b.TempDir(), "one", Options{})
		bytes, blocks = 0, 0
		for minute := range 45 {
			for range 40*(minute+1)/45 - 40*minute/45 {
				say(b, book, line)
			}
			before := book.Written()
			if err := book.Flush(); err != nil {
				b.Fatal(err)
			}
			if n := book.Written() - before; n > 0 {
				bytes += n
				blocks += 2 * (n/4096 + 1)
			}
		}
	}
	b.ReportMetric(float64(bytes), "B/lesson")
	b.ReportMetric(float64(blocks*4096), "B-on-card/lesson")
}
