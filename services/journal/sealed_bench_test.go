package journal

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/seal"
)

// BenchmarkSealing compares a sealed journal with a plain one in one run: the same rounds, one after
// the other. CPU is user and system time of the process, which a busy machine changes least. The
// budget is 1.15 for facts/s, p99 and the replay of a lesson.
func BenchmarkSealing(b *testing.B) {
	b.Run("append/writers=100", func(b *testing.B) { benchSealedAppend(b, 100) })
	b.Run("append/writers=2000", func(b *testing.B) { benchSealedAppend(b, 2000) }) // as fast as the box can
	b.Run("replay", benchSealedReplay)
}

// openPair opens a plain journal and a sealed one, paced as on a box.
func openPair(b *testing.B) [2]*journalRig {
	var pair [2]*journalRig
	for i, sealer := range []*seal.Sealer{nil, testSealer()} {
		cfg := Config{Path: filepath.Join(b.TempDir(), "facts.db"), NoBallast: true, Sealer: sealer}
		j, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			b.Fatal(err)
		}
		pair[i] = wrapJournal(b, j)
		pair[i].serve()
	}
	return pair
}

// cost is what one of the two journals took.
type cost struct {
	wall, cpu time.Duration
	waits     []time.Duration
}

func (c *cost) measure(do func()) {
	start, before := time.Now(), cpuTime()
	do()
	c.wall, c.cpu = c.wall+time.Since(start), c.cpu+cpuTime()-before
}

// cpuTime is the user and system time of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCosts reports the cost of a fact in both, and the ratio of sealed to plain.
func reportCosts(b *testing.B, facts int, costs [2]cost) {
	n := float64(facts)
	for i, name := range []string{"plain", "sealed"} {
		b.ReportMetric(n/costs[i].wall.Seconds(), name+"-facts/s")
		b.ReportMetric(float64(costs[i].cpu.Nanoseconds())/n, name+"-cpu-ns/fact")
	}
	b.ReportMetric(float64(costs[1].wall)/float64(costs[0].wall), "x-wall")
	b.ReportMetric(float64(costs[1].cpu)/float64(costs[0].cpu), "x-cpu")
	b.ReportMetric(0, "ns/op")
}

// benchSealedAppend has 100 rooms append 20 facts each in a round, so many at a time.
func benchSealedAppend(b *testing.B, writers int) {
	const rooms, each = 100, 20
	pair := openPair(b)
	payload := json.RawMessage(`"` + strings.Repeat("x", benchPayload-2) + `"`)
	for _, box := range pair {
		for i := range rooms {
			box.raise(fmt.Sprintf("room:c_%08d", i))
		}
	}
	var costs [2]cost
	for b.Loop() {
		for i, box := range pair {
			costs[i].measure(func() {
				costs[i].waits = append(costs[i].waits, appendRound(b, box, rooms, rooms*each, writers, payload)...)
			})
		}
	}
	reportCosts(b, b.N*rooms*each, costs)
	p99 := func(c cost) float64 {
		slices.Sort(c.waits)
		return float64(c.waits[len(c.waits)*99/100].Microseconds())
	}
	b.ReportMetric(p99(costs[0]), "plain-p99-us")
	b.ReportMetric(p99(costs[1]), "sealed-p99-us")
	b.ReportMetric(p99(costs[1])/p99(costs[0]), "x-p99")
}

// appendRound appends facts one by one, and waits for all of them. It returns the wait of each.
func appendRound(b *testing.B, box *journalRig, rooms, count, writers int, payload json.RawMessage) []time.Duration {
	waits := make([]time.Duration, 0, count) // the committer's goroutine writes, read after the last
	slots := make(chan struct{}, writers)
	for n := range count {
		slots <- struct{}{}
		stream := fmt.Sprintf("room:c_%08d", n%rooms)
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
	}
	for range writers {
		slots <- struct{}{}
	}
	return waits
}

// benchSealedReplay reads a lesson back, as a room does when it starts: facts and their payload.
func benchSealedReplay(b *testing.B) {
	const facts = 1350
	pair := openPair(b)
	for _, box := range pair {
		box.raise("room:a")
		for range facts {
			box.seq["room:a"]++
			e := testFact("room:a", box.epoch["room:a"], box.seq["room:a"])
			e.Data = json.RawMessage(`{"question":"q_1","choice":2,"ms":5120,"text":"` + strings.Repeat("x", 100) + `"}`)
			box.Append(Batch{Stream: "room:a", Epoch: e.Epoch, Facts: []event.Event{e}}, func(error) {})
		}
		box.raise("room:last") // when all of them are there
	}
	var costs [2]cost
	for b.Loop() {
		for i, box := range pair {
			costs[i].measure(func() { replayLesson(b, box, facts) })
		}
	}
	reportCosts(b, b.N*facts, costs)
}

func replayLesson(b *testing.B, box *journalRig, facts int) {
	n := 0
	for e, err := range box.Replay("room:a", 0) {
		var answer struct {
			Question, Text string
			Choice, MS     int
		}
		if err == nil {
			err = json.Unmarshal(e.Data, &answer)
		}
		if err != nil || answer.Choice != 2 {
			b.Fatal(err)
		}
		n++
	}
	if n != facts {
		b.Fatal(n)
	}
}
