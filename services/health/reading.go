package health

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// reading holds the figures of the metrics and the machine at one moment. Unknown figures are
// nil or absent.
type reading struct {
	answers         []histogramBucket
	memory, sockets *float64
	ticks           cpuTicks
	known           bool // ticks are
}

// histogramBucket is a bucket of a histogram: count answers took at most upperBound.
type histogramBucket struct {
	upperBound float64 // seconds
	count      uint64
}

// cpuTicks is the time of all processors since the machine started.
type cpuTicks struct{ busy, all uint64 }

// takeReading reads the metrics. A collector that fails leaves out only its own.
func (h *History) takeReading() (r reading) {
	families, _ := h.metrics.Gather()
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case AnswerSeconds:
				for _, b := range m.GetHistogram().GetBucket() {
					r.answers = append(r.answers, histogramBucket{b.GetUpperBound(), b.GetCumulativeCount()})
				}
				r.answers = append(r.answers, histogramBucket{math.Inf(1), m.GetHistogram().GetSampleCount()})
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

// sampleBetween is the row for the time from one reading to the next.
func sampleBetween(from, to reading, mono int64) sample {
	s := sample{mono: mono, memory: to.memory, sockets: to.sockets}
	if v, ok := quantileBetween(0.99, from.answers, to.answers); ok {
		s.p99 = new(1000 * v)
	}
	if all := to.ticks.all - from.ticks.all; from.known && to.known && to.ticks.all > from.ticks.all {
		busy := max(to.ticks.busy, from.ticks.busy) - from.ticks.busy // iowait may run backwards
		s.load = new(min(1, float64(busy)/float64(all)))
	}
	return s
}

// quantileBetween returns the quantile q of the counts between two readings, with a straight
// line within its bucket. False: the count is zero.
func quantileBetween(q float64, from, to []histogramBucket) (float64, bool) {
	if len(from) == 0 {
		from = make([]histogramBucket, len(to))
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
			return low + (to[i].upperBound-low)*(rank-under)/max(count-under, 1), true
		}
		low, under = to[i].upperBound, count
	}
	return low, true // beyond the last bucket: at least its bound
}

// readMachineTicks reads the first line of /proc/stat: the time of all processors by activity,
// in proc_stat(5)'s order. The guests' time is already part of their hosts' time.
func readMachineTicks() (cpuTicks, bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTicks{}, false
	}
	return parseStat(data)
}

func parseStat(data []byte) (t cpuTicks, ok bool) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 6 || string(fields[0]) != "cpu" {
		return cpuTicks{}, false
	}
	const idle, iowait, steal = 4, 5, 8
	for i, f := range fields[1:min(len(fields), steal+1)] {
		n, err := strconv.ParseUint(string(f), 10, 62)
		if err != nil {
			return cpuTicks{}, false
		}
		t.all += n
		if i+1 != idle && i+1 != iowait {
			t.busy += n
		}
	}
	return t, true
}
