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

// source is one thing that one person publishes. Guarded by Node.mu.
type source struct {
	pub    *publisher
	what   media.Source
	audio  bool
	up     int      // order of arrival in the room
	layers []*layer // low to high; one without simulcast
	gone   bool

	active []string  // rids that the publisher was last asked to send; nil: all
	idle   time.Time // since when fewer would do
}

// layer is one stream of a source.
type layer struct {
	source *source
	rid    string
	ssrc   uint32
	fwd    *forward.Layer
	codec  forward.Codec
	clock  uint32 // Hz

	asked  atomic.Int64 // when a key frame was last asked for, ns since the node began
	bytes  uint64       // at the last tick
	now    int          // bits/s in the last second
	rate   int          // bits/s, the last it had while it was sent
	silent int          // seconds without packets while others of the source had some
}

// keyEvery is the least time between two requests for a key frame of one layer: a class that
// joins at once must not make the publisher send nothing else.
const keyEvery = 500 * time.Millisecond

// wantKey asks the publisher for a key frame.
func (l *layer) wantKey() {
	n := l.source.pub.n
	now := int64(time.Since(n.began))
	last := l.asked.Load()
	if last != 0 && now-last < int64(keyEvery) || !l.asked.CompareAndSwap(last, now) {
		return
	}
	_ = l.source.pub.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: l.ssrc}})
}

// put adds a layer in its place: q, h, f of our own pages, or as numbers or words sort.
func (s *source) put(l *layer) {
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

// drop ends the source: nothing is fed by it any more.
func (s *source) drop() {
	s.gone = true
	for _, l := range s.layers {
		l.fwd.Close()
	}
	if r := s.pub.n.rooms[s.pub.ask.Room]; r != nil {
		r.sources = slices.DeleteFunc(r.sources, func(x *source) bool { return x == s })
	}
}

// rates are the bit rates of the layers, for the choice; 0: not there.
func (s *source) rates() []int {
	rates := make([]int, len(s.layers))
	for i, l := range s.layers {
		if l.silent < silentMax || s.paused(l) {
			rates[i] = max(l.rate, firstLayer)
		}
	}
	return rates
}

const (
	silentMax  = 2       // seconds
	firstLayer = 100_000 // bits/s that a layer is taken for at least: a still screen moves again
)

// paused tells that the layer is silent because it was asked to be.
func (s *source) paused(l *layer) bool {
	return s.active != nil && l.rate > 0 && !slices.Contains(s.active, l.rid)
}
