package peer

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/forward"
)

// source is one track of one person. Guarded by Node.mu.
type source struct {
	pub     *publisher
	kind    media.Source
	audio   bool
	arrival int      // order of arrival in the room
	layers  []*layer // low to high, one without simulcast
	closed  bool

	activeRIDs []string  // rids that the publisher was last asked to send, nil: all
	idleSince  time.Time // since when fewer layers would be enough
}

// layer is one stream of a source.
type layer struct {
	source *source
	rid    string
	ssrc   uint32
	fwd    *forward.Layer
	codec  forward.Codec
	clock  uint32 // Hz

	keyAskedAt    atomic.Int64 // when a key frame was last asked for, ns since the node began
	bytes         uint64       // at the last tick
	currentRate   int          // bits/s in the last second
	lastRate      int          // bits/s, the last it had while it was sent
	silentSeconds int          // seconds without packets while other layers of the source had some
}

// minKeyInterval is the least time between two requests for a key frame of one layer. If a
// class joins at once, the publisher must still send other frames.
const minKeyInterval = 500 * time.Millisecond

// requestKeyFrame asks the publisher for a key frame.
func (l *layer) requestKeyFrame() {
	n := l.source.pub.n
	now := int64(time.Since(n.startedAt))
	last := l.keyAskedAt.Load()
	if last != 0 && now-last < int64(minKeyInterval) || !l.keyAskedAt.CompareAndSwap(last, now) {
		return
	}
	_ = l.source.pub.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: l.ssrc}})
}

// addLayer inserts a layer in its order: q, h, f of our own pages, or as numbers or words sort.
func (s *source) addLayer(l *layer) {
	s.layers = append(s.layers, l)
	slices.SortStableFunc(s.layers, func(a, b *layer) int { return cmp.Compare(ridRank(a.rid), ridRank(b.rid)) })
}

func ridRank(rid string) int {
	if i := strings.Index("qhf", rid); i >= 0 && len(rid) == 1 {
		return i
	}
	rank := 3
	for _, c := range rid {
		rank = rank*131 + int(c)
	}
	return rank
}

// closeSource ends the source: it feeds no slot any more.
func (s *source) closeSource() {
	s.closed = true
	for _, l := range s.layers {
		l.fwd.Close()
	}
	if r := s.pub.n.rooms[s.pub.request.Room]; r != nil {
		r.sources = slices.DeleteFunc(r.sources, func(x *source) bool { return x == s })
	}
}

// layerRates are the bit rates of the layers, for the choice, 0: layer not there.
func (s *source) layerRates() []int {
	rates := make([]int, len(s.layers))
	for i, l := range s.layers {
		if l.silentSeconds < maxSilentSeconds || s.isPaused(l) {
			rates[i] = max(l.lastRate, minLayerRate)
		}
	}
	return rates
}

const (
	maxSilentSeconds = 2       // seconds
	minLayerRate     = 100_000 // least bits/s assumed for a layer: a still screen moves again
)

// isPaused reports whether the layer is silent because of a request of ours.
func (s *source) isPaused(l *layer) bool {
	return s.activeRIDs != nil && l.lastRate > 0 && !slices.Contains(s.activeRIDs, l.rid)
}
