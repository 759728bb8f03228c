package firmware

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/services/call"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/whip"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/supervise"
)

// buildMedia makes what carries pictures and sound, unless this box has none.
func (b *Box) buildMedia() {
	if b.cfg.Media.Off || b.parts.Sealed {
		return
	}
	b.nodes = media.NewSwitch(b.log("media"), b.cfg.Media.nodeNames()...)
	b.processes = b.media()
	b.exchange = newExchange(b.nodes, func(ctx context.Context, id string, m room.Message) (room.Reply, error) {
		return b.rooms.Call(ctx, id, m)
	}, b.recordDir, b.log("media"))
	b.registry.MustRegister(mediaMetrics{b.nodes})
}

// recordDir is where the lesson that is open in a room is recorded.
func (b *Box) recordDir(room string) (string, error) {
	l, err := b.roster.LessonIn(room)
	return filepath.Join(b.folder.Path, recordsDir, l.ID), err
}

// callExchange, whipNode and mediaAdmin are how the rooms and the door reach the nodes; nil
// when there are none.
func (b *Box) callExchange() call.Exchange {
	if b.exchange == nil {
		return nil
	}
	return b.exchange
}

func (b *Box) whipNode() whip.Node {
	if b.nodes == nil {
		return nil
	}
	return b.nodes
}

func (b *Box) mediaAdmin() gateway.Media {
	if b.nodes == nil {
		return nil
	}
	return rolling{b}
}

// mediaStates are the nodes; none when this box carries no media.
func (b *Box) mediaStates() []media.NodeState {
	if b.nodes == nil {
		return []media.NodeState{}
	}
	return b.nodes.States()
}

// mediaChildren are the exchange, the processes, and who looks after them.
func (b *Box) mediaChildren() []supervise.Child {
	if b.nodes == nil {
		return nil
	}
	return []supervise.Child{
		within(5*time.Second, supervise.Run("exchange", b.exchange)),
		supervise.Run("media", b.processes),
		within(time.Second, supervise.Run("media watch", &mediaWatch{nodes: b.nodes, want: len(b.cfg.Media.nodeNames()), health: b.health})),
	}
}

// rolling empties a node and starts its process anew.
type rolling struct{ box *Box }

// States implements gateway.Media.
func (r rolling) States() []media.NodeState { return r.box.nodes.States() }

// Drain implements gateway.Media. It returns when the new process starts.
func (r rolling) Drain(ctx context.Context, name string) error {
	if err := r.box.nodes.Drain(ctx, name); err != nil {
		return err
	}
	return r.box.processes.Restart(name)
}

// mediaWatch says how the nodes are doing.
type mediaWatch struct {
	nodes  *media.Switch
	want   int // nodes
	health *health.Health
}

const (
	mediaLook  = time.Second
	mediaGrace = 10 * time.Second // a node that starts anew is nothing to look at
)

// String is the service's name.
func (w *mediaWatch) String() string { return "media watch" }

// Serve looks each second until ctx ends. What is wrong counts when it lasts.
func (w *mediaWatch) Serve(ctx context.Context) error {
	tick := time.NewTicker(mediaLook)
	defer tick.Stop()
	well := time.Now()
	for {
		level, code, text := w.look()
		if level == health.OK {
			well = time.Now()
		}
		if level == health.OK || time.Since(well) >= mediaGrace {
			w.health.Set("media", level, code, text)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *mediaWatch) look() (level health.Level, code, text string) {
	up, charge := 0, false
	for _, s := range w.nodes.States() {
		if s.Standing == media.InCharge || s.Standing == media.Standby || s.Standing == media.Draining {
			up++
		}
		charge = charge || s.Standing == media.InCharge
	}
	switch {
	case !charge:
		return health.Fail, "no_node", "no pictures and no sound: no media process is up; the log says why"
	case up < w.want:
		return health.Warn, "standby_only", "one media process carries all and none stands by; the log says why"
	}
	return health.OK, "", ""
}

// mediaMetrics is what the nodes said last.
type mediaMetrics struct{ nodes *media.Switch }

var mediaGauges = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(media.NodeState) float64
}{
	{mediaDesc("up", "1: the node can be asked."), prometheus.GaugeValue, func(s media.NodeState) float64 { return is(s.Standing != media.Away) }},
	{mediaDesc("in_charge", "1: sessions go to this node."), prometheus.GaugeValue, func(s media.NodeState) float64 { return is(s.Standing == media.InCharge) }},
	{mediaDesc("restarts_total", "How often the node came back."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Restarts) }},
	{mediaDesc("pong_seconds", "Since the node answered last; negative: never."), prometheus.GaugeValue, func(s media.NodeState) float64 { return s.Pong.Seconds() }},
	{mediaDesc("publishers", "Sessions that send."), prometheus.GaugeValue, func(s media.NodeState) float64 { return float64(s.Load.Publishers) }},
	{mediaDesc("watchers", "Sessions that receive."), prometheus.GaugeValue, func(s media.NodeState) float64 { return float64(s.Load.Watchers) }},
	{mediaDesc("capacity", "Watchers that the node admits; 0: no limit."), prometheus.GaugeValue, func(s media.NodeState) float64 { return float64(s.Load.Capacity) }},
	{mediaDesc("cpu_ratio", "Share of all cores that the node used in the last second."), prometheus.GaugeValue, func(s media.NodeState) float64 { return s.Load.CPU }},
	{mediaDesc("packets_in_total", "Packets received since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.PacketsIn) }},
	{mediaDesc("packets_out_total", "Packets sent since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.PacketsOut) }},
	{mediaDesc("packets_dropped_total", "Packets given up since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.Dropped) }},
	{mediaDesc("retransmits_total", "Packets sent again since the node started."), prometheus.CounterValue, func(s media.NodeState) float64 { return float64(s.Load.Retransmits) }},
}

func mediaDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("livelearn_media_"+name, help, []string{"node"}, nil)
}

func is(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (m mediaMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range mediaGauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (m mediaMetrics) Collect(out chan<- prometheus.Metric) {
	for _, s := range m.nodes.States() {
		for _, g := range mediaGauges {
			out <- prometheus.MustNewConstMetric(g.desc, g.kind, g.value(s), s.Name)
		}
	}
}
