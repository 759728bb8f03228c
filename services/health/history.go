package health

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/event"
)

// The sampling of History.
const (
	Period     = 10 * time.Second
	maxSamples = int(time.Hour / Period)
)

// The metrics that History reads. Each is made by another part of the box.
const (
	AnswerSeconds  = "livelearn_session_answer_seconds" // a histogram
	OpenSockets    = "livelearn_session_sockets"
	ResidentMemory = "process_resident_memory_bytes"
)

// Samples is the last hour, oldest first. All lists have the same length. Null means unknown:
// no command came in these ten seconds, or the machine has no such figure.
type Samples struct {
	At      []int64    `json:"at" doc:"Milliseconds since 1970."`
	ChatP99 []*float64 `json:"chat_p99_ms" doc:"From a command's arrival until it was saved and acknowledged."`
	Load    []*float64 `json:"load" doc:"Of all processors of the machine, 0 to 1."`
	Memory  []*float64 `json:"memory_mb" doc:"That the program has in memory."`
	Sockets []*float64 `json:"sockets"`
}

// History keeps the last hour of how the box was doing, in memory. Serve samples. History may
// be called from any goroutine.
type History struct {
	clock   *event.Clock
	metrics prometheus.Gatherer
	stat    func() (cpuTicks, bool) // of the machine

	mu   sync.Mutex // guards ring and next
	ring []sample
	next int // index of the oldest once the ring is full
}

// sample is one row. Its time is monotonic: the clock may be set while it is kept.
type sample struct {
	mono                       int64
	p99, load, memory, sockets *float64
}

// NewHistory makes an empty history of metrics.
func NewHistory(clock *event.Clock, metrics prometheus.Gatherer) *History {
	return &History{clock: clock, metrics: metrics, stat: readMachineTicks}
}

// String is the service's name.
func (h *History) String() string { return "history" }

// Serve samples until ctx ends. Samples from before a crash stay.
func (h *History) Serve(ctx context.Context) error {
	tick := time.NewTicker(Period)
	defer tick.Stop()
	last := h.takeReading()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := h.takeReading()
		h.addSample(sampleBetween(last, now, h.clock.Now().Mono))
		last = now
	}
}

func (h *History) addSample(s sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) < maxSamples {
		h.ring = append(h.ring, s)
		return
	}
	h.ring[h.next] = s
	h.next = (h.next + 1) % maxSamples
}

// LastHour returns the samples of the last hour. The caller owns the lists.
func (h *History) LastHour() Samples {
	now := h.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	out := Samples{At: []int64{}, ChatP99: []*float64{}, Load: []*float64{}, Memory: []*float64{}, Sockets: []*float64{}}
	for i := range h.ring {
		s := h.ring[(h.next+i)%len(h.ring)]
		out.At = append(out.At, now.Wall-now.Mono+s.mono)
		out.ChatP99, out.Load = append(out.ChatP99, s.p99), append(out.Load, s.load)
		out.Memory, out.Sockets = append(out.Memory, s.memory), append(out.Sockets, s.sockets)
	}
	return out
}
