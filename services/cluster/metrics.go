package cluster

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	holes   prometheus.Counter
	refused prometheus.Counter
	guests  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		holes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "livelearn_cluster_holes_total", Help: "Gaps in what rooms of other boxes said."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "livelearn_cluster_refused_total", Help: "Messages of other boxes that could not be read."}),
		guests:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "livelearn_cluster_guests", Help: "People of other boxes in rooms of this one."}),
	}
	reg.MustRegister(m.holes, m.refused, m.guests)
	return m
}
