package health

import "github.com/prometheus/client_golang/prometheus"

func newGauge() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "livelearn_health_level",
		Help: "How each part of the box is doing: 0 ok, 1 warn, 2 fail.",
	}, []string{"check"})
}
