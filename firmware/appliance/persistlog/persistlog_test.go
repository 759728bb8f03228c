package persistlog

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
	"unicode/utf8"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openBook(t testing.TB, dir, boot string, o Options) *Log {
	t.Helper()
	b, err := Open(dir, boot, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeLine(t testing.TB, b *Log, line string) {
	t.Helper()
	if n, err := b.Write([]byte(line + "\n")); err != nil || n != len(line)+1 {
		t.Fatal(n, err)
	}
}

func TestLinesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	b := openBook(t, dir, "one", Options{})
	writeLine(t, b, "first")
	writeLine(t, b, "second")
	if got := b.LastLines(5); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("before it is written: %q", got)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	b = openBook(t, dir, "two", Options{})
	writeLine(t, b, "third")
	if got := b.LastLines(5); !slices.Equal(got, []string{"third"}) {
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
		b := openBook(t, dir, "one", Options{})
		writeLine(t, b, line) // then the power goes
		after := openBook(t, dir, "two", Options{})
		if got := len(after.PreviousBoot(9)) == 0; got != waits {
			t.Errorf("%s: lost %v, want %v", line, got, waits)
		}
	}
}

func TestTheBudgetHolds(t *testing.T) {
	dir := t.TempDir()
	o := Options{Files: 3, Size: 1000, Batch: 100, FlushEvery: time.Minute}
	b := openBook(t, dir, "one", o)
	for i := range 500 {
		writeLine(t, b, fmt.Sprint("line ", i))
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
	if got := b.LastLines(2); !slices.Equal(got, []string{"line 498", "line 499"}) {
		t.Errorf("got %q", got)
	}
}

func TestATornLineIsNoFault(t *testing.T) {
	dir := t.TempDir()
	b := openBook(t, dir, "one", Options{})
	writeLine(t, b, "whole")
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "00000001.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("torn\x00\x00\xff")
	_ = f.Close()
	b = openBook(t, dir, "two", Options{})
	writeLine(t, b, "next")
	if got := b.LastLines(9); !slices.Equal(got, []string{"next"}) {
		t.Errorf("got %q", got)
	}
	if got := b.PreviousBoot(9); len(got) != 2 || got[0] != "whole" {
		t.Errorf("got %q", got)
	}
}

func TestADiskThatTakesNothingStopsNobody(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	b := openBook(t, dir, "one", Options{Batch: 100})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		writeLine(t, b, fmt.Sprintf(`{"level":"ERROR","n":%d}`, i))
	}
	if err := b.Flush(); err == nil {
		t.Error("no error is reported")
	}
	s := b.State()
	if s.Lost == 0 || s.Written != 0 {
		t.Errorf("%+v", s)
	}
	if got := b.LastLines(1); !slices.Equal(got, []string{`{"level":"ERROR","n":19}`}) {
		t.Errorf("people see %q", got)
	}
	if err := os.Mkdir(dir, 0o700); err != nil { // the folder is writable again
		t.Fatal(err)
	}
	writeLine(t, b, "later")
	b.refillBudget()
	if err := b.Flush(); err != nil {
		t.Error(err)
	}
	text := strings.Join(b.LastLines(9), "\n")
	if want := fmt.Sprintf("--- %d bytes are missing", s.Lost); !strings.Contains(text, want) || !strings.Contains(text, "later") {
		t.Errorf("got %q, want %q in it", text, want)
	}
}

func TestOnAFullDiskTheOldestLinesGiveWay(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small disk must be mounted, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	b := openBook(t, dir, "one", Options{Files: 100, Size: 9 << 10, Batch: 1 << 10})
	line := strings.Repeat("x", 200)
	for i := range 1000 {
		writeLine(t, b, fmt.Sprint(i, line))
	}
	if err := b.Flush(); err != nil {
		t.Error(err)
	}
	got := b.LastLines(200)
	if s := b.State(); s.Lost != 0 || len(got) != 200 {
		t.Fatalf("%+v, %d lines are left", s, len(got))
	}
	for i, line := range got { // no gaps and no duplicates
		if want := fmt.Sprint(800+i, "x"); !strings.HasPrefix(line, want) {
			t.Fatalf("line %d begins with %.5s", 800+i, line)
		}
	}
}

func TestOneThatShoutsIsCutShort(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := openBook(t, dir, "one", Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Serve(ctx) }()
		line, hour := strings.Repeat("x", 127), 3600
		for range hour {
			for range 100 { // 46 MB
				writeLine(t, b, line)
			}
			time.Sleep(time.Second)
		}
		writeLine(t, b, `{"level":"ERROR","msg":"this matters"}`)
		if got := strings.Join(b.LastLines(1), ""); !strings.Contains(got, "this matters") {
			t.Errorf("got %q", got)
		}
		s := b.State()
		if limit := int64(1<<20 + 61*(64<<10)); s.Written > limit || s.LeftOut < 30<<20 {
			t.Errorf("%+v: at most %d bytes are allowed", s, limit)
		}
		if got := strings.Join(b.LastLines(5000), "\n"); !strings.Contains(got, "bytes are missing") {
			t.Error("the book does not say that something is missing")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestErrorsWithoutEndAreWrittenTogether(t *testing.T) {
	b := openBook(t, t.TempDir(), "one", Options{})
	for range 1000 {
		writeLine(t, b, `{"level":"ERROR","msg":"x"}`)
	}
	if s := b.State(); s.Flushes > 25 {
		t.Errorf("%+v: each flush costs a card", s)
	}
}

func TestBlocksAreCounted(t *testing.T) {
	b := openBook(t, t.TempDir(), "", Options{})
	b.waiting.Reset()
	for _, c := range []struct{ bytes, blocks int }{{100, 1}, {100, 2}, {4096, 4}, {3896, 5}, {4096, 6}} {
		writeLine(t, b, strings.Repeat("x", c.bytes-1))
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := b.State().Blocks; got != int64(c.blocks) {
			t.Errorf("after %d bytes: %d blocks, want %d", c.bytes, got, c.blocks)
		}
	}
}

func TestLinesAreWrittenTogether(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := openBook(t, dir, "one", Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Serve(ctx) }()
		writeLine(t, b, "waits")
		time.Sleep(59 * time.Second)
		if b.BytesWritten() != 0 {
			t.Error("it did not wait")
		}
		time.Sleep(2 * time.Second)
		if b.BytesWritten() == 0 {
			t.Error("it waits too long")
		}
		writeLine(t, b, "last")
		cancel()
		if err := <-done; err != nil || !slices.Equal(b.LastLines(1), []string{"last"}) {
			t.Error(err)
		}
	})
	if data, err := os.ReadFile(filepath.Join(dir, "00000001.log")); err != nil || !strings.HasSuffix(string(data), "last\n") {
		t.Errorf("%q %v", data, err)
	}
}

// FuzzRead opens a log after a power cut left any bytes in its files.
func FuzzRead(f *testing.F) {
	f.Add([]byte("--- start one\nx\n--- start two\n"), []byte("y"))
	f.Add([]byte("torn\x00\x00\xff"), []byte("\n\n--- start "))
	f.Add([]byte("\r\n--- start"), []byte{})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		dir := t.TempDir()
		for name, data := range map[string][]byte{"00000001.log": one, "00000002.log": two, "x.log": one, "-1.log": two} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b := openBook(t, dir, "now", Options{})
		writeLine(t, b, "hello")
		if got := b.LastLines(9); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("this start: %q", got)
		}
		for _, line := range b.PreviousBoot(1 << 20) {
			if line == "" || strings.Contains(line, "\n") || !utf8.ValidString(line) {
				t.Errorf("%q", line)
			}
		}
	})
}

// BenchmarkLesson measures the writes of a lesson of 45 minutes. It logs 40 lines over that
// time. Each batch counts in whole blocks of 4 KiB, twice: for the file and for the journal of
// the file system.
func BenchmarkLesson(b *testing.B) {
	line := `{"time":"2026-11-23T21:06:18.746926672Z","level":"INFO","msg":"the lesson has begun","pkg":"room","room":"c_x6b7ptaq2zq5o","seq":12}`
	bytes, blocks := int64(0), int64(0)
	for b.Loop() {
		book := openBook(b, b.TempDir(), "one", Options{})
		bytes, blocks = 0, 0
		for minute := range 45 {
			for range 40*(minute+1)/45 - 40*minute/45 {
				writeLine(b, book, line)
			}
			before := book.BytesWritten()
			if err := book.Flush(); err != nil {
				b.Fatal(err)
			}
			if n := book.BytesWritten() - before; n > 0 {
				bytes += n
				blocks += 2 * (n/4096 + 1)
			}
		}
	}
	b.ReportMetric(float64(bytes), "B/lesson")
	b.ReportMetric(float64(blocks*4096), "B-on-card/lesson")
}
