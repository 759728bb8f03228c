package gateway

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	requests    *prometheus.CounterVec
	duration    prometheus.Histogram
	refused     *prometheus.CounterVec
	guesses     *prometheus.CounterVec
	connections prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_gateway_requests_total", Help: "Requests by route and class of status.",
		}, []string{"route", "status"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livelearn_gateway_request_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_gateway_refused_total", Help: "Requests that the checks at the door refused.",
		}, []string{"check"}),
		guesses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_gateway_guesses_refused_total", Help: "Tries of a code or PIN that were refused because there were too many.",
		}, []string{"kind"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "livelearn_gateway_connections", Help: "Open connections, lesson sockets not counted.",
		}),
	}
	reg.MustRegister(m.requests, m.duration, m.refused, m.guesses, m.connections)
	return m
}
