package jobs

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	buried, lost prometheus.Counter
	waiting      prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		buried: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_jobs_letters_total", Help: "Dead letters since the start.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_jobs_letters_dropped_total", Help: "Dead letters that were lost because too many came at once.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_jobs_letters_waiting", Help: "Dead letters that wait for a decision.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.buried, m.lost, m.waiting)
	}
	return m
}
