package peer

import (
	"sync/atomic"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// witness counts the RTP packets that pion writes on the connections it is in.
type witness struct {
	interceptor.NoOp
	wrote atomic.Int64
}

func (w *witness) NewInterceptor(string) (interceptor.Interceptor, error) { return w, nil }

func (w *witness) BindLocalStream(_ *interceptor.StreamInfo, to interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		w.wrote.Add(1)
		return to.Write(h, payload, a)
	})
}

// Hazard: two writers with one key would repeat nonces. On the fast path pion has no
// interceptor that could send again, no track has its writer, and it writes nothing while
// media flows and is repaired. On the plain path all three are so, which shows that the
// questions are asked well.
func TestPionHasNoWayToWriteOnTheFastPath(t *testing.T) {
	for name, cfg := range map[string]Config{"fast": {}, "plain": {Plain: true}} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, cfg)
			registry := n.api.bare
			if cfg.Plain {
				registry = n.api.own
			}
			chain, err := registry.Build("")
			check(t, err)
			if _, none := chain.(*interceptor.NoOp); none == cfg.Plain {
				t.Errorf("pion has the interceptors %T", chain)
			}
			var w witness
			registry.Add(&w)
			publish(t, n, "c1", "ada", true)
			l := newLink(t, n, nil)
			v := watchOver(t, n, l, "c1", "ben", 2, 2)
			l.loss.Store(50)
			until(t, "a picture", func() bool { return v.seen("video0").packets > 200 && v.seen("audio0").packets > 10 })
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
			if wrote := w.wrote.Load(); cfg.Plain != (wrote > 100) || !cfg.Plain && wrote > 0 {
				t.Errorf("pion wrote %d packets", wrote)
			}
		})
	}
}
