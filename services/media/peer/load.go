package peer

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/forward"
)

// cpuMeter measures the process's share of the machine. Guarded by Node.mu.
type cpuMeter struct {
	at   time.Time
	used time.Duration
	cpu  float64
}

func (m *cpuMeter) sampleUsage(now time.Time) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return
	}
	used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if !m.at.IsZero() {
		m.cpu = float64(used-m.used) / float64(now.Sub(m.at)) / float64(runtime.NumCPU())
	}
	m.at, m.used = now, used
}

// Load implements media.Node.
func (n *Node) Load(context.Context) (media.Load, error) {
	totals, mode := n.forwarder.Totals(), n.forwarder.Mode()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return media.Load{}, errs.NewCode("media.Load", errs.Down, "stopping", "the node does not serve")
	}
	l := media.Load{
		Watchers: n.countWatchers(), Capacity: n.cfg.Capacity, CPU: n.meter.cpu,
		Path: "fast", GSO: mode.GSO, Profile: profileName(n.cfg.Profiles),
		PacketsIn: totals.PacketsIn, PacketsOut: totals.PacketsOut, Dropped: totals.Dropped, Retransmits: totals.Retransmits,
		Up: time.Since(n.startedAt),
	}
	if n.cfg.Plain {
		l.Path, l.GSO = "plain", false
	}
	for _, s := range n.sessions {
		if _, ok := s.(*publisher); ok {
			l.Publishers++
		}
	}
	return l, nil
}

func profileName(order []forward.Profile) string {
	if len(order) > 0 && order[0] == forward.AES128CMSHA180 {
		return "AES128_CM_HMAC_SHA1_80"
	}
	return "AEAD_AES_128_GCM"
}
