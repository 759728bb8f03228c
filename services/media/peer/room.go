package peer

import (
	"cmp"
	"slices"
	"time"

	"github.com/livelearn/box/services/media"
)

// room holds the sessions that publish and watch together. Guarded by Node.mu.
type room struct {
	id        string
	sources   []*source
	watchers  []*watcher
	muted     map[mutedKey]bool
	lastSpoke map[string]time.Time // when a person was last heard
	arrivals  int
	speakers  []string // as in the last event
	rec       *recording
}

type mutedKey struct {
	user string
	kind media.Source
}

// ensureRoom finds or makes a room.
func (n *Node) ensureRoom(id string) *room {
	r := n.rooms[id]
	if r == nil {
		r = &room{id: id, muted: map[mutedKey]bool{}, lastSpoke: map[string]time.Time{}}
		n.rooms[id] = r
	}
	return r
}

func (r *room) addSource(p *publisher, what media.Source, audio bool) *source {
	r.arrivals++
	s := &source{pub: p, kind: what, audio: audio, arrival: r.arrivals}
	r.sources = append(r.sources, s)
	return s
}

// rankedSources are the sources of a kind, the most important first: teachers before pupils, a
// screen before a camera, the latest speaker first, then the earliest to join.
func (r *room) rankedSources(audio bool) []*source {
	var list []*source
	for _, s := range r.sources {
		if s.audio == audio && !r.muted[mutedKey{s.pub.request.User, s.kind}] && len(s.layers) > 0 {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b *source) int {
		return cmp.Or(
			-compareBool(a.pub.first, b.pub.first),
			-compareBool(a.kind == media.Screen, b.kind == media.Screen),
			r.lastSpoke[b.pub.request.User].Compare(r.lastSpoke[a.pub.request.User]),
			cmp.Compare(a.arrival, b.arrival),
		)
	})
	return list
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// assignSources assigns sources to slots: the first of ranked that find a place. A source keeps
// its slot, so that pictures do not jump about.
func assignSources(now, ranked []*source) []*source {
	want := ranked[:min(len(now), len(ranked))]
	next := make([]*source, len(now))
	for i, s := range now {
		if s != nil && slices.Contains(want, s) {
			next[i] = s
		}
	}
	for _, s := range want {
		if !slices.Contains(next, s) {
			next[slices.Index(next, nil)] = s
		}
	}
	return next
}

// arrangeRoom decides again on the sources for every watcher of a room. The caller holds mu.
func (n *Node) arrangeRoom(id string) {
	r := n.rooms[id]
	if r == nil {
		return
	}
	sound, pictures := r.rankedSources(true), r.rankedSources(false)
	for _, w := range r.watchers {
		w.arrangeSlots(sound, pictures)
	}
	r.pauseUnwatchedLayers(n, time.Now())
	if len(r.watchers) == 0 && len(r.sources) == 0 && r.rec == nil && len(r.muted) == 0 && !n.inUse(id) {
		delete(n.rooms, id)
	}
}

// inUse reports whether a session is connecting in the room.
func (n *Node) inUse(id string) bool {
	for _, s := range n.sessions {
		if in, _ := s.roomAndUser(); in == id {
			return true
		}
	}
	return false
}
