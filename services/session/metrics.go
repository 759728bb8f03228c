package session

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	limited, dropped, slow prometheus.Counter
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
	return metrics{
		limited: counter("livelearn_session_limited_total", "Messages refused for their rate."),
		dropped: counter("livelearn_session_dropped_total", "Volatile frames that slow readers missed."),
		slow:    counter("livelearn_session_slow_total", "Sockets closed because the reader was too slow."),
	}
}
