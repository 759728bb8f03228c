package journal

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	commits  prometheus.Counter
	facts    prometheus.Counter
	bytes    prometheus.Counter
	refused  *prometheus.CounterVec
	seconds  prometheus.Histogram
	queue    prometheus.Gauge
	full     prometheus.Gauge
	position prometheus.Gauge
}

// newMetrics registers the journal's metrics. A nil registerer keeps them to itself.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		commits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_journal_commits_total", Help: "Commits to disk.",
		}),
		facts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_journal_facts_total", Help: "Facts made durable.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_journal_fact_bytes_total", Help: "Bytes of the facts made durable, pages not counted.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_journal_refused_total", Help: "Batches, snapshots and raises refused, by the kind of error.",
		}, []string{"kind"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livelearn_journal_commit_seconds", Help: "How long a commit takes, both syncs included.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5},
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_journal_queue_bytes", Help: "Bytes of facts that wait for the committer.",
		}),
		full: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_journal_disk_full", Help: "1 while only vital facts are taken.",
		}),
		position: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_journal_position_facts", Help: "Facts on the box, which is the last position.",
		}),
	}
	m.commits, m.facts, m.bytes = registerCollector(reg, m.commits), registerCollector(reg, m.facts), registerCollector(reg, m.bytes)
	m.refused, m.seconds = registerCollector(reg, m.refused), registerCollector(reg, m.seconds)
	m.queue, m.full, m.position = registerCollector(reg, m.queue), registerCollector(reg, m.full), registerCollector(reg, m.position)
	return m
}

// registerCollector adds c, or returns the collector that an earlier Open of this process
// added.
func registerCollector[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return already.ExistingCollector.(C)
	}
	return c
}
