package forward

import (
	"context"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/livelearn/box/services/supervise"
)

// Config of the works. The zero value is one shard a core, everything probed.
type Config struct {
	Shards int  // 0: one for each core, at most 4
	NoGSO  bool // never use UDP_SEGMENT
}

// Mode tells what the probe at the start, and errors since, decided.
type Mode struct {
	GSO   bool   // UDP_SEGMENT works on this socket
	Batch string // "sendmmsg" or "write" (not Linux)
}

// Works is the shards and the socket they send on.
type Works struct {
	conn   *net.UDPConn
	six    bool // the socket speaks IPv6, and IPv4 as mapped addresses
	gso    atomic.Bool
	shards []*shard
	late   chan unfinished // frames; full: the frame is sent at once
	in     atomic.Uint64
	full   atomic.Uint64 // bursts that found a mailbox full
}

// New makes works that send on conn, which the caller keeps open until Serve has returned. A
// nil conn carries only plain subscribers.
func New(cfg Config, conn *net.UDPConn) (*Works, error) {
	w := &Works{conn: conn, late: make(chan unfinished, 256)}
	if conn != nil {
		w.six = sixOf(conn)
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
func (w *Works) Serve(ctx context.Context) error {
	tasks := supervise.Group(ctx)
	for _, s := range w.shards {
		tasks.Go(s.serve)
	}
	tasks.Go(w.finish)
	return tasks.Wait()
}

// finish sends frames whose end does not come.
func (w *Works) finish(ctx context.Context) error {
	timer := time.NewTimer(frameHold)
	defer timer.Stop()
	for {
		var u unfinished
		select {
		case <-ctx.Done():
			return nil
		case u = <-w.late:
		}
		timer.Reset(time.Until(u.since.Add(frameHold)))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		u.layer.armed.Store(false)
		u.layer.flush(u.layer.head.Load(), u.layer.lastNS.Load())
	}
}

// unfinished is a layer whose frame began then.
type unfinished struct {
	layer *Layer
	since time.Time
}

// post hands a burst to the shards that have watchers of its layer.
func (w *Works) post(j job) {
	for i, s := range w.shards {
		if j.layer.fans[i].Load() == 0 {
			continue
		}
		select {
		case s.mail <- j:
		default:
			w.full.Add(1)
		}
	}
}

// Mode tells how it sends.
func (w *Works) Mode() Mode { return Mode{GSO: w.gso.Load(), Batch: batchWay} }

// Totals are counted since the start. Dropped are packets that could not be sent and bursts
// that found a shard busy.
type Totals struct {
	PacketsIn, PacketsOut, BytesOut, Dropped, Retransmits, Sends uint64
}

// Totals sums the shards' counters.
func (w *Works) Totals() Totals {
	t := Totals{PacketsIn: w.in.Load(), Dropped: w.full.Load()}
	for _, s := range w.shards {
		t.PacketsOut += s.sent.Load()
		t.BytesOut += s.octets.Load()
		t.Dropped += s.dropped.Load()
		t.Retransmits += s.again.Load()
		t.Sends += s.calls.Load()
	}
	return t
}

func sixOf(c *net.UDPConn) bool {
	a, ok := c.LocalAddr().(*net.UDPAddr)
	return ok && a.IP.To4() == nil
}
