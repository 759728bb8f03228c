package cloud

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	facts   *prometheus.CounterVec // by result
	waiting prometheus.Gauge
	seconds prometheus.Histogram
	faults  *prometheus.CounterVec // by kind
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		facts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_facts_total", Help: "Facts that left the box, by what became of them: stored, known, dead.",
		}, []string{"result"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_cloud_facts_waiting", Help: "Facts that have not reached the cloud.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livelearn_cloud_batch_seconds", Help: "How long batches took.", Buckets: prometheus.ExponentialBuckets(0.01, 3, 9),
		}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_errors_total", Help: "Exchanges with the cloud that failed, by kind of error.",
		}, []string{"kind"}),
	}
	if reg != nil {
		reg.MustRegister(m.facts, m.waiting, m.seconds, m.faults)
	}
	return m
}
