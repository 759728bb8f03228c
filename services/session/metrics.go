package session

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	limited, dropped, slow prometheus.Counter
	answer                 prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, h *Hub) metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "livelearn_session_sockets", Help: "Connected sockets.",
	}, func() float64 { return float64(h.Count()) }))
	answer := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "livelearn_session_answer_seconds", Help: "From a command's arrival until it was saved and acknowledged.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 1.5, 26), // to 12.6 s, each 1.5 times the one before
	})
	reg.MustRegister(answer)
	return metrics{
		answer:  answer,
		limited: counter("livelearn_session_limited_total", "Messages refused for their rate."),
		dropped: counter("livelearn_session_dropped_total", "Volatile frames that slow readers missed."),
		slow:    counter("livelearn_session_slow_total", "Sockets closed because the reader was too slow."),
	}
}
