package forward

import (
	"context"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/livelearn/box/services/supervise"
)

// Config is the configuration of a Forwarder. The zero value is one shard a core, everything
// probed.
type Config struct {
	Shards int  // 0: one for each core, at most 4
	NoGSO  bool // disables UDP_SEGMENT
}

// Mode is the send path that the probe at the start, and later errors, selected.
type Mode struct {
	GSO   bool   // UDP_SEGMENT works on this socket
	Batch string // "sendmmsg" or "write" (not Linux)
}

// Forwarder owns the shards and the socket they send on.
type Forwarder struct {
	conn          *net.UDPConn
	ipv6          bool // the socket speaks IPv6, and IPv4 as mapped addresses
	gso           atomic.Bool
	shards        []*shard
	unfinished    chan unfinishedFrame // frames, full: the frame is sent at once
	packetsIn     atomic.Uint64
	droppedBursts atomic.Uint64 // bursts that found a mailbox full
}

// New makes a Forwarder that sends on conn. The caller keeps conn open until Serve has returned.
// With a nil conn there can be only plain subscribers.
func New(cfg Config, conn *net.UDPConn) (*Forwarder, error) {
	w := &Forwarder{conn: conn, unfinished: make(chan unfinishedFrame, 256)}
	if conn != nil {
		w.ipv6 = isIPv6(conn)
		w.gso.Store(!cfg.NoGSO && probeGSO())
	}
	n := cfg.Shards
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for i := range min(n, maxShards) {
		w.shards = append(w.shards, newShard(w, i))
	}
	return w, nil
}

// Serve runs the shards until ctx ends.
func (w *Forwarder) Serve(ctx context.Context) error {
	tasks := supervise.Group(ctx)
	for _, s := range w.shards {
		tasks.Go(s.runShard)
	}
	tasks.Go(w.flushUnfinished)
	return tasks.Wait()
}

// flushUnfinished sends frames without an end.
func (w *Forwarder) flushUnfinished(ctx context.Context) error {
	timer := time.NewTimer(unfinishedHold)
	defer timer.Stop()
	for {
		var u unfinishedFrame
		select {
		case <-ctx.Done():
			return nil
		case u = <-w.unfinished:
		}
		timer.Reset(time.Until(u.since.Add(unfinishedHold)))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		u.layer.flushArmed.Store(false)
		u.layer.flushBurst(u.layer.head.Load(), u.layer.lastNS.Load())
	}
}

// unfinishedFrame is a layer with a frame that began at that time.
type unfinishedFrame struct {
	layer *Layer
	since time.Time
}

// postBurst hands a burst to the shards that have watchers of its layer.
func (w *Forwarder) postBurst(j shardMessage) {
	for i, s := range w.shards {
		if j.layer.subscriberCount[i].Load() == 0 {
			continue
		}
		select {
		case s.mailbox <- j:
		default:
			w.droppedBursts.Add(1)
		}
	}
}

// Mode returns the send path.
func (w *Forwarder) Mode() Mode { return Mode{GSO: w.gso.Load(), Batch: batchMethod} }

// Totals are counted since the start. Dropped are packets that could not be sent and bursts
// that found a shard busy.
type Totals struct {
	PacketsIn, PacketsOut, BytesOut, Dropped, Retransmits, Sends uint64
}

// Totals sums the shards' counters.
func (w *Forwarder) Totals() Totals {
	t := Totals{PacketsIn: w.packetsIn.Load(), Dropped: w.droppedBursts.Load()}
	for _, s := range w.shards {
		t.PacketsOut += s.sent.Load()
		t.BytesOut += s.octets.Load()
		t.Dropped += s.dropped.Load()
		t.Retransmits += s.retransmits.Load()
		t.Sends += s.calls.Load()
	}
	return t
}

func isIPv6(c *net.UDPConn) bool {
	a, ok := c.LocalAddr().(*net.UDPAddr)
	return ok && a.IP.To4() == nil
}
