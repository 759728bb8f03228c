package health

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// reading is what the metrics and the machine say at one moment. What they do not say is
// nil or absent.
type reading struct {
	answers         []step
	memory, sockets *float64
	ticks           ticks
	known           bool // ticks are
}

// step is a bucket of a histogram: so many answers took at most so long.
type step struct {
	most  float64 // seconds
	count uint64
}

// ticks is the time of all processors since the machine started.
type ticks struct{ busy, all uint64 }

// read asks the metrics. A collector that fails leaves out its own and no more.
func (h *History) read() (r reading) {
	families, _ := h.metrics.Gather()
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case AnswerSeconds:
				for _, b := range m.GetHistogram().GetBucket() {
					r.answers = append(r.answers, step{b.GetUpperBound(), b.GetCumulativeCount()})
				}
				r.answers = append(r.answers, step{math.Inf(1), m.GetHistogram().GetSampleCount()})
			case OpenSockets:
				r.sockets = new(m.GetGauge().GetValue())
			case ResidentMemory:
				r.memory = new(m.GetGauge().GetValue() / (1 << 20))
			}
		}
	}
	r.ticks, r.known = h.stat()
	return r
}

// between is the row of what happened from one reading to the next.
func between(from, to reading, mono int64) sample {
	s := sample{mono: mono, memory: to.memory, sockets: to.sockets}
	if v, ok := quantile(0.99, from.answers, to.answers); ok {
		s.p99 = new(1000 * v)
	}
	if all := to.ticks.all - from.ticks.all; from.known && to.known && to.ticks.all > from.ticks.all {
		busy := max(to.ticks.busy, from.ticks.busy) - from.ticks.busy // iowait may run backwards
		s.load = new(min(1, float64(busy)/float64(all)))
	}
	return s
}

// quantile is the value that the share q of what was counted between two readings does
// not pass, by a straight line within its bucket. False: nothing was counted.
func quantile(q float64, from, to []step) (float64, bool) {
	if len(from) == 0 {
		from = make([]step, len(to))
	}
	n := len(to)
	if n < 2 || len(from) != n || to[n-1].count <= from[n-1].count {
		return 0, false
	}
	rank := q * float64(to[n-1].count-from[n-1].count)
	low, under := 0.0, 0.0
	for i := range to[:n-1] {
		count := float64(to[i].count - from[i].count)
		if count >= rank {
			return low + (to[i].most-low)*(rank-under)/max(count-under, 1), true
		}
		low, under = to[i].most, count
	}
	return low, true // beyond the last bucket: at least so long
}

// machine reads the first line of /proc/stat: the time of all processors by what they
// did, in proc_stat(5)'s order. Guests' time is in that of their hosts already.
func machine() (ticks, bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}, false
	}
	return parseStat(data)
}

func parseStat(data []byte) (t ticks, ok bool) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 6 || string(fields[0]) != "cpu" {
		return ticks{}, false
	}
	const idle, iowait, steal = 4, 5, 8
	for i, f := range fields[1:min(len(fields), steal+1)] {
		n, err := strconv.ParseUint(string(f), 10, 62)
		if err != nil {
			return ticks{}, false
		}
		t.all += n
		if i+1 != idle && i+1 != iowait {
			t.busy += n
		}
	}
	return t, true
}
