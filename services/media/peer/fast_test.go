package peer

import (
	"sync/atomic"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// rtpWriteCounter counts the connections it is in, and the RTP packets that pion writes there.
type rtpWriteCounter struct {
	interceptor.NoOp
	conns, wrote atomic.Int64
}

func (w *rtpWriteCounter) NewInterceptor(string) (interceptor.Interceptor, error) {
	w.conns.Add(1)
	return w, nil
}

func (w *rtpWriteCounter) BindLocalStream(_ *interceptor.StreamInfo, to interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		w.wrote.Add(1)
		return to.Write(h, payload, a)
	})
}

// Hazard: two writers with one key would repeat nonces. On the fast path pion has no
// interceptor that could send again, no track has its writer, and it writes nothing while media
// flows and is repaired. The plain path has all of that, which proves the checks.
func TestPionHasNoWayToWriteOnTheFastPath(t *testing.T) {
	for name, cfg := range map[string]Config{"fast": {}, "plain": {Plain: true}} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, cfg)
			chain, err := n.api.fastInterceptors.Build("")
			checkError(t, err)
			if _, none := chain.(*interceptor.NoOp); !none {
				t.Errorf("pion has interceptors on the fast path: %T", chain)
			}
			var bare, own rtpWriteCounter
			n.api.fastInterceptors.Add(&bare)
			n.api.plainInterceptors.Add(&own)
			publishCamera(t, n, "c1", "ada", true)
			l := newLink(t, n, nil)
			v := watchOver(t, n, l, "c1", "ben", 2, 2)
			l.loss.Store(50)
			waitUntil(t, "a picture", func() bool { return v.seen("video0").packets > 200 && v.seen("audio0").packets > 10 })
			n.mu.Lock()
			defer n.mu.Unlock()
			writers := 0
			for _, s := range n.sessions["ben-watch"].(*watcher).slots {
				if s.writer != nil {
					writers++
				}
			}
			if cfg.Plain != (writers == 4) || !cfg.Plain && writers > 0 {
				t.Errorf("%d tracks have pion's writer", writers)
			}
			if cfg.Plain != (own.conns.Load() == 1) || cfg.Plain == (bare.conns.Load() == 1) {
				t.Errorf("%d connections have no interceptors, %d have pion's", bare.conns.Load(), own.conns.Load())
			}
			if wrote := bare.wrote.Load() + own.wrote.Load(); cfg.Plain != (wrote > 100) || !cfg.Plain && wrote > 0 {
				t.Errorf("pion wrote %d packets", wrote)
			}
		})
	}
}
