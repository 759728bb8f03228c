// Package medianode runs the media nodes of a box: two processes of this program, of which one
// is active and one is the standby. Package firmware makes one Nodes for each box that carries media.
// The program calls Inherit and Serve in such a process.
//
// A node that dies or hangs is replaced. The lesson continues without media meanwhile.
package medianode

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/firmware/logging"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/supervise"
)

// Deps is what the nodes of a box need of it.
type Deps struct {
	Program    string         // the program that is started as `PROGRAM media`; empty: this one
	Stderr     io.Writer      // where the processes write their log; nil: nowhere
	LogConfig  logging.Config // of the processes
	Recordings string         // the folder of all recordings
	Health     *health.Health
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Nodes are the media nodes of a box: the failover between them and their processes.
type Nodes struct {
	*media.Failover
	cfg       Config
	deps      Deps
	processes *supervise.Supervisor
	pids      sync.Map // of the processes that run, by name
}

// New starts nothing. Processes and Monitor run in the tree of the box.
func New(cfg Config, deps Deps) *Nodes {
	n := &Nodes{cfg: cfg.WithDefaults(), deps: deps, Failover: media.NewFailover(deps.Log, cfg.nodeNames()...)}
	n.processes = n.newSupervisor()
	deps.Metrics.MustRegister(nodeMetrics{n.Failover})
	return n
}

// Processes runs the media processes.
func (n *Nodes) Processes() *supervise.Supervisor { return n.processes }

// Monitor reports the state of the nodes to health.
func (n *Nodes) Monitor() supervise.Service {
	return &monitor{nodes: n.Failover, wantedNodes: len(n.cfg.nodeNames()), pids: &n.pids, health: n.deps.Health}
}

// Drain empties a node and restarts its process. It returns when the new process starts.
func (n *Nodes) Drain(ctx context.Context, name string) error {
	if err := n.Failover.Drain(ctx, name); err != nil {
		return err
	}
	return n.processes.Restart(name)
}

// HasActive says whether a node carries media.
func (n *Nodes) HasActive() bool {
	for _, s := range n.States() {
		if s.Role == media.Active {
			return true
		}
	}
	return false
}
