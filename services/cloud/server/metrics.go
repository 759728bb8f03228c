package server

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	batches  *prometheus.CounterVec
	facts    *prometheus.CounterVec
	bytes    prometheus.Counter
	refusals *prometheus.CounterVec
	storing  prometheus.Histogram
	requests *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_batches_total", Help: "Batches of facts by how they ended.",
		}, []string{"result"}),
		facts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_facts_total", Help: "Facts that boxes brought, by what became of them.",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_cloud_received_bytes_total", Help: "Bytes of batches, compressed.",
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_refusals_total", Help: "Requests of boxes that were refused: revoked, strangers, of another school, with a bad code.",
		}, []string{"code"}),
		storing: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livelearn_cloud_storing_seconds", Help: "Time to store a batch.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2, 5, 15, 60},
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_cloud_requests_total", Help: "Requests by the class of their answer.",
		}, []string{"status"}),
	}
	if reg != nil {
		reg.MustRegister(m.batches, m.facts, m.bytes, m.refusals, m.storing, m.requests)
	}
	return m
}
