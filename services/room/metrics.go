package room

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	messages *prometheus.CounterVec
	facts    prometheus.Counter
	starts   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_room_messages_total", Help: "Commands by what came of them: handled, refused.",
		}, []string{"result"}),
		facts:  prometheus.NewCounter(prometheus.CounterOpts{Name: "livelearn_room_facts_total", Help: "Facts sent to members."}),
		starts: prometheus.NewCounter(prometheus.CounterOpts{Name: "livelearn_room_starts_total", Help: "Rooms built from their log."}),
	}
	reg.MustRegister(m.messages, m.facts, m.starts)
	return m
}
