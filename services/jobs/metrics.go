package jobs

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	buried, lost prometheus.Counter
	waiting      prometheus.Gauge
	took         *prometheus.HistogramVec // by kind
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		buried: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_jobs_dead_letters_total", Help: "Dead letters since the start.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_jobs_dead_letters_dropped_total", Help: "Dead letters that were lost because too many came at once.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_jobs_dead_letters_waiting", Help: "Dead letters that wait for a decision.",
		}),
	}
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "livelearn_jobs_try_seconds", Help: "How long tries of jobs took.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
	}, []string{"kind"})
	if reg != nil {
		reg.MustRegister(m.buried, m.lost, m.waiting, m.took)
	}
	return m
}
