package health

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/event"
)

// watchedHistory is a history of metrics that a test sets.
type watchedHistory struct {
	*History
	answers prometheus.Histogram
	sockets prometheus.Gauge
	clock   *event.Clock

	mu    sync.Mutex // guards the fields below
	ticks cpuTicks
	known bool
}

// runs sets the figures of the machine from now on.
func (w *watchedHistory) runs(t cpuTicks, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticks, w.known = t, known
}

func newWatched(t *testing.T) *watchedHistory {
	t.Helper()
	reg, clock := prometheus.NewRegistry(), event.NewClock(1)
	w := &watchedHistory{
		History: NewHistory(clock, reg), clock: clock, known: true,
		answers: prometheus.NewHistogram(prometheus.HistogramOpts{Name: AnswerSeconds, Buckets: prometheus.ExponentialBuckets(0.0005, 1.5, 26)}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{Name: OpenSockets}),
	}
	memory := prometheus.NewGauge(prometheus.GaugeOpts{Name: ResidentMemory})
	memory.Set(64 << 20)
	reg.MustRegister(w.answers, w.sockets, memory)
	w.stat = func() (cpuTicks, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.ticks, w.known
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = w.Serve(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	synctest.Wait()
	return w
}

// pass waits for n samples.
func (w *watchedHistory) pass(n int) { time.Sleep(time.Duration(n) * Period); synctest.Wait() }

func checkNear(t *testing.T, what string, got *float64, want, within float64) {
	t.Helper()
	if got == nil {
		t.Errorf("%s is not known, want %v", what, want)
	} else if math.Abs(*got-want) > within {
		t.Errorf("%s: %v, want %v", what, *got, want)
	}
}

func TestASampleIsOfItsTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		for range 980 {
			w.answers.Observe(0.002)
		}
		for range 20 {
			w.answers.Observe(0.3)
		}
		w.sockets.Set(31)
		w.runs(cpuTicks{busy: 500, all: 2000}, true)
		w.pass(1)
		w.answers.Observe(0.01)
		w.runs(cpuTicks{busy: 500, all: 4000}, true)
		w.pass(1)
		w.runs(cpuTicks{}, false)
		w.pass(1)
		s := w.History.LastHour()
		if len(s.At) != 3 || s.At[2]-s.At[0] != 20_000 || s.At[2] != time.Now().UnixMilli() {
			t.Fatalf("at %v", s.At)
		}
		checkNear(t, "p99 with a slow fiftieth", s.ChatP99[0], 300, 75)
		checkNear(t, "p99 of one", s.ChatP99[1], 10, 3)
		if s.ChatP99[2] != nil || s.Load[2] != nil {
			t.Errorf("nothing is known, and told %v %v", s.ChatP99[2], s.Load[2])
		}
		checkNear(t, "load", s.Load[0], 0.25, 0)
		checkNear(t, "idle", s.Load[1], 0, 0)
		checkNear(t, "memory", s.Memory[0], 64, 0)
		checkNear(t, "sockets", s.Sockets[2], 31, 0)
	})
}

func TestTheLastHourIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		for i := range maxSamples + 17 {
			w.sockets.Set(float64(i))
			w.pass(1)
		}
		s := w.History.LastHour()
		if len(s.At) != 360 || len(s.ChatP99) != 360 || len(s.Load) != 360 || len(s.Memory) != 360 || len(s.Sockets) != 360 {
			t.Fatalf("%d rows", len(s.At))
		}
		for i, v := range s.Sockets {
			if *v != float64(17+i) || i > 0 && s.At[i]-s.At[i-1] != 10_000 {
				t.Fatalf("row %d is %v at %d", i, *v, s.At[i])
			}
		}
	})
}

func TestAClockThatIsSetMovesTheWholeHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.pass(2)
		if err := w.clock.SetTime(event.Earliest); err != nil {
			t.Fatal(err)
		}
		w.pass(1)
		if diff := cmp.Diff(w.History.LastHour().At, []int64{event.Earliest - 10_000, event.Earliest, event.Earliest + 10_000}); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEmptyHistoryHasLists(t *testing.T) {
	data, err := json.Marshal(NewHistory(event.NewClock(1), prometheus.NewRegistry()).LastHour())
	if want := `{"at":[],"chat_p99_ms":[],"load":[],"memory_mb":[],"sockets":[]}`; err != nil || string(data) != want {
		t.Errorf("%s %v", data, err)
	}
}

func TestUnknownIsNull(t *testing.T) {
	h := NewHistory(event.NewClock(1), prometheus.NewRegistry())
	h.addSample(sampleBetween(reading{}, reading{}, 0))
	data, err := json.Marshal(h.LastHour().ChatP99)
	if err != nil || string(data) != `[null]` {
		t.Errorf("%s %v", data, err)
	}
}

func TestThisMachineTellsItsLoad(t *testing.T) {
	got, ok := readMachineTicks()
	if !ok || got.all == 0 || got.busy > got.all {
		t.Errorf("%+v %v", got, ok)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("cpu  10 2 3 100 5 0 1 4 9 9\ncpu0 1 2 3"))
	f.Add([]byte("cpu  10 2 3 100 5"))
	f.Add([]byte("cpu 1 2 3 4 x"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, ok := parseStat(data); ok && got.busy > got.all {
			t.Errorf("%q: %+v", data, got)
		}
	})
}

func TestGuestsCountOnce(t *testing.T) {
	got, ok := parseStat([]byte("cpu  10 2 3 100 5 0 1 4 9 9\ncpu0 1 2 3"))
	if want := (cpuTicks{busy: 20, all: 125}); !ok || got != want {
		t.Errorf("%+v %v, want %+v", got, ok, want)
	}
}
