package journal

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkGrowth shows how the costs of the journal grow with its facts, in batches of 100 of 334 rooms: its opening,
// a fact that is appended alone, and the last 30 facts of a room, which one who comes back gets. They are
// times of the processor, because the time of the disk depends on what else it does.
func BenchmarkGrowth(b *testing.B) {
	for _, facts := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("facts=%d", facts), func(b *testing.B) {
			for range b.N {
				growJournal(b, facts)
			}
		})
	}
}

func growJournal(b *testing.B, facts int) {
	const turns = 200
	cfg := Config{Path: filepath.Join(b.TempDir(), "facts.db"), NoBallast: true, Pace: -1, Sealer: testSealer()}
	box := openBox(b, cfg)
	began := processorTime(b)
	box.fill(facts)
	perFact := (processorTime(b) - began) / time.Duration(facts)
	box.stop()

	began = processorTime(b)
	j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	opened := (processorTime(b) - began)
	box = wrapJournal(b, j)
	box.serve()

	stream := fmt.Sprintf("room:c_%08d", 7)
	last := box.raise(stream).Seq
	began = processorTime(b)
	for range turns {
		box.append(stream, 1)
	}
	appended := (processorTime(b) - began) / turns
	began = processorTime(b)
	for range turns {
		n := 0
		for _, err := range box.Replay(stream, last+turns-30) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 30 {
			b.Fatal(n)
		}
	}
	resumed := (processorTime(b) - began) / turns
	b.ReportMetric(float64(opened.Microseconds()), "us-open")
	b.ReportMetric(float64(perFact.Nanoseconds())/1e3, "us/fact")
	b.ReportMetric(float64(appended.Microseconds()), "us/append")
	b.ReportMetric(float64(resumed.Microseconds()), "us/resume")
	b.ReportMetric(0, "ns/op")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
