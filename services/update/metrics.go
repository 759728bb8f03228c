package update

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	bytes   prometheus.Counter
	reused  prometheus.Counter
	results *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_update_written_bytes_total", Help: "Bytes written to the spare slot.",
		}),
		reused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "livelearn_update_reused_bytes_total", Help: "Bytes of bundles that were not fetched since the box had them.",
		}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "livelearn_update_results_total", Help: "Updates by how they ended.",
		}, []string{"result"}),
	}
	if reg != nil {
		reg.MustRegister(m.bytes, m.reused, m.results)
	}
	return m
}

func (m *metrics) countResult(result string) { m.results.WithLabelValues(result).Inc() }
