package medianode

import (
	"context"
	"sync"
	"time"

	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/supervise"
)

// monitor reports the state of the nodes to health.
type monitor struct {
	nodes       *media.Failover
	wantedNodes int       // nodes
	pids        *sync.Map // of their processes, by name
	health      *health.Health
}

const (
	checkInterval = time.Second
	graceTime     = 10 * time.Second // a node that restarts is not a fault
)

// String is the service's name.
func (w *monitor) String() string { return "media watch" }

// Serve checks each second until ctx ends. A fault is reported once it lasts for graceTime.
func (w *monitor) Serve(ctx context.Context) error {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	well := time.Now()
	for {
		for _, s := range w.nodes.States() {
			w.rank(s)
		}
		level, code, text := w.checkNodes()
		if level == health.OK {
			well = time.Now()
		}
		if level == health.OK || time.Since(well) >= graceTime {
			w.health.SetCheck("media", level, code, text)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *monitor) checkNodes() (level health.Level, code, text string) {
	up, charge := 0, false
	for _, s := range w.nodes.States() {
		if s.Role == media.Active || s.Role == media.Standby || s.Role == media.Draining {
			up++
		}
		charge = charge || s.Role == media.Active
	}
	switch {
	case !charge:
		return health.Fail, "no_node", "no pictures and no sound: no media process is up; the log says why"
	case up < w.wantedNodes:
		return health.Warn, "standby_only", "one media process carries all and none stands by; the log says why"
	}
	return health.OK, "", ""
}

// rank makes the kernel kill the standby before the active node when memory runs out.
func (w *monitor) rank(s media.NodeState) {
	score := standbyScore
	if s.Role == media.Active {
		score = activeScore
	}
	if pid, ok := w.pids.Load(s.Name); ok {
		_ = supervise.SetOOMScore(pid.(int), score) // it has just ended, or the machine does not let us
	}
}
