package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/event"
)

const (
	benchRooms   = 334 // 10,000 people in rooms of 30
	benchPayload = 160 // bytes, a chat line
)

// BenchmarkAppend keeps as many facts under way as there are writers. Besides facts/s it
// reports the bytes a fact costs (io: handed to the kernel, disk: written by the kernel), the
// wait of one fact, and the ratio to the raw rate of one write and fdatasync after another,
// measured in the same run.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchAppend(b, writers) })
	}
}

func benchAppend(b *testing.B, writers int) {
	raw := rawSyncs(b)
	box := openBox(b, Config{Path: filepath.Join(b.TempDir(), "facts.db")})
	rooms := make([]string, min(writers, benchRooms))
	for i := range rooms {
		rooms[i] = fmt.Sprintf("room:c_%08d", i)
		box.raise(rooms[i])
	}
	payload := json.RawMessage(`"` + strings.Repeat("x", benchPayload-2) + `"`)
	slots := make(chan struct{}, writers)
	var waits []time.Duration // the committer's goroutine writes, read after the last
	commits, io, disk := readCounter(b, box.met.commits), procIO(b, "wchar"), procIO(b, "write_bytes")
	n := 0
	for b.Loop() {
		slots <- struct{}{}
		stream := rooms[n%len(rooms)]
		box.seq[stream]++
		e := testFact(stream, box.epoch[stream], box.seq[stream])
		e.Data = payload
		start := time.Now()
		box.Append(Batch{Stream: stream, Epoch: e.Epoch, Facts: []event.Event{e}}, func(err error) {
			if err != nil {
				b.Error(err)
			}
			waits = append(waits, time.Since(start))
			<-slots
		})
		n++
	}
	for range writers {
		slots <- struct{}{}
	}
	rate := float64(n) / b.Elapsed().Seconds()
	slices.Sort(waits)
	b.ReportMetric(rate, "facts/s")
	b.ReportMetric(rate/raw, "x-raw-sync")
	b.ReportMetric((procIO(b, "wchar")-io)/float64(n), "io-B/fact")
	b.ReportMetric((procIO(b, "write_bytes")-disk)/float64(n), "disk-B/fact")
	b.ReportMetric(float64(n)/(readCounter(b, box.met.commits)-commits), "facts/commit")
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-us")
}

// BenchmarkAppendCopies compares copies with own facts in one run: batches of as many facts, in as
// many streams, one after another, so that the disk has the same to do.
func BenchmarkAppendCopies(b *testing.B) {
	for _, size := range []int{1, 30} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchCopies(b, size) })
	}
}

func benchCopies(b *testing.B, size int) {
	const streams = 100
	owner := openBox(b, Config{Path: filepath.Join(b.TempDir(), "facts.db")})
	standby := openBox(b, Config{Path: filepath.Join(b.TempDir(), "facts.db")})
	var spent [2]time.Duration
	batches := make([]Batch, streams)
	for i := range batches {
		batches[i].Stream = fmt.Sprintf("room:c_%08d", i)
		batches[i].Epoch = owner.raise(batches[i].Stream).Epoch
	}
	for b.Loop() {
		for i := range batches {
			stream := batches[i].Stream
			batches[i].Facts = nil
			for range size {
				owner.seq[stream]++
				batches[i].Facts = append(batches[i].Facts, testFact(stream, batches[i].Epoch, owner.seq[stream]))
			}
		}
		for i, hand := range []func(Batch, func(error)){owner.Append, standby.AppendCopies} {
			start := time.Now()
			results := make(chan error, streams)
			for _, batch := range batches {
				hand(batch, func(err error) { results <- err })
			}
			for range batches {
				if err := <-results; err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += time.Since(start)
		}
	}
	facts := float64(b.N * streams * size)
	b.ReportMetric(facts/spent[0].Seconds(), "own/s")
	b.ReportMetric(facts/spent[1].Seconds(), "copies/s")
	b.ReportMetric(spent[1].Seconds()/spent[0].Seconds(), "copy-over-append")
	b.ReportMetric(0, "ns/op")
}

// rawSyncs is the floor: how often a second one fact can be appended to a plain file
// and synced.
func rawSyncs(b *testing.B) float64 {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	data := make([]byte, benchPayload)
	start := time.Now()
	n := 0
	for ; time.Since(start) < 300*time.Millisecond; n++ {
		if _, err := f.Write(data); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// readCounter reads a counter.
func readCounter(b *testing.B, c prometheus.Counter) float64 {
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		b.Fatal(err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// procIO reads a counter of /proc/self/io.
func procIO(b *testing.B, name string) float64 {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var n float64
		if rest, ok := strings.CutPrefix(line, name+": "); ok {
			if _, err := fmt.Sscan(rest, &n); err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("/proc/self/io has no %s", name)
	return 0
}

// BenchmarkReplay reads a lesson back by the index. This is the cost of a room's start.
func BenchmarkReplay(b *testing.B) {
	const facts = 1350
	box := openBox(b, Config{Path: filepath.Join(b.TempDir(), "facts.db"), checkpointFacts: 500})
	box.raise("room:a")
	box.append("room:a", facts)
	for b.Loop() {
		n := 0
		for _, err := range box.Replay("room:a", 0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != facts {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*facts), "ns/fact")
}

// fill appends facts of many rooms in batches of 100, and returns when they are durable.
func (b *journalRig) fill(facts int) {
	const each = 100
	payload := json.RawMessage(`"` + strings.Repeat("x", benchPayload-2) + `"`)
	waiting := make(chan struct{}, 1000)
	for i := range facts / each {
		stream := fmt.Sprintf("room:c_%08d", i%benchRooms)
		if i < benchRooms {
			b.raise(stream)
		}
		batch := Batch{Stream: stream, Epoch: b.epoch[stream]}
		for range each {
			b.seq[stream]++
			e := testFact(stream, batch.Epoch, b.seq[stream])
			e.Data = payload
			batch.Facts = append(batch.Facts, e)
		}
		waiting <- struct{}{}
		b.Append(batch, func(err error) {
			if err != nil {
				b.t.Error(err)
			}
			<-waiting
		})
	}
	for range cap(waiting) {
		waiting <- struct{}{}
	}
}

// BenchmarkScan reads facts of many rooms in the order of the box, as the cloud's uplink does
// with a backlog.
func BenchmarkScan(b *testing.B) {
	const facts = 100_000
	box := openBox(b, Config{Path: filepath.Join(b.TempDir(), "facts.db")})
	box.fill(facts)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range box.Scan(0, facts) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != facts {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N*facts)/b.Elapsed().Seconds(), "facts/s")
}
