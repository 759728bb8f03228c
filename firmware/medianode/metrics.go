package medianode

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/media"
)

// nodeMetrics is what the nodes said last.
type nodeMetrics struct{ nodes *media.Failover }

var nodeGauges = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(media.NodeState) float64
}{
	{newDesc("up", "1: the node can be asked."), prometheus.GaugeValue, func(s media.NodeState) float64 { return boolGauge(s.Role != media.Away) }},
	{newDesc("active", "1: sessions go to this node."), prometheus.GaugeValue, func(s media.NodeState) float64 { return boolGauge(s.Role == media.Active) }},
	{newDesc("restarts_total", "How often the node came back."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Restarts) }},
	{newDesc("pong_seconds", "Since the node answered last; negative: never."), prometheus.GaugeValue, func(s media.NodeState) float64 { return s.Pong.Seconds() }},
	{newDesc("publishers", "Sessions that send."), prometheus.GaugeValue, func(s media.NodeState) float64 { return float64(s.Load.Publishers) }},
	{newDesc("watchers", "Sessions that receive."), prometheus.GaugeValue, func(s media.NodeState) float64 { return float64(s.Load.Watchers) }},
	{newDesc("capacity", "Watchers that the node admits; 0: no limit."), prometheus.GaugeValue, func(s media.NodeState) float64 { return float64(s.Load.Capacity) }},
	{newDesc("cpu_ratio", "Share of all cores that the node used in the last second."), prometheus.GaugeValue, func(s media.NodeState) float64 { return s.Load.CPU }},
	{newDesc("packets_in_total", "Packets received since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.PacketsIn) }},
	{newDesc("packets_out_total", "Packets sent since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.PacketsOut) }},
	{newDesc("packets_dropped_total", "Packets given up since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.Dropped) }},
	{newDesc("retransmits_total", "Packets sent again since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.Retransmits) }},
}

func newDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("livelearn_media_"+name, help, []string{"node"}, nil)
}

func boolGauge(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (m nodeMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range nodeGauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (m nodeMetrics) Collect(out chan<- prometheus.Metric) {
	for _, s := range m.nodes.States() {
		for _, g := range nodeGauges {
			out <- prometheus.MustNewConstMetric(g.desc, g.kind, g.value(s), s.Name)
		}
	}
}
